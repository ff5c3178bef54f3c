"""Confidence against right answers, and the adaptive arm fitted to a run."""

from __future__ import annotations

import dataclasses

import pytest

from ragft_core.errors import EvaluationError
from ragft_core.evaluation import load_results
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.running import calibrate, reliability
from ragft_core.evaluation.store.answers import StoredAnswer, keep
from ragft_core.evaluation.store.plans import ANSWERS_FILE, folder_of, make_plan, save_plan
from ragft_core.models.prompts import ABSTENTION
from ragft_core.types import Answer, QuestionKind
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import DOCUMENT, arms_of, make_questions, passage


def stored(workspace: Workspace, questions: QuestionSet) -> str:
    """RAG knows the documents and nothing else, surer when it is right; the prompt the reverse."""
    plan = make_plan(questions, arms_of(["rag", "prompt"]))
    save_plan(workspace, plan, questions)
    rows = []
    for number, question in enumerate(questions.questions):
        general = question.kind is QuestionKind.GENERAL
        near = dataclasses.replace(passage(question.text if not general else "Kilns."),
                                   similarity=0.1 if general else 0.8)  # fmt: skip
        right = number % 4 != 3
        gold = (question.golds or ("nothing",))[0]
        read = gold if right and not general else "something else"
        rows += [
            _row("rag", question, read, 0.9 if right else 0.4, near),
            _row("prompt", question, gold if general else "a guess", 0.8 if general else 0.3),
        ]
    keep(folder_of(workspace, plan.id) / ANSWERS_FILE, rows)
    return plan.id


def _row(arm: str, question: Question, text: str, sure: float, *found: object) -> StoredAnswer:
    answer = Answer(arm, question.text, text, tuple(found), confidence=sure)  # type: ignore[arg-type]
    return StoredAnswer(f"{arm}{question.id}", arm, question.id, 0, answer)


@pytest.fixture
def mixed() -> QuestionSet:
    general = tuple(
        Question(
            f"g{n}",
            f"Which planet is number {n}?",
            (f"planet {n}",),
            QuestionKind.GENERAL,
            DOCUMENT,
        )
        for n in range(24)
    )
    return QuestionSet("Things", (*make_questions(48).questions, *general))


def test_confidence_stands_against_the_share_that_was_right(
    stocked: Workspace, mixed: QuestionSet
) -> None:
    results = load_results(stocked, stored(stocked, mixed))
    read = next(one for one in reliability(results) if one.arm == "rag")
    assert read.n == sum(b.n for b in read.bins) == 72
    assert read.bins[0].confidence < read.bins[-1].confidence
    assert 0 < read.error < 1
    recalled = next(one for one in reliability(results) if one.arm == "prompt")
    assert recalled.bins[0].right == 0 < recalled.bins[-1].right, "it is sure where it knows"


def test_calibrated_it_reads_or_recalls_as_the_question_wants(
    stocked: Workspace, mixed: QuestionSet
) -> None:
    plan = stored(stocked, mixed)
    report = calibrate(stocked, load_results(stocked, plan))
    assert report.calibration.n == 72
    assert report.calibration.source == plan
    assert stocked.settings().calibration == report.calibration
    assert report.unknown == 0, "every answer tells how sure it was"
    assert report.reading.right == 36
    assert report.adaptive.right > report.reading.right + 12
    assert report.adaptive.wrong < report.reading.wrong


def test_few_answers_or_one_arm_calibrate_nothing(stocked: Workspace) -> None:
    few = make_questions(12)
    with pytest.raises(EvaluationError, match="12 questions .*30 are needed.*Evaluate both arms"):
        calibrate(stocked, load_results(stocked, stored(stocked, few)))
    assert stocked.settings().calibration is None


def test_what_declines_claims_nothing(stocked: Workspace) -> None:
    questions = make_questions(6)
    plan = make_plan(questions, arms_of(["rag"]))
    save_plan(stocked, plan, questions)
    rows = [_row("rag", q, ABSTENTION, 0.9) for q in questions.questions]
    keep(folder_of(stocked, plan.id) / ANSWERS_FILE, rows)
    assert reliability(load_results(stocked, plan.id)) == []
