"""Classification: the label an answer names, and what follows from it.

An answer that names no label, or more than one, is a wrong answer: it stands in the confusion
matrix under ``NO_LABEL`` and counts in accuracy. Saying just the label is the format; naming it
in a sentence is a right answer in the wrong format. The two are kept apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragft_core.evaluation.text import words

NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Confusion:
    """Counts of answers: ``counts[i][j]`` of ``labels[i]`` were given the ``given[j]``."""

    labels: tuple[str, ...]
    given: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """The one label that an answer names, or None for none or several.

    A label inside a longer one ("card" in "card lost") is not counted on its own there.
    """
    tokens = words(answer)
    spelled = {label: words(label) for label in labels if words(label)}
    for label, parts in spelled.items():
        if tokens == parts:
            return label
    taken = [False] * len(tokens)
    found: list[str] = []
    for label, parts in sorted(spelled.items(), key=lambda item: -len(item[1])):
        width = len(parts)
        for start in range(len(tokens) - width + 1):
            stretch = slice(start, start + width)
            if tokens[stretch] == parts and not any(taken[stretch]):
                taken[stretch] = [True] * width
                found.append(label)
    return found[0] if len(set(found)) == 1 else None


def in_format(answer: str, labels: Sequence[str]) -> bool:
    """Whether the answer is a label and nothing else, letter for letter."""
    return answer.strip() in labels


def confusion(gold: Sequence[str], given: Sequence[str | None], labels: Sequence[str]) -> Confusion:
    """Counts how often each label was answered with each other one.

    Args:
        gold: The right labels.
        given: What was answered, None where no single label could be read.
        labels: The labels in the order of rows and columns.
    """
    columns = (*labels, NO_LABEL)
    row_of = {label: place for place, label in enumerate(labels)}
    column_of = {label: place for place, label in enumerate(columns)}
    counts = [[0] * len(columns) for _ in labels]
    for right, answered in zip(gold, given, strict=True):
        if right in row_of:
            counts[row_of[right]][column_of[answered or NO_LABEL]] += 1
    return Confusion(tuple(labels), columns, tuple(tuple(row) for row in counts))


def accuracy(matrix: Confusion) -> float | None:
    """Share of right labels; None for an empty matrix."""
    total = sum(map(sum, matrix.counts))
    right = sum(row[place] for place, row in enumerate(matrix.counts))
    return right / total if total else None


def macro_f1(matrix: Confusion) -> float | None:
    """Mean F1 over the labels that were asked or answered; None for an empty matrix."""
    scores: list[float] = []
    for place in range(len(matrix.labels)):
        asked = sum(matrix.counts[place])
        answered = sum(row[place] for row in matrix.counts)
        if asked or answered:
            scores.append(2 * matrix.counts[place][place] / (asked + answered))
    return sum(scores) / len(scores) if any(map(sum, matrix.counts)) else None
