"""Classification: the label an answer names, and what follows from it.

An answer that names no label, or more than one, is a wrong answer: it stands in the confusion
matrix under ``NO_LABEL`` and counts in accuracy. Saying just the label is the format; naming it
in a sentence is a right answer in the wrong format. The two are kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NO_LABEL = "(no label)"
# What ends a sentence or sets a word apart is no part of a label, wherever labels hold other signs.
_AROUND = ".,:;!?\"'`*()[]{}"
_SAME_SIGN = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2265": ">=", "\u2264": "<="})
_PLAIN = re.compile(r"\w+(?:'t)?")
# "technical, not billing" names one label.
_DENIES = {("not",), ("non",), ("isn't",), ("never",), ("nicht",), ("kein",), ("keine",)} | {
    ("rather", "than"), ("instead", "of"), ("not", "a"), ("not", "an"), ("not", "the"), ("not", "about"),
}  # fmt: skip


@dataclass(frozen=True)
class Confusion:
    """Counts of answers: ``counts[i][j]`` of ``labels[i]`` were given the ``given[j]``."""

    labels: tuple[str, ...]
    given: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Labelling:
    """The labels of a workspace, and the form of a whole answer where it has one.

    ``pattern`` is a regular expression for the whole answer; its group ``label`` is the label.
    Without one, an answer in the format is a label and nothing else.
    """

    labels: tuple[str, ...] = ()
    pattern: str = ""

    def __bool__(self) -> bool:
        return bool(self.labels)

    def read(self, answer: str) -> str | None:
        """The one label that an answer names, or None for none or several."""
        match = re.fullmatch(self.pattern, answer.strip()) if self.pattern else None
        if match and "label" in match.groupdict():
            return match["label"]
        return parse_label(answer, self.labels)

    def in_format(self, answer: str) -> bool:
        """Whether the answer has the agreed form, letter for letter."""
        if self.pattern:
            return bool(re.fullmatch(self.pattern, answer.strip()))
        return answer.strip() in self.labels


NO_LABELS = Labelling()


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """The one label that an answer names, or None for none or several.

    Labels spelled as agreed come before those in other letters ("LOST" before "lost"). A label
    inside a longer one ("card" in "card lost") is not counted on its own there, nor one that is
    denied ("not billing"). Signs count where labels begin or end with one: -1, C++, >=10.
    """
    for whole in (answer.strip(), answer.strip().removesuffix(".")):
        if whole in labels:
            return whole
    token = _tokens_of(labels)
    tokens = token(answer)
    spoken = [word.lower() for word in tokens]
    taken = [-1] * len(tokens)  # by a label of how many words
    found: dict[str, bool] = {}  # whether it is spelled as agreed
    for label in sorted(labels, key=lambda label: -len(token(label))):
        parts = token(label)
        lower, width = [word.lower() for word in parts], len(parts)
        for start in range(len(tokens) - width + 1 if width else 0):
            stretch = slice(start, start + width)
            if spoken[stretch] != lower or not set(taken[stretch]) <= {-1, width}:
                continue
            taken[stretch] = [width] * width
            before = {tuple(spoken[max(0, start - n) : start]) for n in (1, 2)}
            if not before & _DENIES:
                found[label] = found.get(label, False) or tokens[stretch] == parts
    named = [label for label, as_agreed in found.items() if as_agreed] or list(found)
    return named[0] if len(named) == 1 else None


def _tokens_of(labels: Sequence[str]) -> Callable[[str], list[str]]:
    """How texts are parted: at all but letters and digits, and the signs that tell labels apart."""
    spelled = [label.translate(_SAME_SIGN).strip() for label in labels]
    signs = {char for label in spelled for char in label if _is_sign(char)}
    edges = {char for label in spelled for char in label[:1] + label[-1:]}
    plain = [tuple(_PLAIN.findall(label.lower())) for label in spelled]
    apart = len(set(plain)) == len({label.lower() for label in spelled})
    if not signs or (apart and not signs & edges):
        return _PLAIN.findall
    pattern = re.compile(rf"(?:\w|[{re.escape(''.join(sorted(signs)))}])+")
    return lambda text: pattern.findall(text.translate(_SAME_SIGN))


def _is_sign(char: str) -> bool:
    return not char.isalnum() and not char.isspace() and char != "_" and char not in _AROUND


def confusion(gold: Sequence[str], given: Sequence[str | None], labels: Sequence[str]) -> Confusion:
    """Counts how often each label was answered with each other one.

    Args:
        gold: The right labels.
        given: What was answered, None where no single label could be read; what is none of the
            labels counts like that.
        labels: The labels in the order of rows and columns.
    """
    columns = (*labels, NO_LABEL)
    row_of = {label: place for place, label in enumerate(labels)}
    column_of = {label: place for place, label in enumerate(columns)}
    counts = [[0] * len(columns) for _ in labels]
    for right, answered in zip(gold, given, strict=True):
        if right in row_of:
            counts[row_of[right]][column_of.get(answered or NO_LABEL, len(labels))] += 1
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
