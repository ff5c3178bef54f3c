"""From a table to examples: which column is what, and which rows cannot be used."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.examples.columns import SEPARATOR, guess_columns
from ragft_core.finetuning.examples.facts import label_counts
from ragft_core.finetuning.examples.store import (
    LONGEST_CHARACTERS,
    assign_splits,
    changing_examples,
    example_id,
)
from ragft_core.finetuning.examples.tables import BadRow, Table, read_table
from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import as_spelled
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.workspace import Workspace

REQUIRED = ("question", "answer")
OPTIONAL = ("split", "kind", "fact", "document_id", "evidence", "alternatives")
SPLITS = {
    **dict.fromkeys(("", "train", "training"), Split.TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev"), Split.VALIDATION),
    **dict.fromkeys(("test", "eval", "evaluation"), Split.TEST),
}


# A training step takes 1,400 tokens, some of them the prompt's own.
LONGEST_TOKENS = 1200
_PIECES = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_", re.ASCII)


def rough_tokens(text: str) -> int:
    """About how many tokens a byte-level tokenizer makes of a text, rather more than fewer.

    English words count one for each five letters, digits and signs one each, letters outside of
    ASCII one for each of their bytes.
    """
    plain = sum(-(-len(piece) // 5) for piece in _PIECES.findall(text))
    return plain + sum(len(char.encode()) for char in text if not char.isascii())


@dataclass(frozen=True)
class ImportReport:
    """What an import would add, or has added, and what it leaves out."""

    examples: tuple[Example, ...]
    rejected: tuple[BadRow, ...]
    mapping: dict[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """One sentence for people."""
        left = f"; {len(self.rejected)} rows are left out" if self.rejected else ""
        return f"{len(self.examples)} examples can be used{left}."


def guess_mapping(table: Table) -> dict[str, str]:
    """Which column holds what, by the columns' names; fields that none fits are missing."""
    return guess_columns(table.columns)


def preview_import(
    table: Table, mapping: Mapping[str, str] | None = None, existing: Sequence[Example] = ()
) -> ImportReport:
    """Says what importing the table would give, changing nothing.

    Args:
        table: As read by ``read_table``.
        mapping: Column for each field of ``REQUIRED`` and ``OPTIONAL``. Where the question's or
            the answer's is missing, columns are guessed by their names.
        existing: Examples that are there already; rows that repeat them are left out.

    Raises:
        TrainingDataError: There is no column for the question or the answer.
    """
    given = {field: column for field, column in (mapping or {}).items() if column}
    unknown = [column for column in given.values() if column not in table.columns]
    if unknown:
        raise TrainingDataError(
            f"{table.name} has no column {unknown[0]!r}; found: {', '.join(table.columns)}."
        )
    chosen = (
        given
        if mapping is not None and all(map(given.get, REQUIRED))
        else {**guess_mapping(table), **given}
    )
    missing = [field for field in REQUIRED if field not in chosen]
    if missing and not table.rows and table.bad_rows:
        first = table.bad_rows[0]
        raise TrainingDataError(
            f"No row of {table.name} can be used. Row {first.row} {first.reason}."
        )
    if missing:
        raise TrainingDataError(
            f"{table.name} has no column for {' and '.join(missing)}; found: "
            f"{', '.join(table.columns) or 'none'}.",
            "Name the columns 'question' and 'answer', or say which column is which.",
        )
    examples: list[Example] = []
    bad = list(table.bad_rows)
    seen = {as_spelled(e.question): (0, e.answer) for e in existing}
    for number, row in table.rows:
        values = {field: row.get(column, "") for field, column in chosen.items()}
        reason = _unusable(values) or _repeats(values, seen)
        if reason:
            bad.append(BadRow(number, reason, values["question"][:80]))
            continue
        seen[as_spelled(values["question"])] = (number, values["answer"])
        examples.append(_example(values))
    examples = _kinds(examples, given="kind" in chosen)
    if "split" not in chosen:
        examples = assign_splits(examples)
    left_out = tuple(sorted(bad, key=lambda b: b.row))
    unused = [c for c in table.columns if c not in chosen.values() and c != "system"]
    warnings = table.warnings
    if unused:
        warnings += (f"Columns that are not used: {', '.join(unused)}.",)
    return ImportReport(tuple(examples), left_out, chosen, warnings)


