"""Jobs on a Ray cluster: how much two workers are faster than one, and that a kill loses nothing.

    python -m tests.benchmarks.cluster speed [DOCUMENTS]
    python -m tests.benchmarks.cluster training [TOKENS]
    python -m tests.benchmarks.cluster search [TOKENS]
    python -m tests.benchmarks.cluster kills [ROUNDS]

The first three compare a cluster of one node with one processor, all of it held to one core, with one of
two nodes on two cores; each worker has one thread. ``speed`` takes in documents, ``training`` is one run
that two workers share, ``search`` four trials, both on the tramway's examples without rewordings.
The time holds everything from the order to the end, the start of job, workers and models included;
beside it stands what other programs of the machine took of the processors meanwhile, because they slow
down two cores more than one. ``kills`` ends one process of the cluster that works on the job at a random
moment of each round of ingest, workers and the job's own process alike, and holds the index against one
that was made in peace.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil

from ragft_core.finetuning import RunConfig, preset_config, save_examples, start_run
from ragft_core.finetuning.training import start_sweep
from ragft_core.jobs import Job, JobState
from ragft_core.jobs.kinds import KINDS, Kind
from ragft_core.knowledge import Embedder, KnowledgeBase, start_ingest
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.types import Example
from ragft_core.workspace import Workspace, create_workspace
from tests.benchmarks.recall import HERE, read
from tests.cluster import ray_cluster

TRAMWAY = HERE / "tramway"

DOCUMENTS = Path(__file__).resolve().parents[2] / "ragft_core/samples/knowledge/documents"
WORDS = (
    "kiln glaze firing cone clay studio order price warranty days shelf element thermocouple "
    "heron wren bittern delivery island handbook safety ventilation course member invoice"
).split()


def written(folder: Path, n: int) -> list[tuple[str, Path]]:
    """Documents of about 6,000 words made by chance, the same every time."""
    chance = random.Random(0)
    files = []
    for number in range(n):
        paragraphs = (" ".join(chance.choices(WORDS, k=90)) + "." for _ in range(66))
        path = folder / f"notes-{number:03}.md"
        path.write_text(f"# Notes {number}\n\n" + "\n\n".join(paragraphs), encoding="utf-8")
        files.append((path.name, path))
    return files


def ingest(n: int, workspace: Workspace) -> Job:
    folder = workspace.folder("in")
    return start_ingest(workspace, written(folder, n))


def training(n_tokens: int, workspace: Workspace) -> Job:
    return start_run(taught(workspace), few_tokens(n_tokens))


def search(n_tokens: int, workspace: Workspace) -> Job:
    return start_sweep(taught(workspace), few_tokens(n_tokens), 60)


def taught(workspace: Workspace) -> Workspace:
    """The workspace with the tramway's examples."""
    rows = enumerate(read(TRAMWAY / "questions.jsonl"))
    save_examples(
        workspace,
        [
            Example(f"{n}-{k}", question, row["answer"])
            for n, row in rows
            for k, question in enumerate(row["trained"])
        ],
    )
    return workspace


def few_tokens(n: int) -> RunConfig:
    return replace(preset_config("quick"), most_tokens=n, rewordings=0)


def compared(task: Callable[[int, Workspace], Job], size: int) -> None:
    found = {cores: measured(task, size, cores) for cores in (1, 2)}
    print(f"two workers are {found[1] / found[2]:.2f} times as fast")


def measured(task: Callable[[int, Workspace], Job], size: int, cores: int) -> float:
    """Seconds of a job on so many nodes with a core each."""
    os.sched_setaffinity(0, set(range(cores)))
    with tempfile.TemporaryDirectory() as scratch, ray_cluster(nodes=cores) as cluster:
        home = {"RAGFT_HOME": scratch, "RAGFT_THREADS": "1", "RAGFT_RAY_WORKERS": str(cores)}
        models = {"RAGFT_MODELS": str(Settings().models)}
        with (
            patch.dict(os.environ, home | models | cluster.variables),
            patch.dict(KINDS, {"sweep": Kind("tests.jobs.kinds:few_trials", spreads=True)}),
        ):
            workspace = create_workspace(Settings(), "Speed")
            others, began = of_others(), time.monotonic()
            job = task(size, workspace)
            while job.status().active:
                time.sleep(0.2)
            seconds = time.monotonic() - began
            others, status = of_others() - others, job.status()
            assert status.state is JobState.SUCCEEDED, job.log_tail()
    print(
        f"{cores} worker(s), one core each: {seconds:.1f} s ({status.message}); other programs took "
        f"{100 * others / seconds / (os.cpu_count() or 1):.0f} % of the machine",
        flush=True,
    )
    return seconds


