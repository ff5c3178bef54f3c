"""What the measurements of a run say about each of the article's claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragft_core.evaluation.reports.report import EvaluationReport
from ragft_core.evaluation.reports.results import Results, Slice
from ragft_core.evaluation.reports.verdicts import MINUS, corrected
from ragft_core.evaluation.statistics.bootstrap import group, resample
from ragft_core.evaluation.statistics.estimates import Difference, Summary, compare
from ragft_core.finetuning import load_examples
from ragft_core.types import QuestionKind, Split

RAG, TUNED, PROMPT = "rag", "fine-tuned", "prompt"


@dataclass(frozen=True)
class Finding:
    """What was measured. ``holds`` is None where it was measured and is too close to call."""

    measured: bool
    holds: bool | None
    text: str


NOT_BOTH = Finding(False, None, "RAG and fine-tuned were not both measured in this evaluation.")


def nature_of_task(results: Results, report: EvaluationReport) -> Finding:
    """RAG ahead on facts only in the documents; fine-tuned ahead on labels."""
    facts = _gap(report, RAG, TUNED, f"kind:{QuestionKind.DOCUMENT_FACT}")
    labels = _gap(report, TUNED, RAG, f"kind:{QuestionKind.LABEL}")
    parts = []
    if facts:
        parts.append((facts, "RAG over fine-tuned on facts only in the documents"))
    if labels:
        parts.append((labels, "fine-tuned over RAG on labels"))
    if not parts:
        return Finding(
            False, None,
            "Needs RAG and fine-tuned, on facts that only the documents hold, or on labels.",
        )  # fmt: skip
    text = "; ".join(f"{name}: {_points(gap)}" for gap, name in parts)
    return Finding(True, _all([_directed(gap) for gap, _ in parts]), f"{_capital(text)}.")


def data_availability(results: Results, report: EvaluationReport) -> Finding:
    """Fine-tuning gains from few examples; RAG loses where the documents say nothing."""
    trained = len([e for e in load_examples(results.workspace) if e.split is Split.TRAIN])
    seen = f"kind:{QuestionKind.LABEL}" if report.kinds.get(QuestionKind.LABEL) else ""
    seen = seen or f"kind:{QuestionKind.TRAINED_FACT}"
    gain = _gap(report, TUNED, PROMPT, seen)
    loss = _gap(report, PROMPT, RAG, f"kind:{QuestionKind.GENERAL}")
    parts = []
    if gain:
        parts.append((gain, f"{trained} examples lift fine-tuned over prompt only"))
    if loss:
        parts.append((loss, "where the documents say nothing, prompt only leads RAG"))
    if not parts:
        return Finding(False, None, "Needs prompt only beside fine-tuned or RAG.")
    text = "; ".join(f"{name}: {_points(gap)}" for gap, name in parts)
    return Finding(True, _all([_directed(gap) for gap, _ in parts]), f"{_capital(text)}.")


def computational_intensity(results: Results, report: EvaluationReport) -> Finding:
    """Seconds per answer of both, and after how many questions training has paid for itself."""
    times = {item.arm: item for item in report.latency}
    if RAG not in times or TUNED not in times:
        return Finding(False, None, "Needs the times of RAG and fine-tuned, measured apart.")
    rag, tuned = times[RAG], times[TUNED]
    ratio = rag.median_s / tuned.median_s
    text = (
        f"RAG takes {ratio:.1f} times the fine-tuned model's time per answer "
        f"({rag.median_s:.2f} s against {tuned.median_s:.2f} s, n = {rag.n} and {tuned.n})"
    )
    training = next((cost.training_s for cost in report.costs if cost.arm == TUNED), None)
    if training is not None:
        text += f"; fine-tuning cost {training:.0f} s once: " + _even(
            rag.median_s, tuned.median_s, training
        )
    apart = rag.low_s > tuned.high_s or rag.high_s < tuned.low_s
    return Finding(True, rag.median_s > tuned.median_s if apart else None, f"{text}.")


def break_even(rag_s: float, tuned_s: float, training_s: float) -> int | None:
    """After how many questions the time spent on training is regained; None: never."""
    return math.ceil(training_s / (rag_s - tuned_s)) if rag_s > tuned_s else None


def _even(rag_s: float, tuned_s: float, training_s: float) -> str:
    count = break_even(rag_s, tuned_s, training_s)
    return f"even after {count} questions" if count else "never even, as RAG is no slower"


def output_diversity(results: Results, report: EvaluationReport) -> Finding:
    """Distinct word pairs of several samples per question, RAG against fine-tuned."""
    found = {item.arm: item for item in report.diversity}
    if RAG not in found or TUNED not in found:
        return Finding(
            False, None, "Needs several samples per question of RAG and fine-tuned (an option)."
        )
    rag, tuned = found[RAG], found[TUNED]
    values = np.array([rag.values, tuned.values], dtype=np.float64)
    clusters = group([""] * values.shape[1])
    gaps = compare([RAG, TUNED], values, clusters, resample(clusters))
    if not gaps:
        return Finding(False, None, "The samples are too short to hold pairs of words.")
    text = (
        f"Distinct word pairs: RAG {_share(rag.distinct_2)}, fine-tuned "
        f"{_share(tuned.distinct_2)}, a lead of {_points(gaps[0])}; self-BLEU "
        f"{_share(rag.self_bleu)} and {_share(tuned.self_bleu)}."
    )
    return Finding(True, _directed(gaps[0]), text)


def knowledge_source(results: Results, report: EvaluationReport) -> Finding:
    """RAG is right where retrieval finds; fine-tuned where training taught."""
    parts: list[tuple[Summary, Summary, str]] = []
    with_hit = _by_hit(results)
    if with_hit:
        parts.append((*with_hit, "RAG is right when the passage was found, and when it was not"))
    table = {
        kind: report.table("correct", f"kind:{kind}")
        for kind in (QuestionKind.TRAINED_FACT, QuestionKind.DOCUMENT_FACT)
    }
    pair = [t.summaries.get(TUNED) if t else None for t in table.values()]
    if pair[0] and pair[1] and pair[0].n and pair[1].n:
        parts.append((pair[0], pair[1], "fine-tuned is right on trained facts, and on others"))
    if not parts:
        return Finding(
            False, None, "Needs questions whose document is known, or both kinds of facts."
        )
    text = "; ".join(f"{name}: {_rate(a)} and {_rate(b)}" for a, b, name in parts)
    holds = [_apart(a, b) for a, b, _ in parts]
    return Finding(True, _all(holds), f"{_capital(text)}. Bias is not measured here.")


def use_case(results: Results, report: EvaluationReport) -> Finding:
    """The article's choice for this kind of work against the arm that is ahead."""
    gap = _gap(report, RAG, TUNED, "all")
    if not gap:
        return NOT_BOTH
    if _only_labels(report):
        kind, claimed, lead = "sorting into labels", "fine-tuning", _directed(gap, reverse=True)
    else:
        kind, claimed, lead = "answering questions", "RAG", _directed(gap)
    text = (
        f"The work here is {kind}, for which the article picks {claimed}. "
        f"RAG over fine-tuned on all questions: {_points(gap)}."
    )
    return Finding(True, lead, text)


