"""The tornado: for each question, how far other answers move the leader's lead."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.advisor.deciding.recommendation import AnswerFlip, Recommendation
from ragft_core.types import Strategy

# A veto has no size. It is drawn as a lead lost by this much, and said to be a veto.
VETO_MARGIN = -0.3


@dataclass(frozen=True)
class TornadoBar:
    """One question: the lead (score difference) under its worst and its best other answer.

    ``now`` is the lead as things stand. Below 0 the ``winner`` overtakes; ``vetoes`` says that the
    worst answer rules the leader out.
    """

    criterion: str
    low: float
    high: float
    now: float
    low_label: str
    high_label: str
    winner: Strategy | None
    vetoes: bool

    @property
    def flips(self) -> bool:
        """Whether an answer to this question changes the leader."""
        return self.low < 0


def tornado(result: Recommendation, most: int = 12) -> list[TornadoBar]:
    """The questions whose answers matter most, the widest bar first."""
    by_criterion: dict[str, list[AnswerFlip]] = {}
    for flip in result.answer_flips:
        by_criterion.setdefault(flip.criterion, []).append(flip)
    bars = []
    for criterion, flips in by_criterion.items():
        worst, best = min(flips, key=_margin), max(flips, key=_margin)
        bars.append(
            TornadoBar(
                criterion=criterion,
                low=min(_margin(worst), result.margin),
                high=max(_margin(best), result.margin),
                now=result.margin,
                low_label=worst.label,
                high_label=best.label,
                winner=worst.winner,
                vetoes=worst.vetoes_leader,
            )
        )
    bars.sort(key=lambda bar: (-(bar.high - bar.low), bar.criterion))
    return [bar for bar in bars if bar.high > bar.low][:most]


def _margin(flip: AnswerFlip) -> float:
    return VETO_MARGIN if flip.vetoes_leader else max(flip.margin, VETO_MARGIN)
