import pytest

from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.running.forecast import (
    estimate_evaluation,
    keep_seconds_per_answer,
    probe,
    seconds_per_answer,
)
from ragft_core.evaluation.store.plans import make_plan
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import ARMS, FakeLab, arms_of, planned
from tests.evaluation.test_runner import run


def test_time_is_unknown_until_the_machine_was_probed(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = make_plan(questions, arms_of(ARMS))
    before = estimate_evaluation(stocked, Settings(), plan, questions)
    assert before.seconds is None
    assert (before.answers, before.reusable, before.timings) == (24, 0, 10)
    probe(stocked, FakeLab(), plan, questions)
    after = estimate_evaluation(stocked, Settings(), plan, questions)
    assert after.seconds is not None


def test_what_an_earlier_run_answered_is_not_counted_again(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = planned(stocked, questions)
    run(stocked, plan)
    forecast = estimate_evaluation(
        stocked, Settings(), make_plan(questions, arms_of(ARMS), latency_questions=2), questions
    )
    assert (forecast.reusable, forecast.timings) == (24, 0)
    assert forecast.seconds == 2.0


def test_time_is_shared_out_by_what_each_arm_took(stocked: Workspace) -> None:
    keep_seconds_per_answer(stocked, [("rag", 3.0), ("rag", 3.0), ("prompt", 2.0)], 4.0)
    assert seconds_per_answer(stocked) == pytest.approx({"rag": 1.5, "prompt": 1.0})


def test_more_questions_show_smaller_differences(
    stocked: Workspace, questions: QuestionSet
) -> None:
    forecast = estimate_evaluation(
        stocked, Settings(), make_plan(questions, arms_of(ARMS)), questions
    )
    assert forecast.smallest[0] < forecast.smallest[1] <= 1
    assert forecast.needed_for_5[0] > forecast.needed_for_10[0]
