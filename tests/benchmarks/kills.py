"""A training that is killed again and again, against the same one left alone.

    python -m tests.benchmarks.kills [--kills 10] [--tokens 8000] [--rewordings 1] [--seed 0]

The product's own run, in the background, with the bundled model and the tramway's examples: rewordings,
held-out questions, refit. One run is killed (SIGKILL) at random moments, wherever it is, and
resumed each time; the other runs through. Told are the phases in which it was killed, the final
validation losses, and how far the two adapters' weights are apart. Ends with 1 where the losses differ
by more than one per cent.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from ragft_core.finetuning import preset_config, save_examples, start_run
from ragft_core.jobs import Job, JobState
from ragft_core.jobs.process import read_mark
from ragft_core.knowledge import KnowledgeBase, embedder_of, texts_of
from ragft_core.settings import Settings
from ragft_core.types import Example
from ragft_core.workspace import Workspace, create_workspace, read_json
from tests.benchmarks.recall import HERE, read

DATA = HERE / "tramway"
# A life shorter than this ends while the models are loaded.
LIFE_S = (3.0, 40.0)


def main(argv: Sequence[str] | None = None) -> None:
    """Trains twice and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=8_000)
    parser.add_argument("--rewordings", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    config = replace(preset_config("quick"), most_tokens=options.tokens)
    config = replace(config, rewordings=options.rewordings)
    with tempfile.TemporaryDirectory() as folder:
        workspace = _workspace(Path(folder) / "kills")
        texts = texts_of(workspace)
        whole = start_run(workspace, config, texts=texts)
        _end(whole)
        killed = start_run(workspace, config, texts=texts)
        chance = random.Random(options.seed)
        places = [place for _ in range(options.kills) if (place := _kill(killed, chance))]
        _end(killed)
        print(f"killed {len(places)} times: {'; '.join(places)}")
        sys.exit(_compare(workspace, whole, killed))


def _workspace(path: Path) -> Workspace:
    workspace = create_workspace(Settings(), "Kills", path)
    rows = [
        Example(f"{n}-{k}", question, row["answer"], document_id=row["document"])
        for n, row in enumerate(read(DATA / "questions.jsonl"))
        for k, question in enumerate(row["trained"])
    ]
    save_examples(workspace, rows)
    base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    base.add_files([(file.name, file) for file in sorted(DATA.glob("*.md"))])
    return workspace


def _kill(job: Job, chance: random.Random) -> str:
    """Kills the job at a random moment and resumes it; says where it was, empty if it was done."""
    time.sleep(chance.uniform(*LIFE_S))
    status, mark = job.status(), read_mark(job.folder / "process.json")
    if status.state is not JobState.RUNNING or mark is None:
        return ""
    os.kill(mark.pid, signal.SIGKILL)
    ended = job.wait(60)
    if ended.state is not JobState.INTERRUPTED:
        return ""
    job.resume()
    return status.message


def _end(job: Job) -> None:
    status = job.wait(3600)
    if status.state is not JobState.SUCCEEDED:
        raise SystemExit(f"{status}\n{job.log_tail()}")


def _compare(workspace: Workspace, whole: Job, killed: Job) -> int:
    folders = [workspace.path / "adapters" / job.id for job in (whole, killed)]
    losses = [float(read_json(folder / "card.json")["val_loss"]) for folder in folders]
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in folders)
    apart = max((one[name] - two[name]).abs().max().item() for name in one)
    off = abs(losses[1] / losses[0] - 1)
    print(
        f"final validation loss {losses[0]:.4f} left alone, {losses[1]:.4f} killed ({off:.2%} apart); "
        f"weights at most {apart:.1e} apart"
    )
    return int(off > 0.01)


if __name__ == "__main__":
    main()
