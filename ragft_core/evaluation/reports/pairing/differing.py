"""The questions of a run on which arms disagree, and whether a given answer is right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.questions.sources import gold_questions, labelling_of
from ragft_core.evaluation.reports.results import Results
from ragft_core.evaluation.scoring.catalogue import score_answer
from ragft_core.evaluation.store.plans import REPORT_FILE, Plan, folder_of, list_plans
from ragft_core.strategies import workspace_arms
from ragft_core.types import Answer
from ragft_core.workspace import Workspace

RIGHT = "correct"


@dataclass(frozen=True)
class Said:
    """What an arm said to a question and whether it is right; None where that is not known."""

    arm: str
    answer: Answer
    right: bool | None


@dataclass(frozen=True)
class Split:
    """A question that some arms answered rightly and others did not, with all of them."""

    question: Question
    said: tuple[Said, ...]

    @property
    def right(self) -> tuple[str, ...]:
        """The arms that are right."""
        return tuple(item.arm for item in self.said if item.right)


def splits(results: Results) -> list[Split]:
    """The questions of a run on which its arms disagree, so ordered that few show much.

    Questions on which the same arms are right make a group; the groups take turns, the largest
    first, so that whoever looks at a handful has seen every way to disagree.
    """
    groups: dict[tuple[str, ...], list[Split]] = defaultdict(list)
    for question in results.ranked:
        found = Split(question, tuple(_said(results, question)))
        known = {item.right for item in found.said if item.right is not None}
        if known == {True, False}:
            groups[found.right].append(found)
    queues = sorted(groups.values(), key=len, reverse=True)
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def _said(results: Results, question: Question) -> Iterator[Said]:
    for arm in results.ranked_arms:
        row = results.answer(arm, question.id)
        if row is not None:
            value = results.details[arm, question.id][RIGHT].value
            yield Said(arm, row.answer, None if value is None else value >= 0.5)


def disagreeing_run(workspace: Workspace) -> Plan | None:
    """The newest finished run of two arms or more, in which they can disagree."""
    return next(
        (
            plan
            for plan in list_plans(workspace)
            if len(plan.arms) > 1
            and not plan.is_self_check
            and (folder_of(workspace, plan.id) / REPORT_FILE).exists()
        ),
        None,
    )


class Golds:
    """The workspace's examples as an answer key: what is right where somebody has said it.

    Raises:
        TrainingDataError: The examples cannot be read.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._questions = {_plain(q.text): q for q in gold_questions(workspace)}
        self._labelling = labelling_of(workspace)
        self._retrieving = {arm.id for arm in workspace_arms(workspace) if arm.retrieves}

    def find(self, text: str) -> Question | None:
        """The example with this question, whatever its case and spacing."""
        return self._questions.get(_plain(text))

    def grade(self, question: Question, answer: Answer) -> bool | None:
        """Whether an answer is right by the score of right answers; None where it cannot tell."""
        retrieves = answer.arm in self._retrieving
        scores = score_answer(question, answer, labelling=self._labelling, retrieves=retrieves)
        value = scores[RIGHT].value
        return None if value is None else value >= 0.5


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
