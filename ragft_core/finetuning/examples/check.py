"""What is wrong with the examples, before time is spent on training them.

Two questions count as alike where they have the same words but for filler: what differs is spelling
or order. Question words and numbers stay: "when" is not "where", nor "room 3" "room 13".
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragft_core.finetuning.examples.facts import label_counts
from ragft_core.overlap import as_spelled, words
from ragft_core.types import Example, Split

# Whether two answers to a question say the same.
Same = Callable[[str, str, str], bool]
# A label with fewer training rows than this, or with so many times fewer than the largest.
FEWEST_OF_LABEL, LARGEST_RATIO = 5, 10
# Words that change no question.
FILLER = frozenset(
    "a an the please kindly can could you tell me do does did is are was were be".split()
)
# A finding names so many of its rows.
NAMED = 3


class Problem(StrEnum):
    """What can be wrong with rows."""

    EMPTY = "empty"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    CONTRADICTION = "contradiction"
    LEAK = "leak"
    TOO_LONG = "too-long"
    BALANCE = "balance"


@dataclass(frozen=True)
class Finding:
    """One problem with the rows that have it.

    ``fix`` says what ``fixed`` does about it, and is empty where only a person can tell what is
    right: ``remove`` are ids to leave out, ``train`` ids to move from testing to training.
    """

    problem: Problem
    text: str
    ids: tuple[str, ...]
    fix: str = ""
    remove: tuple[str, ...] = ()
    train: tuple[str, ...] = ()


def check_examples(
    examples: Sequence[Example],
    same: Same | None = None,
    too_long: Callable[[Example], bool] | None = None,
) -> tuple[Finding, ...]:
    """Looks for what would spoil a training run or its test.

    Args:
        examples: All rows of a workspace.
        same: Whether two answers to a question say the same; told by their spelling when None.
        too_long: Whether a row does not fit the model; nothing is said of it when None.
    """
    said_alike = same or (lambda one, other, _: as_spelled(one) == as_spelled(other))
    empty = [e for e in examples if not e.question.strip() or not e.answer.strip()]
    whole = [e for e in examples if e.question.strip() and e.answer.strip()]
    found = [
        _removed(Problem.EMPTY, empty, empty, "have no question or no answer", "Leave them out."),
        *_copies(whole),
        _leaks(whole),
        _contradictions(whole, said_alike),
        _removed(
            Problem.TOO_LONG,
            long := [e for e in whole if too_long and too_long(e)],
            long,
            "are longer than the model reads",
            "Leave them out.",
        ),
        _balance(whole),
    ]
    return tuple(finding for finding in found if finding)


def fixed(examples: Sequence[Example], findings: Iterable[Finding]) -> list[Example]:
    """The examples after the fixes of these findings; those without a fix change nothing."""
    removed: set[str] = set()
    moved: set[str] = set()
    for finding in findings:
        removed |= set(finding.remove)
        moved |= set(finding.train)
    return [
        dataclasses.replace(e, split=Split.TRAIN) if e.id in moved else e
        for e in examples
        if e.id not in removed
    ]


def _removed(
    problem: Problem,
    rows: Sequence[Example],
    remove: Sequence[Example],
    what: str,
    fix: str,
) -> Finding | None:
    if not rows:
        return None
    return Finding(problem, _sentence(rows, what), _ids(rows), fix, _ids(remove))


def _copies(rows: Sequence[Example]) -> list[Finding | None]:
    """Rows that say again what another row of the same split says."""
    spelled, alike = set(), set()
    same: list[Example] = []
    near: list[Example] = []
    for row in rows:
        answer = as_spelled(row.answer)
        telling = frozenset(_telling(row.question))
        exact = (row.split, as_spelled(row.question), answer)
        likeness = (row.split, telling, answer)
        if exact in spelled:
            same.append(row)
        elif telling and likeness in alike:
            near.append(row)
        spelled.add(exact)
        alike.add(likeness)
    return [
        _removed(Problem.DUPLICATE, same, same, "are copies of earlier rows", "Keep one of each."),
        _removed(
            Problem.NEAR_DUPLICATE,
            near,
            near,
            "ask with the same words as an earlier row, in other order or with other filler, and "
            "teach nothing new",
            "Keep one of each.",
        ),
    ]


def _leaks(rows: Sequence[Example]) -> Finding | None:
    """Test rows that are trained on, word for word or with the same content words."""
    trained = [row for row in rows if row.split is not Split.TEST]
    copies = {(as_spelled(row.question), as_spelled(row.answer)) for row in trained}
    alike = {_likeness(row) for row in trained}
    spelled = {as_spelled(row.question) for row in trained}
    remove, move, leaked = [], [], []
    for row in rows:
        if row.split is not Split.TEST:
            continue
        if (as_spelled(row.question), as_spelled(row.answer)) in copies:
            remove.append(row)
        elif as_spelled(row.question) in spelled or _likeness(row) in alike:
            move.append(row)
        else:
            continue
        leaked.append(row)
    if not leaked:
        return None
    return Finding(
        Problem.LEAK,
        _sentence(leaked, "are kept for testing and trained on as well, so that they test memory"),
        _ids(leaked),
        "Drop the copies from the test, and train on the near-copies.",
        _ids(remove),
        _ids(move),
    )


def _contradictions(rows: Sequence[Example], same: Same) -> Finding | None:
    """Rows that ask one thing and answer it differently."""
    groups: dict[tuple[str, ...], list[Example]] = defaultdict(list)
    for row in rows:
        # In their order: "Does A report to B?" is not "Does B report to A?".
        groups[tuple(_telling(row.question)) or (as_spelled(row.question),)].append(row)
    against: list[Example] = []
    minority: list[Example] = []
    for group in groups.values():
        camps = _camps(group, same)
        if len(camps) < 2:
            continue
        against += group
        largest, second = camps[0], camps[1]
        if len(largest) > len(second):
            minority += [row for camp in camps[1:] for row in camp]
    if not against:
        return None
    fix = "Where one answer is given more often, leave out the others." if minority else ""
    return _removed(
        Problem.CONTRADICTION,
        against,
        minority,
        "ask the same as another row and have a different answer: correct the wrong ones",
        fix,
    )


def _camps(rows: Sequence[Example], same: Same) -> list[list[Example]]:
    """Rows by what they answer, the largest camp first."""
    camps: list[list[Example]] = []
    for row in rows:
        for camp in camps:
            first = camp[0]
            golds = (first.answer, *first.alternatives)
            if any(same(row.answer, gold, row.question) for gold in golds):
                camp.append(row)
                break
        else:
            camps.append([row])
    return sorted(camps, key=len, reverse=True)


def _balance(rows: Sequence[Example]) -> Finding | None:
    """Labels with too few training rows to be learned beside the others."""
    if not label_counts(rows):
        return None
    trained = [row for row in rows if row.split is not Split.TEST]
    counts = Counter(row.answer.strip() for row in trained)
    most = max(counts.values(), default=0)
    rare = {
        label: n
        for label, n in sorted(counts.items(), key=lambda item: item[1])
        if n < FEWEST_OF_LABEL or n * LARGEST_RATIO < most
    }
    if not rare:
        return None
    told = ", ".join(f"{label} ({n})" for label, n in list(rare.items())[:NAMED])
    return Finding(
        Problem.BALANCE,
        f"{len(rare)} of {len(counts)} labels have few rows beside the largest's {most}: {told}. "
        "A model rarely answers what it rarely saw: add rows of them.",
        tuple(row.id for row in trained if row.answer.strip() in rare),
    )


def _telling(question: str) -> list[str]:
    return [word for word in words(question) if word not in FILLER]


def _likeness(row: Example) -> tuple[frozenset[str] | str, str]:
    """What two rows share that ask the same and answer the same."""
    return frozenset(_telling(row.question)) or as_spelled(row.question), as_spelled(row.answer)


def _sentence(rows: Sequence[Example], what: str) -> str:
    named = "; ".join(f'"{" ".join(row.question.split())[:60]}"' for row in rows[:NAMED])
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}: {named}{more} {what}."


def _ids(rows: Collection[Example]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
