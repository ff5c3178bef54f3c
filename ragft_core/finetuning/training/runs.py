"""Starting and listing fine-tuning runs. A run is a job of kind ``train``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from ragft_core.errors import ModelError, TrainingDataError
from ragft_core.finetuning.examples.store import Division, divide, load_examples
from ragft_core.finetuning.training.config import RunConfig, check_config
from ragft_core.finetuning.training.rows import TrainingRow, find_gold
from ragft_core.jobs import Job, list_jobs, start_job
from ragft_core.types import Example, Split
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_jsonl

# For one example, the passages that retrieval gives with the right one among them, best first.
Passages = Callable[[Example], list[tuple[str, str]]]
ROWS = "rows.jsonl"
MOST_PASSAGES = 5


def start_run(workspace: Workspace, config: RunConfig, passages: Passages | None = None) -> Job:
    """Starts a fine-tuning run in the background.

    The rows are written into the job's folder, so later changes to the examples or the documents
    do not reach a run that has started.

    Args:
        workspace: Whose examples and whose model.
        config: How to train.
        passages: Gives an example's (title, text) passages; needed for training with passages.

    Raises:
        TrainingDataError: There are too few examples, or no passages to train with.
        ModelError: The workspace's model cannot be fine-tuned here.
        SettingsError: The config cannot be used.
    """
    check_config(config)
    settings = workspace.settings()
    if settings.model.kind == "endpoint":
        raise ModelError(
            f"The model {settings.model.name} is reached through an endpoint and cannot be "
            "fine-tuned here.",
            "Choose the bundled model or a local folder for this workspace.",
        )
    division = divide(load_examples(workspace), config.seed)
    rows = _rows(division, passages if config.with_context else None)
    if config.with_context and not any(row.passages for row in rows):
        raise TrainingDataError(
            "An adapter for the hybrid arm is trained with retrieved passages, and there are none.",
            "Add documents first, or train for the fine-tuned arm.",
        )
    spec = {
        "config": to_dict(config),
        "model": to_dict(settings.model),
        "instruction": settings.instruction,
        "rewordings": division.rewordings,
        "counts": {"train": len(division.train), "validation": len(division.validation)},
    }

    def prepare(folder: Path) -> None:
        write_jsonl(folder / ROWS, [to_dict(row) for row in rows])

    return start_job(workspace, "train", spec, prepare)


def list_runs(workspace: Workspace) -> list[Job]:
    """The workspace's fine-tuning runs, newest first."""
    return list_jobs(workspace, "train")


def _rows(division: Division, passages: Passages | None) -> list[TrainingRow]:
    parts: Sequence[tuple[Split, Sequence[Example]]] = (
        (Split.TRAIN, division.train),
        (Split.VALIDATION, division.validation),
    )
    return [
        _row(dataclasses.replace(example, split=split), passages)
        for split, examples in parts
        for example in examples
    ]


def _row(example: Example, passages: Passages | None) -> TrainingRow:
    if passages is None:
        return TrainingRow(example, example.split)
    found = [(str(title), str(text)) for title, text in passages(example)]
    gold = find_gold(example, found)
    kept = found[:MOST_PASSAGES]
    if gold is not None and gold >= MOST_PASSAGES:  # never without the passage that answers
        kept, gold = [found[gold], *found[: MOST_PASSAGES - 1]], 0
    return TrainingRow(example, example.split, tuple(kept), gold)
