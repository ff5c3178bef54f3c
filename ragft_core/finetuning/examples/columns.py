"""What columns are called, and how their values become the text of a cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

SEPARATOR = "\n"
# What is marked as right: ``gold_answer``, ``expected_output``, ``correct_label`` and their like.
_MARKED = (
    " ".join(
        f"{mark}_{word}"
        for mark in "gold golden ground_truth reference expected ideal correct true target right best".split()
        for word in "answer response output text label completion".split()
    )
    + " correct_answers gold_answers reference_answers golden_answers"
)
# Names that mean the same, in the order in which they are taken: what is marked as the right answer
# comes before ``answer`` and ``response``, which may be what some model said.
NAMES = {
    "question": "question prompt query input user_input instruction user text message frage q",
    "answer": "ground_truth ground_truths gold golds reference expected ideal __expected "
    + _MARKED
    + " target solution answer output completion chosen label_text label_name label category reply answers assistant response antwort "
    "a",
    "split": "split",
    "kind": "kind type",
    "fact": "fact group topic fact_id",
    "document_id": "document_id document doc source file file_name title",
    "evidence": "evidence quote context passage",
    "alternatives": "alternatives aliases other_answers",
}


class ShapeError(ValueError):
    """A row that cannot be an example; the message ends a sentence that begins with the row."""


def guess_columns(columns: Iterable[str]) -> dict[str, str]:
    """Which column holds what, by the columns' names; fields that none fits are missing."""
    by_name: dict[str, str] = {}
    for column in columns:
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", column.strip()).lower()
        by_name.setdefault(snake, column)
    mapping: dict[str, str] = {}
    for field, names in NAMES.items():
        free = (n for n in names.split() if n in by_name and by_name[n] not in mapping.values())
        name = next(free, None)
        if name:
            mapping[field] = by_name[name]
    return mapping


def as_text(value: Any) -> str:
    """A JSON value as the text of a cell; a list of plain values has a line for each."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(part, (str, int, float)) for part in value):
        return SEPARATOR.join(str(part).strip() for part in value)
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
