"""Ranges in place of points: what the costs may be while some of their inputs are only assumed.

An input that nobody entered or measured lies anywhere between half and double its value, on a
logarithmic scale; a volume that was answered as a bracket, or not at all, within a factor of ten of
the bracket's middle. Both widths are conventions of ours [D]. All strategies share one draw, so
that what two of them have in common does not blur which is cheaper.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from ragft_core.advisor.cost.inputs import PrefilledCosts
from ragft_core.advisor.cost.model import BREAK_EVENS, CostInputs, cost_of
from ragft_core.types import Strategy

DRAWS = 400
FACTOR = 2.0
# Fields whose bracket is wider than that; the months are a choice and never vary.
FACTORS = {"requests": 10.0, "months": 1.0}
SURE = 0.9
# What says nothing where there is no own machine.
OWN_MACHINE = ("life_months", "utilisation", "watts", "price_kwh")


@dataclass(frozen=True)
class CostRange:
    """Where 90 % of the draws of a strategy's total lie, and the share in which it is cheapest."""

    strategy: Strategy
    low: float
    high: float
    cheapest: float


@dataclass(frozen=True)
class CheaperShare:
    """The share of draws in which ``strategy`` costs less in total than ``other``."""

    strategy: Strategy
    other: Strategy
    share: float


@dataclass(frozen=True)
class CostRanges:
    """What the draws showed; ``assumed`` are the fields that were varied."""

    totals: tuple[CostRange, ...] = ()
    pairs: tuple[CheaperShare, ...] = ()
    assumed: tuple[str, ...] = ()

    def of(self, strategy: Strategy) -> CostRange | None:
        """The range of one strategy's total, None where none was worked out."""
        return next((item for item in self.totals if item.strategy == strategy), None)


def cost_ranges(filled: PrefilledCosts, seed: int = 0) -> CostRanges:
    """The ranges of the totals; equal seeds give equal ranges."""
    assumed = tuple(assumed_inputs(filled))
    draws = [
        {strategy: cost_of(inputs, strategy).total for strategy in Strategy}
        for inputs in _drawn(filled.inputs, assumed, seed)
    ]
    first = [min(draw, key=lambda s: draw[s]) for draw in draws]
    totals = []
    for strategy in Strategy:
        low, high = _middle(sorted(draw[strategy] for draw in draws))
        totals.append(CostRange(strategy, low, high, first.count(strategy) / len(draws)))
    pairs = [
        CheaperShare(one, other, sum(d[one] < d[other] for d in draws) / len(draws))
        for one, other in BREAK_EVENS
    ]
    return CostRanges(tuple(totals), tuple(pairs), assumed)


def assumed_inputs(filled: PrefilledCosts) -> Iterator[str]:
    """The fields that nobody entered or measured, in their order."""
    for item in fields(CostInputs):
        known = filled.origin.get(item.name, "answer") != "answer"
        fixed = FACTORS.get(item.name) == 1 or not getattr(filled.inputs, item.name)
        unused = item.name in OWN_MACHINE and not filled.inputs.purchase
        if not (known or fixed or unused):
            yield item.name


def _drawn(inputs: CostInputs, assumed: Sequence[str], seed: int) -> Iterator[CostInputs]:
    drawn = random.Random(seed)
    for _ in range(DRAWS):
        changed = {
            name: getattr(inputs, name) * FACTORS.get(name, FACTOR) ** drawn.uniform(-1, 1)
            for name in assumed
        }
        yield replace(inputs, **changed)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the middle 90 % of sorted values."""
    cut = round((1 - SURE) / 2 * (len(values) - 1))
    return values[cut], values[-1 - cut]
