"""The decision: gates first, then a weighted sum, then how sure it is.

``decide`` is pure: criteria, answers, weights and measurements in, a Recommendation out. The order
of the strategies is that of the weighted sum on absolute utilities; the simulation says how much
that order can be trusted, never what it is. So a dominated strategy cannot win, and taking a losing
strategy away changes nothing about the winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ragft_core.advisor.criteria.answers import Answers, parse_answers
from ragft_core.advisor.criteria.templates import template_title
from ragft_core.advisor.criteria.values import STRATEGIES, Criteria, MeasurementKind
from ragft_core.advisor.deciding.explain import explain
from ragft_core.advisor.deciding.flips import answer_flips, leading, measurement_flips, weight_flips
from ragft_core.advisor.deciding.matrix import Floats, Matrix, build_matrix
from ragft_core.advisor.deciding.recommendation import (
    Contribution,
    Information,
    Lead,
    Measurement,
    Recommendation,
    StrategyScore,
)
from ragft_core.advisor.deciding.simulation import (
    CERTAINTY,
    SIMULATIONS,
    Simulation,
    information,
    simulate,
)
from ragft_core.advisor.deciding.topsis import topsis
from ragft_core.advisor.deciding.voice import CLASSIFIER, MAIN, measured_weight
from ragft_core.types import Strategy

# A strategy is named where it wins at least this share of the simulations.
CLEAR = 0.8
# Scores closer than this are a tie, whatever the simulation says: utilities are written to 0.05.
TIE = 0.005


def decide(
    criteria: Criteria,
    answers: Answers | Mapping[str, str],
    weights: Mapping[str, float] | None = None,
    measurements: Sequence[Measurement] = (),
    *,
    leads: Sequence[Lead] | None = None,
    strategies: Sequence[Strategy] = STRATEGIES,
    simulations: int = SIMULATIONS,
    certainty: float = CERTAINTY,
    seed: int = 0,
) -> Recommendation:
    """Recommends a strategy, or says that none wins clearly and what to find out next.

    Args:
        criteria: What was asked.
        answers: Saved answers, or choice id by criterion id; what is missing is "don't know".
        weights: Weight by criterion id, over those of the answers and the criteria.
        measurements: Measured evidence, which replaces the guesses; the share of right answers
            has the main voice (``voice``).
        leads: Who was clearly ahead of whom on the same questions; None to tell it from the
            measurements' intervals.
        strategies: What may be recommended.
        simulations: Monte Carlo draws.
        certainty: Concentration of the weights' distribution; larger trusts the weights more.
        seed: Equal seeds give equal results.

    Raises:
        AdvisorError: An answer is not one of the criteria's.
    """
    if not isinstance(answers, Answers):
        answers = parse_answers(criteria, dict(answers))
    given = {**criteria.weights, **answers.weights, **(weights or {})}
    order = tuple(strategy for strategy in STRATEGIES if strategy in strategies)

    def rebuilt(choices: Mapping[str, str]) -> Matrix:
        return build_matrix(criteria, choices, given, measurements, order, leads)

    matrix = rebuilt(answers.choices)
    scores, allowed = matrix.scores, matrix.allowed
    first = leading(scores, allowed)
    ranked = sorted(np.flatnonzero(allowed), key=lambda s: -scores[s])
    second = int(ranked[1]) if len(ranked) > 1 else None
    draws = simulate(matrix, simulations, certainty, seed) if first is not None else None
    share = float(draws.share[first]) if draws and first is not None else 0.0
    # What the workspace shows of itself is no wish of anybody's.
    informed = any(key not in answers.prefilled for key in answers.choices) or any(
        "measured" in row.basis for row in matrix.rows
    )
    plain = build_matrix(criteria, answers.choices, given, (), order)
    by_answers = leading(plain.scores, plain.allowed) if answers.choices else None
    margin = (
        float(scores[first] - scores[second]) if first is not None and second is not None else 1
    )
    outside = next((r.choice.outside for r in matrix.rows if r.choice and r.choice.outside), "")
    if not outside and any(m.id == CLASSIFIER and m.n > 0 for m in measurements):
        outside = CLASSIFIER
    clear = first is not None and informed and share >= CLEAR and margin >= TIE and not outside
    result = Recommendation(
        verdict=order[first] if clear and first is not None else None,
        leader=None if first is None else order[first],
        runner_up=None if second is None else order[second],
        share=share,
        informed=informed,
        scores=_scores(matrix, draws),
        vetoes=matrix.vetoes,
        contributions=_contributions(matrix),
        information=_information(criteria, matrix, draws),
        answer_flips=() if first is None else answer_flips(matrix, first, answers.choices, rebuilt),
        weight_flips=() if first is None else weight_flips(matrix, first),
        measurement_flips=measurement_flips(criteria, matrix, first, second, measurements),
        methods_agree=_agrees(matrix, first),
        answers=dict(answers.choices),
        weights={row.criterion.id: given[row.criterion.id] for row in matrix.rows},
        measurements=tuple(measurements),
        simulations=simulations,
        certainty=certainty,
        seed=seed,
        criteria_digest=criteria.digest,
        measured_weight=measured_weight(measurements) if matrix.leads or _heard(matrix) else 0.0,
        leads=matrix.leads,
        by_answers=None if by_answers is None else order[by_answers],
        outside=outside,
        template=template_title(answers.template),
        assumed=answers.assumed,
    )
    return explain(criteria, matrix, result)


def _heard(matrix: Matrix) -> bool:
    """Whether the share of right answers counts for what was answered."""
    return any(row.criterion.measurement == MAIN and "measured" in row.basis for row in matrix.rows)


def _scores(matrix: Matrix, draws: Simulation | None) -> tuple[StrategyScore, ...]:
    scores, allowed = matrix.scores, matrix.allowed
    closeness = _closeness(matrix)
    out = {veto.strategy for veto in matrix.vetoes}
    rows = []
    for s, strategy in enumerate(matrix.strategies):
        low, high = scores[s], scores[s]
        central: dict[str, float] = {}
        if draws is not None:
            low, high = np.quantile(draws.scores[:, s], [0.05, 0.95])
            if draws.share[s] > 0:
                ids = (row.criterion.id for row in matrix.rows)
                central = dict(zip(ids, map(float, draws.central[s]), strict=True))
        rows.append(
            StrategyScore(
                strategy=strategy,
                score=float(scores[s]),
                low=float(low),
                high=float(high),
                share=float(draws.share[s]) if draws is not None else 0.0,
                vetoed=strategy in out,
                topsis=closeness.get(s),
                weights=central,
                behind=None if allowed[s] or strategy in out else _ahead_of(matrix, strategy),
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.vetoed, row.behind is not None, -row.score)))


def _ahead_of(matrix: Matrix, strategy: Strategy) -> Strategy | None:
    """Which strategy it is furthest behind, of those that no must puts out."""
    out = {veto.strategy for veto in matrix.vetoes}
    ahead = [lead for lead in matrix.leads if lead.worse == strategy and lead.better not in out]
    return max(ahead, key=lambda lead: lead.gap).better if ahead else None


def _closeness(matrix: Matrix) -> dict[int, float]:
    places = np.flatnonzero(matrix.allowed)
    if len(places) == 0:
        return {}
    found = topsis(matrix.utility.T[places], matrix.weights)
    return {int(s): float(value) for s, value in zip(places, found, strict=True)}


def _agrees(matrix: Matrix, leader: int | None) -> bool:
    closeness = _closeness(matrix)
    return leader is not None and closeness[leader] >= max(closeness.values()) - 1e-12


def _contributions(matrix: Matrix) -> tuple[Contribution, ...]:
    rows = []
    for weight, row in zip(matrix.weights, matrix.rows, strict=True):
        half: Floats = row.half_width
        for s, strategy in enumerate(matrix.strategies):
            middle = float(row.utility[s])
            low, high = max(middle - half[s], 0.0), min(middle + half[s], 1.0)
            basis = row.basis[s]
            rows.append(
                Contribution(
                    row.criterion.id,
                    strategy,
                    float(weight),
                    middle,
                    float(low),
                    float(high),
                    basis,
                )
            )
    return tuple(rows)


def _information(
    criteria: Criteria, matrix: Matrix, draws: Simulation | None
) -> tuple[Information, ...]:
    """What can be found out (an open answer) or measured, the most valuable first.

    One evaluation measures several criteria at once, so what a page can measure is also valued as
    a whole.
    """
    if draws is None:
        return ()
    rows: list[Information] = []
    pages: dict[str, list[int]] = {}
    for j, row in enumerate(matrix.rows):
        kind = criteria.measurements.get(row.criterion.measurement)
        if row.choice is None and "measured" not in row.basis:
            rows.append(Information(row.criterion.id, "answer", *information(matrix, draws, [j])))
        elif kind is not None and (row.choice is None or row.choice.measured):
            pages.setdefault(kind.page, []).append(j)
            worth = information(matrix, draws, [j])
            missing = _missing(matrix, kind, j)
            rows.append(Information(row.criterion.id, "measurement", *worth, kind.id, missing))
    for page, places in pages.items():
        if page and len(places) > 1:
            worth = information(matrix, draws, places)
            first = max(places, key=lambda j: matrix.weights[j])
            kind = criteria.measurements[matrix.rows[first].criterion.measurement]
            missing = _missing(matrix, kind, first)
            rows.append(Information(matrix.rows[first].criterion.id, "page", *worth, page, missing))
    return tuple(sorted(rows, key=lambda row: (-row.value, -row.changes, row.criterion)))


def _missing(matrix: Matrix, kind: MeasurementKind, j: int) -> tuple[Strategy, ...]:
    out = {veto.strategy for veto in matrix.vetoes}
    return tuple(
        strategy
        for strategy, basis in zip(matrix.strategies, matrix.rows[j].basis, strict=True)
        if basis != "measured" and strategy in kind.strategies and strategy not in out
    )