def of_others() -> float:
    """Processor seconds that processes used which this one has not started."""
    own = {process.pid for process in psutil.Process().children(recursive=True)}
    found = 0.0
    for process in psutil.process_iter(["cpu_times", "cmdline"]):
        line = " ".join(process.info.get("cmdline") or [])
        if process.pid not in own and "ray" not in line and process.info["cpu_times"]:
            found += sum(process.info["cpu_times"][:2])
    return found


def kills(rounds: int) -> None:
    chance = random.Random(int.from_bytes(os.urandom(4)))
    with tempfile.TemporaryDirectory() as scratch, ray_cluster() as cluster:
        home = {"RAGFT_HOME": scratch, "RAGFT_THREADS": "1"}
        with patch.dict(os.environ, home | cluster.variables):
            settings = Settings()
            (Path(scratch) / "in").mkdir()
            files = [(path.name, path) for path in sorted(DOCUMENTS.iterdir())]
            files += written(Path(scratch) / "in", 3)
            embedder = Embedder(fetch(EMBEDDER, settings.models), 1)
            peaceful = KnowledgeBase(create_workspace(settings, "Peace"), embedder)
            peaceful.add_files(files)
            expected = rows_of(peaceful)
            killed = {"worker": 0, "job": 0, "nothing": 0}
            for number in range(rounds):
                workspace = create_workspace(settings, f"Round {number}")
                job = start_ingest(workspace, files)
                time.sleep(chance.uniform(2.0, 16.0))
                what = kill_one(job, chance)
                killed[what] += 1
                while job.wait(180).state is JobState.INTERRUPTED:
                    job.resume()
                assert job.status().state is JobState.SUCCEEDED, job.status()
                base = KnowledgeBase(workspace, embedder)
                assert rows_of(base) == expected, f"round {number}: the index differs"
                assert len(base.documents()) == len(files)
                print(
                    f"round {number + 1}: {what} ended, {len(expected)} chunks as before",
                    flush=True,
                )
    print(f"{rounds} rounds, ended: {killed}; no chunk lost, none twice")


def kill_one(job: Job, chance: random.Random) -> str:
    """Ends a process that works on the job: a worker, or now and then the job's own."""
    workers, own = [], []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        workers += [process] if any(part in ("ray::_embed", "ray::_read") for part in line) else []
        own += [process] if "ragft_core.jobs" in line and str(job.folder) in line else []
    if own and (not workers or chance.random() < 0.25):
        own[0].kill()
        return "job"
    if workers:
        chance.choice(workers).kill()
        return "worker"
    return "nothing"


def rows_of(base: KnowledgeBase) -> dict[str, tuple[str, bytes]]:
    """Text and vector of every chunk in the index; each is there once."""
    table = base._index.table().search().select(["id", "text", "vector"]).limit(None).to_arrow()
    rows = table.to_pylist()
    assert len({row["id"] for row in rows}) == len(rows), "a chunk is there twice"
    return {row["id"]: (row["text"], np.float32(row["vector"]).tobytes()) for row in rows}


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "speed"
    task, size = TASKS[what]
    task(int(sys.argv[2]) if len(sys.argv) > 2 else size)


# What each does, and its usual size.
TASKS = {
    "speed": (partial(compared, ingest), 24),
    "training": (partial(compared, training), 8000),
    "search": (partial(compared, search), 3000),
    "kills": (kills, 20),
}

if __name__ == "__main__":
    main()
