"""What would change the decision: other answers, other weights, other measured values.

All of it is exact arithmetic on the weighted sum; nothing here is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragft_core.advisor.criteria.values import Choice, Criteria
from ragft_core.advisor.deciding.matrix import Floats, Matrix
from ragft_core.advisor.deciding.recommendation import (
    AnswerFlip,
    Measurement,
    MeasurementFlip,
    WeightFlip,
)


def leading(scores: Floats, allowed: NDArray[np.bool_]) -> int | None:
    """Index of the best allowed strategy; the first of equals; None where none is allowed."""
    if not allowed.any():
        return None
    return int(np.where(allowed, scores, -np.inf).argmax())


def answer_flips(
    matrix: Matrix,
    leader: int,
    choices: Mapping[str, str],
    rebuild: Callable[[Mapping[str, str]], Matrix],
) -> tuple[AnswerFlip, ...]:
    """The lead under every other answer to every question, the smallest lead first.

    Where the other answer is a must that the leader cannot meet, the margin is that of the best
    remaining strategy over a leader that counts as 0.

    Args:
        matrix: The decision as it stands.
        leader: Index of its leader.
        choices: The answers, choice id by criterion id.
        rebuild: The matrix of other answers; one answer may say something about other questions.
    """
    found = []
    for row in matrix.rows:
        key = row.criterion.id
        for choice in row.criterion.choices:
            if row.choice is None or choice.id != row.choice.id:
                other = rebuild({**choices, key: choice.id})
                found.append(_answer_flip(other, leader, key, choice))
    return tuple(sorted(found, key=lambda flip: (flip.margin, flip.criterion, flip.choice)))


def _answer_flip(other: Matrix, leader: int, criterion: str, choice: Choice) -> AnswerFlip:
    scores, allowed = other.scores, other.allowed
    winner = leading(scores, allowed)
    vetoed = other.strategies[leader] in {veto.strategy for veto in other.vetoes}
    lead = 0.0 if not allowed[leader] else float(scores[leader])
    rivals = [float(scores[s]) for s in np.flatnonzero(allowed) if s != leader]
    margin = lead - max(rivals, default=0.0)
    name = None if winner is None else other.strategies[winner]
    return AnswerFlip(criterion, choice.id, choice.label, margin, name, vetoed)


def weight_flips(matrix: Matrix, leader: int) -> tuple[WeightFlip, ...]:
    """For each criterion the nearest share of weight at which another strategy draws level.

    With the other weights in proportion, a score is (1 - w) * rest + w * u, so the leader's lead
    over a rival is linear in w and crosses zero at rest / (rest - u), where ``rest`` and ``u`` are
    the leads on all other criteria and on this one.
    """
    found = []
    utility, scores = matrix.utility, matrix.scores
    for j, row in enumerate(matrix.rows):
        now = float(matrix.weights[j])
        if now >= 1:
            continue
        best: WeightFlip | None = None
        for s in np.flatnonzero(matrix.allowed):
            if s == leader:
                continue
            here = utility[j, leader] - utility[j, s]
            rest = (scores[leader] - scores[s] - now * here) / (1 - now)
            if rest == here:
                continue
            at = float(rest / (rest - here))
            if 0 <= at <= 1 and (best is None or abs(at - now) < abs(best.at - now)):
                best = WeightFlip(
                    row.criterion.id, now, at, matrix.strategies[s], bool(here < rest)
                )
        if best:
            found.append(best)
    return tuple(sorted(found, key=lambda flip: abs(flip.at - flip.now)))


def measurement_flips(
    criteria: Criteria,
    matrix: Matrix,
    leader: int | None,
    runner_up: int | None,
    measurements: Sequence[Measurement],
) -> tuple[MeasurementFlip, ...]:
    """The leader's measured value at which the runner-up draws level, where there is one.

    Only where the runner-up was measured too, or cannot be: the guess for a strategy that was not
    measured moves with the measured ones, so there is no level to state.
    """
    if leader is None or runner_up is None:
        return ()
    found = []
    margin = matrix.scores[leader] - matrix.scores[runner_up]
    strategy, rival = matrix.strategies[leader], matrix.strategies[runner_up]
    for j, row in enumerate(matrix.rows):
        kind = criteria.measurements.get(row.criterion.measurement)
        if kind is None or row.basis[leader] != "measured" or matrix.weights[j] <= 0:
            continue
        if row.basis[runner_up] != "measured" and rival in kind.strategies:
            continue
        target = row.choice.target if row.choice else None
        needed = float(row.utility[leader] - margin / matrix.weights[j])
        at = kind.value(needed, target) if 0 <= needed <= 1 else None
        if at is not None:
            values = [m.value for m in measurements if m.id == kind.id and m.strategy == strategy]
            now = values[-1]
            found.append(MeasurementFlip(row.criterion.id, kind.id, strategy, at, now, rival))
    return tuple(found)
