"""Words and numbers as the advisor's sentences write them."""

from __future__ import annotations

from ragft_core.advisor.criteria.values import MeasurementKind
from ragft_core.arms import STRATEGY_NAMES
from ragft_core.types import Strategy


def confidence(share: float, *, informed: bool = True) -> str:
    """The confidence in words for a share of simulations won."""
    if not informed:
        return "none yet"
    if share >= 0.95:
        return "high"
    if share >= 0.8:
        return "good"
    return "leaning" if share >= 0.6 else "open"


def name(strategy: Strategy, *, start: bool = False) -> str:
    """A strategy's name in a sentence."""
    text = STRATEGY_NAMES[strategy]
    return text[:1].upper() + text[1:] if start else text


def format_value(kind: MeasurementKind, value: float) -> str:
    """A measured value with its unit, as people write it."""
    if kind.unit == "share":
        return f"{value:.0%}".replace("%", " %")
    if kind.unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    if kind.unit == "tokens":
        return f"{value:,.0f} tokens"
    return f"{value:,.0f} {kind.unit}" if value >= 100 else f"{value:.3g} {kind.unit}"


def percent(share: float) -> str:
    """A share as whole per cent, never rounded up."""
    # 4,999 of 5,000 is not all of them, and 79.6 % is not the 80 that a verdict takes.
    shown = int(share * 100 + 1e-9)
    return f"{shown} %"
