"""Which examples are wordings of one fact: told by their answers and their questions.

A column ``fact`` says it outright. Without one, two rows belong together where they give the same
answer and their questions share enough content words: "How heavy is the Wren?" and "What does the
Wren weigh?", both "41 kg". Answers that many rows share are labels, not facts, and are never put
together.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from ragft_core.errors import TrainingDataError
from ragft_core.overlap import as_spelled, content_words
from ragft_core.types import Example, QuestionKind

# Share of content words (Jaccard) from which two questions with one answer ask for one fact.
ALIKE = 0.25
# An answer that more rows give than a fact has wordings is a label or a yes.
MOST_WORDINGS = 8


def by_fact(examples: Sequence[Example]) -> list[list[Example]]:
    """The examples in groups, one a fact; the order of the rows does not matter to who is in which.

    Rows with the same ``fact`` stand together, as do rows whose questions differ only in case,
    spaces and punctuation.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    loose: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.fact:
            groups[f"fact {example.fact}"].append(example)
        else:
            loose[as_spelled(example.answer)].append(example)
    found = list(groups.values())
    for rows in loose.values():
        found += _wordings(sorted(rows, key=lambda row: (row.question, row.id)))
    return found


def joined(examples: Sequence[Example], ids: Collection[str]) -> list[Example]:
    """The examples with these rows, and all that were wordings of theirs, as wordings of one fact.

    Raises:
        TrainingDataError: A row is not there.
    """
    chosen = _chosen(examples, ids)
    groups = [group for group in by_fact(examples) if {e.id for e in group} & chosen]
    members = {e.id for group in groups for e in group}
    names = [e.fact for e in examples if e.id in members and e.fact]
    name = names[0] if names else next(e.question for e in examples if e.id in members)
    return [dataclasses.replace(e, fact=name) if e.id in members else e for e in examples]


def parted(examples: Sequence[Example], ids: Collection[str]) -> list[Example]:
    """The examples with each of these rows as a fact of its own.

    Raises:
        TrainingDataError: A row is not there.
    """
    chosen = _chosen(examples, ids)
    return [
        dataclasses.replace(e, fact=f"{e.question} ({e.id})") if e.id in chosen else e
        for e in examples
    ]


def _chosen(examples: Sequence[Example], ids: Collection[str]) -> set[str]:
    missing = set(ids) - {e.id for e in examples}
    if missing:
        raise TrainingDataError(
            f"There is no example {min(missing)!r}.", "The ids stand in the list of examples."
        )
    return set(ids)


def label_counts(examples: Sequence[Example]) -> dict[str, int]:
    """How often each label is given, most often first; empty where the answers are no labels.

    Answers are labels where rows say so, or where few different short answers repeat: at most one
    for every five rows, none longer than five words.
    """
    counts = Counter(example.answer.strip() for example in examples)
    if not counts:
        return {}
    said = sum(example.kind is QuestionKind.LABEL for example in examples) * 2 > len(examples)
    few = 2 <= len(counts) <= len(examples) / 5
    short = all(len(answer.split()) <= 5 for answer in counts)
    return dict(counts.most_common()) if said or (few and short) else {}


def _wordings(rows: list[Example]) -> list[list[Example]]:
    """Rows with one answer, put together by likeness of their questions."""
    groups: list[list[Example]] = []
    for row in rows:
        place = next((g for g in groups if any(_alike(row, o, len(rows)) for o in g)), None)
        if place is None:
            groups.append([row])
        else:
            place.append(row)
    return groups


def _alike(one: Example, other: Example, sharing: int) -> bool:
    if as_spelled(one.question) == as_spelled(other.question):
        return True
    labels = QuestionKind.LABEL in (one.kind, other.kind)
    if labels or sharing > MOST_WORDINGS:
        return False
    left, right = set(content_words(one.question)), set(content_words(other.question))
    return bool(left | right) and len(left & right) >= ALIKE * len(left | right)
