"""Two evaluations of the same questions, before and after a change, arm by arm and paired.

Each arm is compared with itself on the questions that both runs asked of it. The differences are
tested as those between arms are, and Holm-corrected over the arms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.reports.results import ArmRecord, Results
from ragft_core.evaluation.reports.verdicts import capital, describe
from ragft_core.evaluation.scoring.catalogue import BY_NAME
from ragft_core.evaluation.statistics.bootstrap import Floats, group, resample
from ragft_core.evaluation.statistics.estimates import Difference, compare
from ragft_core.evaluation.statistics.significance import holm
from ragft_core.evaluation.store.plans import Plan, list_plans, load_plan
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace

AFTER, BEFORE = "after", "before"


@dataclass(frozen=True)
class Moved:
    """A question that an arm answered better or worse afterwards, with what it said both times."""

    question_id: str
    question: str
    gold: str
    before: float
    after: float
    before_text: str
    after_text: str


@dataclass(frozen=True)
class ArmChange:
    """An arm in both runs: ``difference`` is after minus before, None where nothing pairs up.

    ``changed`` names what it worked with that differs; ``same_answers`` counts the questions that
    it answered word for word as before.
    """

    arm: str
    name: str
    difference: Difference | None
    better: tuple[Moved, ...]
    worse: tuple[Moved, ...]
    same_answers: int
    changed: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class TwoRuns:
    """Two runs side by side by one score; ``n`` questions are in both.

    ``only_before`` and ``only_after`` are the arms that only one of them asked.
    """

    before: str
    after: str
    score: str
    n: int
    left_out: int
    arms: tuple[ArmChange, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def comparable_runs(workspace: Workspace, evaluation_id: str) -> list[Plan]:
    """The other runs that asked any of a run's questions, newest first.

    Raises:
        EvaluationError: There is no such evaluation.
    """
    _, questions = load_plan(workspace, evaluation_id)
    asked = {_mark(question) for question in questions.ranked}
    return [
        plan
        for plan in list_plans(workspace)
        if plan.id != evaluation_id
        and not plan.is_self_check
        and asked & {_mark(q) for q in load_plan(workspace, plan.id)[1].ranked}
    ]


def compare_evaluations(before: Results, after: Results, score: str = "correct") -> TwoRuns:
    """Puts two runs side by side; a question is the same where its text and its golds are.

    Args:
        before: The earlier run.
        after: The later one.
        score: A scorer's name.

    Raises:
        EvaluationError: They have no question or no arm in common.
    """
    places = {_mark(q): place for place, q in enumerate(before.ranked)}
    deciding = {q.id for q in after.questions.deciding}
    pairs = [
        (places[_mark(q)], place)
        for place, q in enumerate(after.ranked)
        if _mark(q) in places and q.id in deciding
    ]
    arms = [arm for arm in after.ranked_arms if arm in before.ranked_arms]
    if not pairs or not arms:
        what = "question" if not pairs else "arm"
        raise EvaluationError(
            f"The two evaluations have no {what} in common.",
            "Choose two runs of one question set.",
        )
    changes = [_change(arm, before, after, score, pairs) for arm in arms]
    tested = [c for c in changes if c.difference]
    corrected = holm([c.difference.p_holm for c in tested if c.difference])
    held = {c.arm: p for c, p in zip(tested, corrected, strict=True)}
    return TwoRuns(
        before=before.plan.id,
        after=after.plan.id,
        score=score,
        n=len(pairs),
        left_out=len(after.questions.deciding) - len(pairs),
        arms=tuple(_told(change, score, held.get(change.arm)) for change in changes),
        only_before=tuple(arm for arm in before.arms if arm not in after.arms),
        only_after=tuple(arm for arm in after.arms if arm not in before.arms),
    )


def _mark(question: Question) -> tuple[str, tuple[str, ...]]:
    return question.text, question.golds


def _change(
    arm: str, before: Results, after: Results, score: str, pairs: list[tuple[int, int]]
) -> ArmChange:
    rows = before.row(score, arm), after.row(score, arm)
    values = np.array([[rows[1][b] for _, b in pairs], [rows[0][a] for a, _ in pairs]])
    clusters = group([after.ranked[b].document_id for _, b in pairs])
    looked = before.plan.stop_early or after.plan.stop_early
    found = compare((AFTER, BEFORE), values, clusters, resample(clusters), sequential=looked)
    sign = 1 if BY_NAME[score].higher_is_better else -1
    gaps: Floats = sign * (values[0] - values[1])
    moved = [
        (gap, _moved(arm, before, after, pair, column))
        for gap, pair, column in zip(gaps, pairs, values.T, strict=True)
        if not np.isnan(gap) and gap
    ]
    said = [
        (before.answer(arm, before.ranked[a].id), after.answer(arm, after.ranked[b].id))
        for a, b in pairs
    ]
    records = [next(r for r in run.records if r.arm == arm) for run in (before, after)]
    return ArmChange(
        arm,
        after.plan.names[arm],
        found[0] if found else None,
        tuple(item for gap, item in sorted(moved, key=lambda m: -m[0]) if gap > 0),
        tuple(item for gap, item in sorted(moved, key=lambda m: m[0]) if gap < 0),
        sum(bool(x and y and x.answer.text == y.answer.text) for x, y in said),
        _changed(before.plan, after.plan, *records),
        "",
    )


def _moved(
    arm: str, before: Results, after: Results, pair: tuple[int, int], column: Floats
) -> Moved:
    question = after.ranked[pair[1]]
    one = before.answer(arm, before.ranked[pair[0]].id)
    two = after.answer(arm, question.id)
    return Moved(
        question.id,
        question.text,
        " | ".join(question.golds),
        float(column[1]),
        float(column[0]),
        one.answer.text if one else "",
        two.answer.text if two else "",
    )


def _changed(before: Plan, after: Plan, one: ArmRecord, two: ArmRecord) -> tuple[str, ...]:
    """What an arm worked with that is another one now."""
    found = [
        f"{what}: {old or 'none'}, then {new or 'none'}"
        for what, old, new in (
            ("adapter", one.adapter, two.adapter),
            ("model", one.model, two.model),
            ("weights", one.weights[:12], two.weights[:12]),
            ("version of the index", one.index_version, two.index_version),
        )
        if old != new
    ]
    old, new = (to_dict(plan.arm(one.arm).settings) for plan in (before, after))
    return (*found, *(f"{key}: {old[key]}, then {new[key]}" for key in new if old[key] != new[key]))


def _told(change: ArmChange, score: str, p: float | None) -> ArmChange:
    """The change in one sentence, with p values corrected over the arms."""
    name, gap = capital(change.name), change.difference
    if gap is None or p is None:
        return replace(change, text=f"{name}: not scored on the same questions.")
    gap = replace(gap, p_holm=p)
    better, worse = len(change.better), len(change.worse)
    if not better + worse:
        return replace(
            change,
            difference=gap,
            text=f"{name}: the same score on every one of {gap.n} questions.",
        )
    scorer = BY_NAME[score]
    gained = (gap.mean > 0) is scorer.higher_is_better
    if gap.decided:
        said = "clearly better than before" if gained else "clearly worse than before"
    else:
        said = "too close to call against before"
    direction = ("up" if gap.mean > 0 else "down") if gap.mean else "unchanged"
    text = (
        f"{name} is {said}: {better} questions better, {worse} worse; {direction} by "
        f"{describe(scorer, gap)}."
    )
    return replace(change, difference=gap, text=text)
