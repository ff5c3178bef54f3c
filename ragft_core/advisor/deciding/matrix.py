"""From answers, measurements and criteria to a matrix of utilities with their uncertainty.

Criteria are sorted by id, so the order of the questions cannot matter. For each criterion and
strategy there is an expected utility and a spread (one standard deviation):

* answered: the utility of the choice; the spread follows from the grade of the source;
* measured: the utility of the measured value; the spread from its interval. Strategies that were
  not measured keep their guess, moved by as much as the measured ones were off on average, with a
  wide spread: a guess is not allowed to beat a measurement by being hopeful;
* don't know: the same expected utility for all, and a mixture over the choices as uncertainty. The
  mean over the choices is taken out, because it is an accident of which choices are listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ragft_core.advisor.criteria.values import (
    GRADE_SPREAD,
    STRATEGIES,
    Choice,
    Criteria,
    Criterion,
    MeasurementKind,
)
from ragft_core.advisor.deciding.recommendation import Lead, Measurement, Veto
from ragft_core.advisor.deciding.voice import (
    MAIN,
    leads_by_intervals,
    measured_weight,
    still_eligible,
)
from ragft_core.types import Strategy

Floats = NDArray[np.float64]
Z95 = 1.959964
# Spread of a guess beside measured strategies: about a third of the scale, two-sided [D].
ADJUSTED_SPREAD = 0.18


@dataclass(frozen=True)
class CriterionRow:
    """One criterion: expected utility (S,), spread (S,), basis by strategy.

    ``options`` (C, S) are the centred utilities of the choices where the answer is unknown.
    """

    criterion: Criterion
    choice: Choice | None
    utility: Floats
    spread: Floats
    basis: tuple[str, ...]
    options: Floats | None = None

    @property
    def half_width(self) -> Floats:
        """Half the 95 % interval of the utility, (S,), with the mixture over choices."""
        variance = self.spread**2
        if self.options is not None:
            variance = variance + self.options.var(axis=0)
        half: Floats = Z95 * np.sqrt(variance)
        return half


@dataclass(frozen=True)
class Matrix:
    """The whole: ``rows`` (J, sorted by id), ``weights`` (J,) that sum to 1, vetoes, leads."""

    strategies: tuple[Strategy, ...]
    rows: tuple[CriterionRow, ...]
    weights: Floats
    vetoes: tuple[Veto, ...]
    leads: tuple[Lead, ...] = ()
    measurements: tuple[Measurement, ...] = ()

    @property
    def measured(self) -> dict[tuple[str, Strategy], Measurement]:
        """The number that counts by measurement and strategy; of several the last."""
        return {(m.id, m.strategy): m for m in self.measurements if m.strategy and m.n > 0}

    @property
    def utility(self) -> Floats:
        """Expected utilities, (J, S)."""
        return np.array([row.utility for row in self.rows])

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """Which strategies may be recommended, (S,): not vetoed, and not clearly behind one."""
        out = {veto.strategy for veto in self.vetoes}
        left = still_eligible(self.strategies, out, self.leads)
        return np.array([strategy in left for strategy in self.strategies])

    @property
    def scores(self) -> Floats:
        """Weighted sums of expected utilities, (S,), rounded so that equals stay equal."""
        total: Floats = np.round(self.weights @ self.utility, 9)
        return total


def build_matrix(
    criteria: Criteria,
    choices: Mapping[str, str],
    weights: Mapping[str, float],
    measurements: Sequence[Measurement],
    strategies: tuple[Strategy, ...],
    leads: Sequence[Lead] | None = None,
) -> Matrix:
    """Builds the matrix.

    Args:
        criteria: What is asked.
        choices: Choice id by criterion id; missing means "don't know".
        weights: Weight by criterion id; missing means the criterion's own.
        measurements: Measured evidence; of several for one strategy the last counts.
        strategies: What is compared.
        leads: Paired differences that an evaluation found clear; None where it has none to give,
            so that they are told from the single intervals.
    """
    ordered = sorted(criteria.criteria, key=lambda criterion: criterion.id)
    rows = []
    for criterion in ordered:
        chosen = choices.get(criterion.id)
        choice = criterion.choice(chosen) if chosen else None
        rows.append(build_row(criteria, criterion, choice, measurements, strategies))
    for row in tuple(rows):
        if row.choice is not None and row.choice.counts_as:
            rows = [_supplied(other, row.choice.counts_as, strategies) for other in rows]
    raw = np.array([float(weights.get(c.id, c.weight)) for c in ordered])
    total = raw.sum()
    shares = raw / total if total > 0 else np.full(len(raw), 1 / max(len(raw), 1))
    found = tuple(veto for row in rows for veto in vetoes_of(row.criterion, row.choice, strategies))
    main = [
        j
        for j, row in enumerate(rows)
        if row.criterion.measurement == MAIN and "measured" in row.basis
    ]
    if not main:
        return Matrix(strategies, tuple(rows), shares, found, (), tuple(measurements))
    voice = measured_weight(measurements)
    shares = (1 - voice) * shares
    shares[main[0]] += voice
    clear = leads_by_intervals(measurements) if leads is None else tuple(leads)
    return Matrix(strategies, tuple(rows), shares, found, clear, tuple(measurements))


def _supplied(
    row: CriterionRow, counts_as: Mapping[Strategy, Strategy], strategies: tuple[Strategy, ...]
) -> CriterionRow:
    """A question of supply where a strategy has the facts as another one has them."""
    if not row.criterion.supply or row.choice is None:
        return row
    utility = row.utility.copy()
    for one, other in counts_as.items():
        if one in strategies and row.basis[strategies.index(one)] == "answer":
            place = strategies.index(one)
            utility[place] = max(utility[place], row.choice.utility[other])
    return replace(row, utility=utility)


def vetoes_of(
    criterion: Criterion, choice: Choice | None, strategies: Sequence[Strategy]
) -> list[Veto]:
    """The strategies that an answer puts out. An unanswered question puts out none."""
    if choice is None:
        return []
    return [
        Veto(strategy, criterion.id, choice.id, choice.veto[strategy])
        for strategy in strategies
        if strategy in choice.veto
    ]


def build_row(
    criteria: Criteria,
    criterion: Criterion,
    choice: Choice | None,
    measurements: Sequence[Measurement],
    strategies: tuple[Strategy, ...],
) -> CriterionRow:
    """One criterion's utilities, given its answer and what was measured.

    It is worked out for all strategies and then cut to those compared, so that a strategy's
    utilities never depend on which others are looked at.
    """
    spread = np.full(len(STRATEGIES), GRADE_SPREAD[criterion.grade])
    if choice is not None:
        guess = np.array([choice.utility[s] for s in STRATEGIES])
        row = CriterionRow(criterion, choice, guess, spread, ("answer",) * len(STRATEGIES))
    else:
        table = np.array([[c.utility[s] for s in STRATEGIES] for c in criterion.choices])
        level = np.full(len(STRATEGIES), 0.5)
        options = table - table.mean(axis=0)
        row = CriterionRow(criterion, None, level, spread, ("unknown",) * len(STRATEGIES), options)
    kind = criteria.measurements.get(criterion.measurement)
    # Not answered: a measurement counts only where it would under every answer.
    demanded = choice.measured if choice else all(c.measured for c in criterion.choices)
    if kind is not None and demanded:
        row = replace_by_measured(row, kind, measurements)
    places = [STRATEGIES.index(strategy) for strategy in strategies]
    return replace(
        row,
        utility=row.utility[places],
        spread=row.spread[places],
        basis=tuple(row.basis[s] for s in places),
        options=None if row.options is None else row.options[:, places],
    )


def replace_by_measured(
    row: CriterionRow, kind: MeasurementKind, measurements: Sequence[Measurement]
) -> CriterionRow:
    """Puts measured utilities in the place of guesses; the row itself where nothing fits."""
    target = row.choice.target if row.choice else None
    measured: dict[int, tuple[float, float]] = {}
    for item in measurements:
        if item.id != kind.id or item.strategy is None or item.n <= 0:
            continue
        ends = [kind.utility(x, target) for x in (item.value, item.low, item.high)]
        if None in ends:
            return row
        middle, low, high = (float(x) for x in ends if x is not None)
        measured[STRATEGIES.index(item.strategy)] = middle, abs(high - low) / (2 * Z95)
    if not measured:
        return row
    utility, spread, basis = row.utility.copy(), row.spread.copy(), list(row.basis)
    shift = float(np.mean([middle - utility[s] for s, (middle, _) in measured.items()]))
    for s, strategy in enumerate(STRATEGIES):
        if s in measured:
            utility[s], spread[s] = measured[s]
            basis[s] = "measured"
        elif strategy in kind.strategies:
            # A hopeful guess may not beat what was measured to be best.
            most = max(middle for middle, _ in measured.values()) if kind.id == MAIN else 1.0
            utility[s] = min(max(utility[s] + shift, 0.0), most)
            spread[s] = ADJUSTED_SPREAD
            basis[s] = "adjusted"
    options = None
    if row.options is not None:
        # The measurement settles the measured strategies; for the rest the choice stays open.
        settled = np.array([name == "measured" for name in basis])
        options = np.where(settled[None, :], 0.0, row.options)
    return CriterionRow(row.criterion, row.choice, utility, spread, tuple(basis), options)
