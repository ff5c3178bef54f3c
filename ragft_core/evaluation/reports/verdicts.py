"""What the numbers allow to be said, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragft_core.arms import ARMS
from ragft_core.evaluation.scoring.scorers import Scorer
from ragft_core.evaluation.statistics.estimates import Difference, Summary

# What people call each arm inside a sentence, by the entrant's name (``Plan.names``).
Names = Mapping[str, str]
READY_MADE = {arm.id: arm.in_text for arm in ARMS}
MINUS = "\u2212"


@dataclass(frozen=True)
class Verdict:
    """Which arm is ahead by one score.

    ``winner`` beats every other arm; without one, ``leaders`` are the arms among which it is too
    close to call.
    """

    score: str
    winner: str | None
    leaders: tuple[str, ...]
    text: str


def decide(
    scorer: Scorer,
    summaries: dict[str, Summary],
    differences: Sequence[Difference],
    names: Names = READY_MADE,
) -> Verdict:
    """Names the winner, or says between which arms it is too close to call.

    Args:
        scorer: The score that is looked at, for its direction and unit.
        summaries: The arms that may be ranked, by name.
        differences: Every pair of them.
        names: What people call them.
    """
    order = sorted(
        (arm for arm, summary in summaries.items() if summary.mean is not None),
        key=lambda arm: _goodness(scorer, summaries[arm]),
        reverse=True,
    )
    if not order:
        return Verdict(scorer.name, None, (), f"{scorer.label}: not measured.")
    leader = order[0]
    if len(order) == 1:
        text = f"Only {names.get(leader, leader)} was measured, so there is nothing to compare."
        return Verdict(scorer.name, None, (leader,), text)
    against = {arm: _between(leader, arm, differences) for arm in order[1:]}
    rivals = [arm for arm, gap in against.items() if gap is None or not gap.decided]
    if not rivals:
        text = (
            f"{capital(names.get(leader, leader))} is ahead by “{scorer.label}”: "
            f"{describe(scorer, against[order[1]])} over {names.get(order[1], order[1])}, the next best."
        )
        return Verdict(scorer.name, leader, (leader,), text)
    # Arms whose interval leaves 0 out are not close: they are behind, and only the test is not sure.
    unsure = [arm for arm in rivals if (gap := against[arm]) is not None and gap.apart]
    close = [arm for arm in rivals if arm not in unsure] or unsure
    leaders = (leader, *rivals)
    text = f"Too close to call between {_listed((leader, *close), names)} by “{scorer.label}”"
    # The nearest rival in the order of the means is the one whose difference is shown.
    text += _how_close(scorer, against[close[0]])
    text += "".join(
        f" {_unsure(scorer, arm, leader, against[arm], names)}"
        for arm in unsure
        if arm not in close
    )
    behind = [arm for arm in order[1:] if arm not in rivals]
    if behind:
        verb = "is" if len(behind) == 1 else "are"
        text += f" {capital(_listed(behind, names))} {verb} behind {names.get(leader, leader)}."
    return Verdict(scorer.name, None, leaders, text)


def agreement(robust: Verdict, sensitive: Verdict, names: Names = READY_MADE) -> str:
    """What it means when the two kinds of score agree or not; empty where they do (law 5)."""
    if robust.winner and robust.winner == sensitive.winner:
        return ""
    if robust.winner and sensitive.winner:
        return (
            f"The two kinds of score disagree: by content {names.get(robust.winner, robust.winner)} is ahead, by "
            f"wording {names.get(sensitive.winner, sensitive.winner)}. Scores of wording reward terse copies of the "
            "gold answers, which fine-tuning teaches; no overall winner is declared."
        )
    if sensitive.winner:
        return (
            f"By wording {names.get(sensitive.winner, sensitive.winner)} is ahead, by content it is too close to "
            "call: what was measured may be style."
        )
    if robust.winner:
        return f"By content {names.get(robust.winner, robust.winner)} is ahead, by wording it is too close to call."
    return ""


def describe(scorer: Scorer, difference: Difference | None) -> str:
    """A difference with its interval and n, signed so that it reads as a lead."""
    if difference is None:
        return "no question in common"
    low, high = difference.low, difference.high
    if difference.mean < 0:
        low, high = -high, -low
    scale, digits = (1, "z.3g") if scorer.unit else (100, "z.0f")
    ends = f"{scale * low:{digits}} to {scale * high:{digits}}".replace("-", MINUS)
    lead = size(scorer, abs(difference.mean))
    return f"{lead} (95 % interval {ends}, n = {difference.n}{corrected(difference)})"


def corrected(difference: Difference) -> str:
    """The corrected p value, where it is what keeps a difference from being called a lead."""
    unsure = difference.apart and not difference.decided
    return f", p = {difference.p_holm:.2g} corrected" if unsure else ""


def _unsure(scorer: Scorer, arm: str, leader: str, gap: Difference | None, names: Names) -> str:
    """Says of an arm that lies behind why that is not called a lead."""
    few = "documents" if gap and "document" in gap.test else "questions"
    return (
        f"{capital(names.get(arm, arm))} is behind {names.get(leader, leader)}, but not surely: "
        f"{describe(scorer, gap)}. With so few {few} such a gap may still be chance."
    )


def _how_close(scorer: Scorer, gap: Difference | None) -> str:
    if gap is None:
        return ": they were not asked the same questions."
    if not gap.wins + gap.losses:
        return f": the same score on every one of {gap.n} questions."
    text = f": {describe(scorer, gap)}."
    if gap.detectable is not None:
        text += (
            f" A true lead of {size(scorer, gap.detectable)} over every other arm would mostly (four "
            "times out of five) have been named; a smaller one may be there or not."
        )
    return text


def size(scorer: Scorer, difference: float) -> str:
    """How large a difference is, in the score's unit."""
    if scorer.unit:
        return f"{difference:.3g} {scorer.unit}"
    return f"{100 * difference:.0f} points"


def _between(a: str, b: str, differences: Sequence[Difference]) -> Difference | None:
    return next((gap for gap in differences if {gap.a, gap.b} == {a, b}), None)


def _goodness(scorer: Scorer, summary: Summary) -> float:
    assert summary.mean is not None
    return summary.mean if scorer.higher_is_better else -summary.mean


def _listed(arms: Sequence[str], names: Names) -> str:
    said = [names.get(arm, arm) for arm in arms]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
