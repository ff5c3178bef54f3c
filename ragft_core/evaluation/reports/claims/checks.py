"""The test of each claim: parts that can hold, fail, stay open or be untested, in the table's order.

A claim holds where every part was tested and holds, and fails where one part does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ragft_core.evaluation.reports import extras
from ragft_core.evaluation.reports.claims.table import Claim, ClaimCheck, Holding, claim_table
from ragft_core.evaluation.reports.results import Results, Slice
from ragft_core.evaluation.reports.verdicts import MINUS, capital, corrected
from ragft_core.evaluation.statistics.bootstrap import group, resample
from ragft_core.evaluation.statistics.estimates import Difference, Summary, compare
from ragft_core.evaluation.statistics.significance import LEVEL, mcnemar
from ragft_core.finetuning import load_examples
from ragft_core.types import QuestionKind, Split

RAG, TUNED, PROMPT = "rag", "fine-tuned", "prompt"
# Above this many examples a gain says nothing about limited data.
LIMITED = 1000


@dataclass(frozen=True)
class Part:
    """What was measured of one part. ``holds`` is None where it is too close to call."""

    holds: bool | None
    text: str


# None: the part was not tested.
Parts = Sequence[Part | None]


def check_claims(results: Results) -> list[ClaimCheck]:
    """Checks every claim of the article against one evaluation."""
    return [check(claim, CHECKS[claim.id](results)) for claim in claim_table()]


def check(claim: Claim, parts: Parts) -> ClaimCheck:
    """Puts the parts of a claim together; what was not tested is named as such."""
    told = [
        f"{capital(name)}: {part.text}." if part else f"Not tested: {name}."
        for name, part in zip(claim.tested, parts, strict=True)
    ]
    return ClaimCheck(claim.id, _together(parts), " ".join(told))


def _together(parts: Parts) -> Holding:
    said = [part.holds for part in parts if part]
    if not said:
        return Holding.NOT_TESTED
    if False in said:
        return Holding.FAILS
    if None in said:
        return Holding.CLOSE
    return Holding.HOLDS if len(said) == len(parts) else Holding.PARTLY


def _task(results: Results) -> Parts:
    return (
        _lead(results, RAG, TUNED, QuestionKind.DOCUMENT_FACT),
        _lead(results, TUNED, RAG, QuestionKind.LABEL),
    )


def _data(results: Results) -> Parts:
    trained = sum(e.split is Split.TRAIN for e in load_examples(results.workspace))
    kinds = results.questions.kinds
    kind = QuestionKind.LABEL if kinds.get(QuestionKind.LABEL) else QuestionKind.TRAINED_FACT
    gain = _lead(results, TUNED, PROMPT, kind) if trained <= LIMITED else None
    if gain:
        gain = Part(gain.holds, f"{gain.text}, {trained} examples")
    return gain, _lead(results, PROMPT, RAG, QuestionKind.GENERAL)


def _compute(results: Results) -> Parts:
    times = {item.arm: item for item in extras.latencies(results)}
    if RAG not in times or TUNED not in times:
        return (None,)
    rag, tuned = times[RAG], times[TUNED]
    text = (
        f"{rag.median_s / tuned.median_s:.1f} times as long, {rag.median_s:.2f} s against "
        f"{tuned.median_s:.2f} s (n = {rag.n} and {tuned.n})"
    )
    spent = {cost.arm: cost.training_s for cost in extras.costs(results)}.get(TUNED)
    if spent is not None:
        count = break_even(rag.median_s, tuned.median_s, spent)
        text += f"; training cost {spent:.0f} s once, " + (
            f"even after {count} questions" if count else "never even, as RAG is no slower"
        )
    apart = rag.low_s > tuned.high_s or rag.high_s < tuned.low_s
    return (Part(rag.median_s > tuned.median_s if apart else None, text),)


def break_even(rag_s: float, tuned_s: float, training_s: float) -> int | None:
    """After how many questions the time spent on training is regained; None: never."""
    return math.ceil(training_s / (rag_s - tuned_s)) if rag_s > tuned_s else None


def _diversity(results: Results) -> Parts:
    found = {item.arm: item for item in extras.diversity(results)}
    varied = None
    if RAG in found and TUNED in found:
        values = np.array([found[RAG].values, found[TUNED].values], dtype=np.float64)
        clusters = group([question.document_id for question in results.ranked])
        gaps = compare(
            [RAG, TUNED], values, clusters, resample(clusters), sequential=results.plan.stop_early
        )
        if gaps:
            varied = Part(_directed(gaps[0]), f"distinct pairs of words, {_points(gaps[0])}")
    return varied, _lead(results, PROMPT, TUNED, QuestionKind.GENERAL)


def _knowledge(results: Results) -> Parts:
    found = None
    if RAG in results.arms:
        hits = results.row("hit", RAG)
        found = _rates(results, RAG, hits == 1, hits == 0)
    kind = [question.kind for question in results.ranked]
    taught, other = (
        np.array([item is wanted for item in kind], dtype=bool)
        for wanted in (QuestionKind.TRAINED_FACT, QuestionKind.DOCUMENT_FACT)
    )
    return found, _rates(results, TUNED, taught, other)


def _use_case(results: Results) -> Parts:
    from ragft_core.strategies import load_votes

    votes = [v.choice for v in load_votes(results.workspace) if {RAG, TUNED} <= set(v.arms)]
    rag, tuned = votes.count(RAG), votes.count(TUNED)
    preferred = None
    if rag + tuned:
        sure = mcnemar(rag, tuned) < LEVEL
        preferred = Part(rag > tuned if sure else None, f"{rag} to {tuned} votes")
    return preferred, _lead(results, RAG, TUNED, QuestionKind.UNANSWERABLE)


def _training(results: Results) -> Parts:
    own = {cost.arm: cost.training_s for cost in extras.costs(results)}.get(RAG)
    gap = _gap(results, RAG, PROMPT, "all") if own is None else None
    untrained = Part(_directed(gap, reverse=True), _points(gap)) if gap else None
    return untrained, _lead(results, TUNED, PROMPT)


CHECKS: dict[str, Callable[[Results], Parts]] = {
    "task": _task,
    "data": _data,
    "compute": _compute,
    "diversity": _diversity,
    "knowledge": _knowledge,
    "use-case": _use_case,
    "training": _training,
}


def _lead(results: Results, a: str, b: str, kind: QuestionKind | None = None) -> Part | None:
    """Whether ``a`` is ahead of ``b`` by right answers; None where they were not compared."""
    if kind and not results.questions.kinds.get(kind):
        return None
    gap = _gap(results, a, b, f"kind:{kind}" if kind else "all")
    return Part(_directed(gap), _points(gap)) if gap else None


def _gap(results: Results, a: str, b: str, part: str) -> Difference | None:
    """Arm ``a`` minus arm ``b`` by right answers, whichever way round the pair is stored."""
    for gap in results.table("correct", results.slice(part)).differences:
        if (gap.a, gap.b) == (a, b):
            return gap
        if (gap.a, gap.b) == (b, a):
            return Difference(
                a, b, -gap.mean, -gap.high, -gap.low, gap.n, gap.losses, gap.wins,
                gap.p, gap.p_holm, gap.test, gap.detectable,
            )  # fmt: skip
    return None


def _rates(results: Results, arm: str, one: np.ndarray, other: np.ndarray) -> Part | None:
    """Whether an arm is right more often on one part of the questions than on another."""
    if arm not in results.ranked_arms or not one.any() or not other.any():
        return None
    a, b = (
        results.table("correct", Slice("part", "", mask)).summaries[arm] for mask in (one, other)
    )
    if not a.n or not b.n:
        return None
    return Part(_apart(a, b), f"{_rate(a)} against {_rate(b)}")


def _apart(a: Summary, b: Summary) -> bool | None:
    """Whether ``a`` is above ``b``; None where their intervals overlap."""
    assert a.low is not None
    assert a.high is not None
    assert b.low is not None
    assert b.high is not None
    if a.low > b.high:
        return True
    return False if a.high < b.low else None


def _directed(gap: Difference, *, reverse: bool = False) -> bool | None:
    """Whether the first arm is ahead; None where it is too close to call."""
    return None if not gap.decided else (gap.mean > 0) is not reverse


def _points(gap: Difference) -> str:
    return (
        f"{100 * gap.mean:+z.0f} points (95 % interval {100 * gap.low:+z.0f} to "
        f"{100 * gap.high:+z.0f}, n = {gap.n}{corrected(gap)})"
    ).replace("-", MINUS)


def _rate(summary: Summary) -> str:
    assert summary.mean is not None
    return f"{100 * summary.mean:.0f} % (n = {summary.n})"