def import_examples(
    workspace: Workspace, table: Table, mapping: Mapping[str, str] | None = None
) -> ImportReport:
    """Adds a table's usable rows to the workspace's examples, and its labels to the settings.

    Raises:
        TrainingDataError: A needed column is missing, or no row can be used.
    """
    with changing_examples(workspace) as examples:
        report = preview_import(table, mapping, examples)
        if not report.examples:
            first = report.rejected[0] if report.rejected else None
            why = f" Row {first.row} {first.reason}." if first else ""
            raise TrainingDataError(f"No row of {table.name} can be used.{why}")
        examples += report.examples
        known = workspace.settings().labels
        new = [label for label in label_counts(examples) if label not in known]
        if new:
            workspace.update(labels=(*known, *new))
    return report


def import_file(
    workspace: Workspace, path: Path, mapping: Mapping[str, str] | None = None
) -> ImportReport:
    """Adds the usable rows of a table in a file; see ``import_examples``.

    Raises:
        TrainingDataError: The file cannot be read, or no row can be used.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TrainingDataError(f"{path.name} cannot be read: {error.strerror}.") from None
    return import_examples(workspace, read_table(path.name, data), mapping)


def _unusable(values: Mapping[str, str]) -> str:
    """Why a row cannot be used, as the end of a sentence that starts with its number."""
    for field in REQUIRED:
        text = values[field]
        if not text.strip():
            return f"has no {field}"
        if len(text) > LONGEST_CHARACTERS:
            return f"has {len(text)} characters in the {field}; at most {LONGEST_CHARACTERS} fit"
    length = sum(rough_tokens(values[field]) for field in REQUIRED)
    if length > LONGEST_TOKENS:
        return f"is about {length} tokens long; at most {LONGEST_TOKENS} are trained on"
    if values.get("split", "").strip().lower() not in SPLITS:
        return f"has the split {values['split'][:20]!r}; known: train, validation, test"
    kind = values.get("kind", "").strip().lower()
    if kind and kind not in set(QuestionKind):
        return f"has the kind {kind[:20]!r}; known: {', '.join(QuestionKind)}"
    return ""


def _repeats(values: Mapping[str, str], seen: Mapping[str, tuple[int, str]]) -> str:
    number, answer = seen.get(as_spelled(values["question"]), (-1, ""))
    if number < 0:
        return ""
    earlier = f"row {number}" if number else "an example that is there already"
    if as_spelled(answer) == as_spelled(values["answer"]):
        return f"repeats {earlier}"
    return f"answers the question of {earlier} differently: {values['answer'][:60]!r}"


def _example(values: Mapping[str, str]) -> Example:
    kind = values.get("kind", "").strip().lower()
    return Example(
        id=example_id(values["question"], values["answer"]),
        question=values["question"].strip(),
        answer=values["answer"].strip(),
        split=SPLITS[values.get("split", "").strip().lower()],
        kind=QuestionKind(kind) if kind else QuestionKind.TRAINED_FACT,
        document_id=values.get("document_id", ""),
        fact=values.get("fact", ""),
        evidence=values.get("evidence", ""),
        alternatives=tuple(
            part.strip()
            for part in values.get("alternatives", "").replace("|", SEPARATOR).split(SEPARATOR)
            if part.strip()
        ),
    )


def _kinds(examples: list[Example], *, given: bool) -> list[Example]:
    """Tells labels and abstentions from facts where the table does not."""
    if given or not examples:
        return examples
    labels = label_counts([e for e in examples if e.answer != ABSTENTION])
    plain = QuestionKind.LABEL if labels else QuestionKind.TRAINED_FACT
    return [
        dataclasses.replace(e, kind=QuestionKind.UNANSWERABLE if e.answer == ABSTENTION else plain)
        for e in examples
    ]
