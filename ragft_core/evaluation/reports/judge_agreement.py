"""What the judge of a run thought, beside the score that is worked out without it."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.evaluation.judging.judge_prompt import judgeable, kappa
from ragft_core.evaluation.reports.results import Results


@dataclass(frozen=True)
class JudgeReport:
    """A judge's work on a run.

    ``agreed`` of ``compared`` answers were right or wrong by the judge as by the deterministic
    score; ``kappa`` is Cohen's. ``cost`` is what this run paid, in the currency of the judge's
    price list; judgements that an earlier run paid for are none of it.
    """

    model: str
    judged: int
    unscored: int
    compared: int
    agreed: int
    kappa: float | None
    cost: float
    notes: tuple[str, ...] = ()


def judge_report(results: Results) -> JudgeReport | None:
    """How far the judge got, and how often it agrees; None where no judge was wanted."""
    judge = results.plan.judge
    if judge is None:
        return None
    asked = {question.id for question in results.ranked if judgeable(question)}
    details = [
        scores
        for (arm, question), scores in results.details.items()
        if question in asked and (row := results.answer(arm, question)) and not row.answer.error
    ]
    pairs = [
        (scores["correct"].value == 1, scores["judged"].value == 1)
        for scores in details
        if scores["correct"].value is not None and scores["judged"].value is not None
    ]
    judged = sum(scores["judged"].value is not None for scores in details)
    failed = [row.reason for row in results.judgements.values() if row.failed]
    notes = []
    if failed:
        notes.append(f"Not every answer could be judged: {failed[-1]}")
    if any(record.model == judge.name for record in results.records):
        notes.append(
            "The judge is the model that answers: models favour their own answers (Panickssery et "
            "al., arXiv 2404.13076)."
        )
    return JudgeReport(
        judge.name,
        judged,
        len(details) - judged,
        len(pairs),
        sum(a == b for a, b in pairs),
        kappa(pairs),
        sum(row.cost for row in results.judgements.values()),
        tuple(notes),
    )
