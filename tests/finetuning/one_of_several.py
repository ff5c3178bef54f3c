"""A worker of a run: ``python -m tests.finetuning.one_of_several FOLDER RANK SIZE MEETING``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from torch import distributed

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.running.training import is_right
from ragft_core.finetuning.training.job import run_training
from ragft_core.finetuning.training.workers.peers import ConnectedPeers
from ragft_core.jobs import JobContext, QuietContext
from ragft_core.workspace import Workspace, read_json


def main() -> None:
    folder, rank, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    distributed.init_process_group(
        "gloo", init_method=f"file://{sys.argv[4]}", rank=rank, world_size=size
    )
    kind = JobContext if rank == 0 else QuietContext
    context = kind(Workspace(folder.parent.parent), folder, read_json(folder / "spec.json")["spec"])
    run_training(context, partial(is_right, labelling=Labelling()), ConnectedPeers())
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
