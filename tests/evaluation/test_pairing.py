"""Two runs side by side, and the questions on which the arms of one disagree."""

from __future__ import annotations

import dataclasses

import pytest

from ragft_core.errors import EvaluationError
from ragft_core.evaluation import load_results
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.reports.pairing import (
    Golds,
    comparable_runs,
    compare_evaluations,
    disagreeing_run,
    splits,
)
from ragft_core.evaluation.store.plans import REPORT_FILE, folder_of
from ragft_core.finetuning import save_examples
from ragft_core.types import Answer, Example, Split
from ragft_core.workspace import Workspace, write_json
from tests.evaluation.conftest import make_questions, stored_run


def first(n: int, arms: tuple[str, ...] = ("rag",)):
    """Says the gold answer to the first ``n`` questions where the arm is one of these."""

    def say(arm: str, question: Question, draw: int) -> str:
        return question.golds[0] if arm in arms and int(question.id[1:]) < n else "no idea"

    return say


def test_what_got_better_and_worse_is_paired_and_tested(stocked: Workspace) -> None:
    before = stored_run(stocked, make_questions(20), first(2))
    after = stored_run(stocked, make_questions(20), first(18))
    found = compare_evaluations(load_results(stocked, before.id), load_results(stocked, after.id))
    rag = next(change for change in found.arms if change.arm == "rag")
    assert (found.n, len(rag.better), len(rag.worse), rag.same_answers) == (20, 16, 0, 4)
    assert {move.question_id for move in rag.better} == {f"q{n}" for n in range(2, 18)}
    assert (rag.better[0].before_text, rag.better[0].after) == ("no idea", 1.0)
    assert rag.difference
    assert rag.difference.mean == pytest.approx(0.8)
    assert rag.difference.p < rag.difference.p_holm  # three arms were tested
    assert "clearly better than before: 16 questions better, 0 worse" in rag.text
    prompt = next(change for change in found.arms if change.arm == "prompt")
    assert "the same score on every one of 20 questions" in prompt.text
    turned = compare_evaluations(load_results(stocked, after.id), load_results(stocked, before.id))
    assert "clearly worse" in next(c for c in turned.arms if c.arm == "rag").text


def test_a_small_change_is_too_close_to_call(stocked: Workspace) -> None:
    before = stored_run(stocked, make_questions(20), first(10))
    after = stored_run(stocked, make_questions(20), first(12))
    found = compare_evaluations(load_results(stocked, before.id), load_results(stocked, after.id))
    text = next(change for change in found.arms if change.arm == "rag").text
    assert "too close to call against before: 2 questions better, 0 worse" in text


def test_only_questions_in_both_runs_count(stocked: Workspace) -> None:
    before = stored_run(stocked, make_questions(6), first(3), ("prompt", "rag"))
    larger = make_questions(10)
    reworded = dataclasses.replace(larger.questions[0], text="Another question?")
    larger = dataclasses.replace(larger, questions=(reworded, *larger.questions[1:]))
    after = stored_run(stocked, larger, first(10), ("rag", "fine-tuned"))
    found = compare_evaluations(load_results(stocked, before.id), load_results(stocked, after.id))
    assert (found.n, found.left_out) == (5, 5)
    assert [change.arm for change in found.arms] == ["rag"]
    assert (found.only_before, found.only_after) == (("prompt",), ("fine-tuned",))
    assert [plan.id for plan in comparable_runs(stocked, after.id)] == [before.id]


def test_runs_without_a_common_question_are_refused(stocked: Workspace) -> None:
    one = stored_run(stocked, make_questions(3), first(1))
    others = dataclasses.replace(
        make_questions(3), questions=(Question("x1", "Who is it?", ("Ann",)),)
    )
    two = stored_run(stocked, others, lambda arm, question, draw: "Ann")
    assert comparable_runs(stocked, one.id) == []
    with pytest.raises(EvaluationError, match="no question in common"):
        compare_evaluations(load_results(stocked, one.id), load_results(stocked, two.id))


def test_every_way_to_disagree_comes_early(stocked: Workspace) -> None:
    right = {"prompt": range(0), "rag": range(8), "fine-tuned": range(6, 10)}

    def say(arm: str, question: Question, draw: int) -> str:
        return question.golds[0] if int(question.id[1:]) in right[arm] else "no idea"

    plan = stored_run(stocked, make_questions(12), say)
    found = splits(load_results(stocked, plan.id))
    assert len(found) == 10  # nobody knows the last two
    assert [split.right for split in found[:3]] == [
        ("rag",), ("rag", "fine-tuned"), ("fine-tuned",),
    ]  # fmt: skip


def test_an_answer_is_graded_where_the_gold_is_known(workspace: Workspace) -> None:
    save_examples(workspace, [Example("a", "How long is it?", "12 months", Split.TRAIN)])
    golds = Golds(workspace)
    question = golds.find("  how long  is it? ")
    assert question
    assert question.golds == ("12 months",)
    assert golds.grade(question, Answer("rag", question.text, "It is 12 months.")) is True
    assert golds.grade(question, Answer("prompt", question.text, "Two weeks.")) is False
    assert golds.grade(question, Answer("prompt", question.text, "", error="No.")) is None
    assert golds.find("What else?") is None


def test_arms_disagree_in_the_newest_finished_run(stocked: Workspace) -> None:
    finished, running, alone = (
        stored_run(stocked, make_questions(3), first(1), arms)
        for arms in (("prompt", "rag"), ("prompt", "rag"), ("rag",))
    )
    assert disagreeing_run(stocked) is None
    for plan in (finished, alone):
        write_json(folder_of(stocked, plan.id) / REPORT_FILE, {})
    found = disagreeing_run(stocked)
    assert found
    assert found.id == finished.id != running.id