def training_complexity(results: Results, report: EvaluationReport) -> Finding:
    """Whether RAG needed any training here, and what fine-tuning needed."""
    records = {record.arm: record for record in report.arms if record.ranked}
    if RAG not in records or TUNED not in records:
        return NOT_BOTH
    seconds = {cost.arm: cost.training_s for cost in report.costs}
    own = seconds.get(RAG)
    adapter = records[RAG].adapter
    trained = f"{seconds[TUNED]:.0f} s of training" if seconds.get(TUNED) else "a training run"
    how = "an adapter trained here" if own else "nothing trained here"
    if adapter and not own:
        how += " (it reads with an adapter that came with the product)"
    return Finding(
        True, bool(own), f"RAG ran with {how}; fine-tuning took {trained} on this machine."
    )


def _gap(report: EvaluationReport, a: str, b: str, part: str) -> Difference | None:
    """Arm ``a`` minus arm ``b`` by right answers, whichever way round the pair is stored."""
    table = report.table("correct", part)
    for gap in table.differences if table else ():
        if (gap.a, gap.b) == (a, b):
            return gap
        if (gap.a, gap.b) == (b, a):
            return Difference(
                a, b, -gap.mean, -gap.high, -gap.low, gap.n, gap.losses, gap.wins,
                gap.p, gap.p_holm, gap.test, gap.needed,
            )  # fmt: skip
    return None


def _by_hit(results: Results) -> tuple[Summary, Summary] | None:
    """RAG's share right where retrieval found the passage, and where it did not."""
    if RAG not in results.ranked_arms:
        return None
    hits = results.row("hit", RAG)
    found = [_summary(results, hits == value) for value in (1.0, 0.0)]
    return (found[0], found[1]) if all(item and item.n for item in found) else None  # type: ignore[return-value]


def _summary(results: Results, mask: np.ndarray) -> Summary | None:
    if not mask.any():
        return None
    return results.table("correct", Slice("part", "", mask)).summaries.get(RAG)


def _only_labels(report: EvaluationReport) -> bool:
    return report.kinds.get(QuestionKind.LABEL, 0) * 2 > sum(report.kinds.values())


def _directed(gap: Difference, *, reverse: bool = False) -> bool | None:
    """Whether the first arm is ahead; None where it is too close to call."""
    return None if not gap.decided else (gap.mean > 0) is not reverse


def _apart(a: Summary, b: Summary) -> bool | None:
    """Whether ``a`` is above ``b``; None where their intervals overlap."""
    assert a.low is not None
    assert a.high is not None
    assert b.low is not None
    assert b.high is not None
    if a.low > b.high:
        return True
    return False if a.high < b.low else None


def _all(parts: Sequence[bool | None]) -> bool | None:
    """True where all hold, False where one does not, None where one cannot be told."""
    if False in parts:
        return False
    return None if None in parts else True


def _points(gap: Difference) -> str:
    return (
        f"{100 * gap.mean:+.0f} points (95 % interval {100 * gap.low:+.0f} to "
        f"{100 * gap.high:+.0f}, n = {gap.n}{corrected(gap)})"
    ).replace("-", MINUS)


def _rate(summary: Summary) -> str:
    assert summary.mean is not None
    return f"{summary.mean:.0%} (n = {summary.n})"


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
