"""Utilities by capability: what a strategy that a criteria file does not name is worth.

A strategy is known by what its standard arm can do: what it reads, and whether it is trained. A
demand is met by one that combines two as the criterion says: by the better of its parts (``max``),
by the worse (``min``), or in between (``mean``, unless said). One that only reads is worth what the
others are that read; where nothing is known, it is worth the middle of the scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ragft_core.arms import STANDARD, Reads
from ragft_core.types import Strategy

MIDDLE = 0.5
COMBINE: dict[str, Callable[[list[float]], float]] = {
    "max": max,
    "min": min,
    "mean": lambda values: sum(values) / len(values),
}


def fill_in(named: Mapping[Strategy, float], combine: str = "mean") -> dict[Strategy, float]:
    """The utilities of all strategies: those that are named, and derived ones for the rest.

    Args:
        named: Utilities from 0 to 1 by strategy; may be empty.
        combine: How a strategy that both reads and is trained follows from its parts.
    """
    return {s: named[s] if s in named else _derived(s, named, combine) for s in Strategy}


def _derived(strategy: Strategy, named: Mapping[Strategy, float], combine: str) -> float:
    arm = STANDARD[strategy]
    readers = _those(named, lambda s: _reads(s) and not STANDARD[s].is_trained)
    trained = _those(named, lambda s: STANDARD[s].is_trained and not _reads(s))
    if _reads(strategy) and arm.is_trained:
        parts = ([_mean(readers)] if readers else []) + ([_mean(trained)] if trained else [])
    elif _reads(strategy):
        parts = readers
    else:
        parts = []
    return COMBINE[combine](parts) if parts else MIDDLE


def _reads(strategy: Strategy) -> bool:
    return STANDARD[strategy].reads is not Reads.NOTHING


def _those(named: Mapping[Strategy, float], fits: Callable[[Strategy], bool]) -> list[float]:
    return [value for strategy, value in named.items() if fits(strategy)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
