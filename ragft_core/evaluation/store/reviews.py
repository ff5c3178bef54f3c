"""What people settled by hand: whether an answer is right, for every run that holds it.

A row of ``evaluations/reviews.jsonl`` belongs to a question, its gold answers and an answer's text,
not to a run: the same answer in a later run is settled already. A later row replaces an earlier one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from ragft_core.access import rights
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.store.cache_keys import digest
from ragft_core.evaluation.store.plans import FOLDER
from ragft_core.values import InvalidValueError, from_dict, to_dict
from ragft_core.workspace import Workspace, append_jsonl, now, read_jsonl

FILE = "reviews.jsonl"
RIGHT, PARTLY, WRONG = 1.0, 0.5, 0.0


@dataclass(frozen=True)
class Review:
    """A person's judgement of one answer: 1 right, 0.5 partly, 0 wrong; ``by`` says whose."""

    key: str
    value: Annotated[float, Interval(ge=0, le=1)]
    at: str = ""
    by: str = ""


def review_key(question: Question, text: str) -> str:
    """What a judgement belongs to: a question with its gold answers, and an answer's text."""
    return digest(
        {"question": question.text, "golds": sorted(question.golds), "text": text.strip()}
    )


def save_review(workspace: Workspace, key: str, value: float) -> None:
    """Notes a judgement, with who made it."""
    row = to_dict(from_dict(Review, {"key": key, "value": value, "at": now(), "by": rights.by()}))
    append_jsonl(workspace.path / FOLDER / FILE, [row])


def load_reviews(workspace: Workspace) -> dict[str, float]:
    """The last judgement on each answer, by key; damaged rows are left out."""
    found = {}
    for row in read_jsonl(workspace.path / FOLDER / FILE, skip_damaged=True):
        with suppress(InvalidValueError):
            review = from_dict(Review, row, FILE)
            found[review.key] = review.value
    return found
