"""Ingest on a Ray cluster: how much two workers are faster than one, and that a kill loses nothing.

    python -m tests.benchmarks.cluster speed [DOCUMENTS]
    python -m tests.benchmarks.cluster kills [ROUNDS]

``speed`` compares a cluster of one node with one processor, all of it held to one core, with one of
two nodes on two cores; each worker has one thread. Both times hold everything from the order to the
last document, the start of the workers with their models included; beside them stands the time from
the first group kept to the last. ``kills`` ends one process of the cluster that works on the job at
a random moment of each round, workers and the job's own process alike, and holds the index against
one that was made in peace.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil

from ragft_core.jobs import Job, JobState
from ragft_core.knowledge import Embedder, KnowledgeBase, ingest_state, start_ingest
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, create_workspace
from tests.cluster import ray_cluster

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


def speed(n: int) -> None:
    found = {}
    for cores in (1, 2):
        os.sched_setaffinity(0, set(range(cores)))
        with tempfile.TemporaryDirectory() as scratch, ray_cluster(nodes=cores) as cluster:
            home = {"RAGFT_HOME": scratch, "RAGFT_THREADS": "1"}
            with patch.dict(os.environ, home | cluster.variables):
                (Path(scratch) / "in").mkdir()
                files = written(Path(scratch) / "in", n)
                workspace = create_workspace(Settings(), "Speed")
                whole, within, chunks = timed_ingest(workspace, files)
        found[cores] = whole, within
        print(
            f"{cores} worker(s), one core each: {whole:.1f} s in all, {within:.1f} s from the first "
            f"group kept to the last, {chunks} chunks",
            flush=True,
        )
    print(
        f"two workers are {found[1][0] / found[2][0]:.2f} times as fast in all, "
        f"{found[1][1] / found[2][1]:.2f} times once they work"
    )


def timed_ingest(workspace: Workspace, files: list[tuple[str, Path]]) -> tuple[float, float, int]:
    began, first = time.monotonic(), 0.0
    job = start_ingest(workspace, files)
    while job.status().active:
        if not first and ingest_state(job).reports:
            first = time.monotonic()
        time.sleep(0.2)
    ended = time.monotonic()
    assert job.status().state is JobState.SUCCEEDED, job.log_tail()
    return ended - began, ended - first, ingest_state(job).n_chunks


def kills(rounds: int) -> None:
    chance = random.Random(int.from_bytes(os.urandom(4)))
    with tempfile.TemporaryDirectory() as scratch, ray_cluster() as cluster:
        home = {"RAGFT_HOME": scratch, "RAGFT_THREADS": "1"}
        with patch.dict(os.environ, home | cluster.variables):
            settings = Settings()
            (Path(scratch) / "in").mkdir()
            files = [(path.name, path) for path in sorted(DOCUMENTS.iterdir())]
            files += written(Path(scratch) / "in", 6)
            embedder = Embedder(fetch(EMBEDDER, settings.models), 1)
            peaceful = KnowledgeBase(create_workspace(settings, "Peace"), embedder)
            peaceful.add_files(files)
            expected = rows_of(peaceful)
            killed = {"worker": 0, "job": 0, "nothing": 0}
            for number in range(rounds):
                workspace = create_workspace(settings, f"Round {number}")
                job = start_ingest(workspace, files)
                time.sleep(chance.uniform(2.0, 14.0))
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
    if what == "kills":
        kills(int(sys.argv[2]) if len(sys.argv) > 2 else 20)
    else:
        speed(int(sys.argv[2]) if len(sys.argv) > 2 else 48)


if __name__ == "__main__":
    main()
