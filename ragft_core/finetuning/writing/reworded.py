"""The rows of a run in other words: written once, before the first step, and kept with the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ragft_core.finetuning.adapters import get_adapter
from ragft_core.finetuning.config import Origin
from ragft_core.finetuning.examples.store import load_examples
from ragft_core.finetuning.rows.rows import Right, TrainingRow
from ragft_core.finetuning.writing.job import adapters_for
from ragft_core.finetuning.writing.rewording import Fact, Sources, facts_of, reword
from ragft_core.jobs import JobContext
from ragft_core.settings import Settings
from ragft_core.types import Example, ModelChoice, Split
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import read_jsonl, read_values, write_jsonl

REWORDED = "reworded.jsonl"


def with_sources(rows: Sequence[TrainingRow], texts: Sequence[str]) -> list[TrainingRow]:
    """The trained rows with the passage that tells their answer.

    Args:
        rows: Of a run.
        texts: The documents' texts, for rows that have no passage.
    """
    sources = Sources(texts)

    def source(row: TrainingRow) -> str:
        if row.gold is not None:
            return "\n".join(row.passages[row.gold])
        return sources.of(row.example)

    return [replace(row, source=source(row)) if row.split is Split.TRAIN else row for row in rows]


def reworded_rows(
    context: JobContext,
    model: ModelChoice,
    wanted: int,
    rows: Sequence[TrainingRow],
    right: Right,
) -> list[TrainingRow]:
    """Further wordings of the rows that have a source; a resumed run reads those of before.

    Args:
        context: The run.
        model: Writes and reads.
        wanted: Wordings of a fact, at most.
        rows: Of the run.
        right: Judges the reader's answer.

    Raises:
        ModelError: The model cannot be used.
        StoppedError: Somebody asked for the end.
    """
    file = context.folder / REWORDED
    of_id = {row.example.id: row for row in rows if row.source}
    if of_id and not file.is_file():
        facts = facts_of(
            [row.example for row in of_id.values()], lambda example: of_id[example.id].source
        )
        found = _written(context, model, wanted, facts, right)
        made = [
            replace(of_id[fact.wordings[0].id], example=e, origin=Origin.REWORDED, source="")
            for fact, e in found
        ]
        write_jsonl(file, [to_dict(row) for row in made])
    return read_values(file, TrainingRow) if of_id else []


def rewordings_of(folder: Path) -> list[Example]:
    """What a run wrote into its folder; nothing of what is damaged."""
    file = folder / REWORDED
    if not file.is_file():
        return []
    lines = read_jsonl(file, skip_damaged=True)
    return [row.example for row in readable(lines, lambda data: from_dict(TrainingRow, data))]


def _written(
    context: JobContext,
    model: ModelChoice,
    wanted: int,
    facts: Sequence[Fact],
    right: Right,
) -> list[tuple[Fact, Example]]:
    from ragft_core.models import open_generator

    context.progress(0.0, "Putting the questions in other words")
    workspace = context.workspace
    generator = open_generator(model, Settings(), partial(get_adapter, workspace))
    try:
        return reword(
            generator,
            adapters_for(workspace, generator),
            facts,
            wanted,
            right,
            known=[example.question for example in load_examples(workspace)],
            stopping=lambda: context.stopping,
            on_progress=lambda text: context.progress(0.0, text),
        )
    finally:
        generator.close()
