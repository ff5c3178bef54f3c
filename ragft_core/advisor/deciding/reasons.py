"""What speaks for the leader and what against it: a sentence a criterion, as a colleague says it.

Measured numbers are given with their interval and n; guesses in words, by how well a strategy meets
the demand. A measured lead whose intervals overlap is no reason.
"""

from __future__ import annotations

import numpy as np

from ragft_core.advisor.criteria.values import Criteria
from ragft_core.advisor.deciding.matrix import CriterionRow, Matrix
from ragft_core.advisor.deciding.recommendation import Measurement, Reference, Sentence
from ragft_core.advisor.deciding.voice import MAIN
from ragft_core.advisor.deciding.words import format_value, name
from ragft_core.types import Strategy

REASONS = 4
OBJECTIONS = 2


def _references(row: CriterionRow) -> tuple[Reference, ...]:
    found = []
    if row.choice is not None:
        found.append(Reference("answer", row.criterion.id))
    if "measured" in row.basis:
        found.append(Reference("measurement", row.criterion.measurement))
    if "measured" not in row.basis or "adjusted" in row.basis:
        found += [Reference("source", source) for source in row.criterion.sources]
    return (*found, Reference("weight", row.criterion.id))


# How well a demand is met, in words, from the utility.
MEETS = ((0.9, "fully"), (0.7, "well"), (0.45, "half"), (0.2, "poorly"), (0.0, "hardly at all"))


def _fact(criteria: Criteria, matrix: Matrix, row: CriterionRow, shown: list[int]) -> Sentence:
    """What a criterion says of some strategies: their numbers where measured, else in words."""
    measured = [s for s in shown if row.basis[s] == "measured"]
    if measured:
        text = _measured_fact(criteria, matrix, row, measured)
        guessed = [s for s in shown if s not in measured]
        if guessed:
            text += f" Not measured: {_named([matrix.strategies[s] for s in guessed])}."
        return Sentence(text, _references(row))
    lead = row.choice.condition if row.choice is not None else row.criterion.question
    grades: dict[str, list[Strategy]] = {}
    for s in sorted(shown, key=lambda s: -row.utility[s]):
        grades.setdefault(_meets(float(row.utility[s])), []).append(matrix.strategies[s])
    parts = [f"{_named(found)} {word}" for word, found in grades.items()]
    (first, *_), verb = grades.values(), "meet"
    verb += "s" if len(first) == 1 else ""
    told = parts[0].replace(f" {next(iter(grades))}", f" {verb} that {next(iter(grades))}", 1)
    text = f"{lead[:1].upper() + lead[1:]}: {', '.join([told, *parts[1:]])}."
    return Sentence(text, _references(row))


def _meets(utility: float) -> str:
    return next(word for least, word in MEETS if utility >= least)


def _named(strategies: list[Strategy]) -> str:
    said = [name(strategy) for strategy in strategies]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _measured_fact(
    criteria: Criteria, matrix: Matrix, row: CriterionRow, measured: list[int]
) -> str:
    kind = criteria.measurements[row.criterion.measurement]
    parts = []
    for s in measured:
        item = matrix.measured[kind.id, matrix.strategies[s]]
        value, low, high = (format_value(kind, x) for x in (item.value, item.low, item.high))
        parts.append(f"{name(matrix.strategies[s])} {value} ({low} to {high}, n = {item.n})")
    text = f"Measured here, {kind.title[:1].lower() + kind.title[1:]}: {', '.join(parts)}."
    return text + (f" It counts because {row.choice.condition}." if row.choice else "")


def _settled(matrix: Matrix, row: CriterionRow, leader: int, rivals: list[int]) -> bool:
    """Whether a measured lead is one: its interval lies above that of every measured rival."""
    if row.basis[leader] != "measured":
        return "measured" not in row.basis
    low = row.utility[leader] - row.half_width[leader]
    others = [
        s for s in rivals if row.basis[s] == "measured" and row.utility[s] < row.utility[leader]
    ]
    return any(low > row.utility[s] + row.half_width[s] for s in others)


def reasons_for(criteria: Criteria, matrix: Matrix, leader: int) -> tuple[Sentence, ...]:
    """The criteria that lift the leader most above the mean of the other allowed strategies.

    Where no other is allowed, the musts that put the others out are the reason.
    """
    rivals = [int(s) for s in np.flatnonzero(matrix.allowed) if s != leader]
    ahead = _measured_ahead(matrix, matrix.strategies[leader])
    if not rivals:
        out = tuple(
            Sentence(
                f"{name(veto.strategy, start=True)} is out: {veto.reason}",
                (Reference("answer", veto.criterion),),
            )
            for veto in matrix.vetoes
        )
        return ahead + out
    lifts = []
    for weight, row in zip(matrix.weights, matrix.rows, strict=True):
        lift = float(weight * (row.utility[leader] - row.utility[rivals].mean()))
        if lift > 1e-9 and _settled(matrix, row, leader, rivals):
            lifts.append((lift, row))
    lifts.sort(key=lambda pair: -pair[0])
    found = []
    for _, row in lifts[:REASONS]:
        order = sorted(rivals, key=lambda s: -row.utility[s])
        found.append(_fact(criteria, matrix, row, [leader, *order]))
    return (*ahead, *found)


def _measured_ahead(matrix: Matrix, leader: Strategy) -> tuple[Sentence, ...]:
    """Over whom the leader was clearly ahead on the same questions."""
    mine = sorted((x for x in matrix.leads if x.better == leader), key=lambda x: -x.gap)
    if not mine:
        return ()
    parts = [
        f"{name(x.worse)} by {100 * x.gap:.0f} points ({100 * x.low:.0f} to {100 * x.high:.0f})"
        for x in mine
    ]
    text = f"Measured here: {name(leader)} is right clearly more often than {', '.join(parts)}."
    shares = [
        _share(matrix.measured[MAIN, strategy], strategy)
        for strategy in (leader, *(x.worse for x in mine))
        if (MAIN, strategy) in matrix.measured
    ]
    text += f" Right answers: {', '.join(shares)}." if shares else ""
    return (Sentence(text, (Reference("measurement", MAIN),)),)


def objections_to(criteria: Criteria, matrix: Matrix, leader: int) -> tuple[Sentence, ...]:
    """The criteria on which another allowed strategy is furthest ahead."""
    rivals = [int(s) for s in np.flatnonzero(matrix.allowed) if s != leader]
    gaps = []
    for weight, row in zip(matrix.weights, matrix.rows, strict=True):
        best = max(rivals, key=lambda s: float(row.utility[s]), default=leader)
        gap = float(weight * (row.utility[best] - row.utility[leader]))
        if gap > 1e-9:
            gaps.append((gap, row, best))
    gaps.sort(key=lambda triple: -triple[0])
    return tuple(
        _fact(criteria, matrix, row, [int(best), leader]) for _, row, best in gaps[:OBJECTIONS]
    )


def _share(item: Measurement, strategy: Strategy) -> str:
    value, low, high = (f"{x:.0%}".replace("%", " %") for x in (item.value, item.low, item.high))
    return f"{name(strategy)} {value} ({low} to {high}, n = {item.n})"
