import random
from collections.abc import Callable

import pytest

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.claim_checks import break_even
from ragft_core.evaluation.reports.claims import CLAIMS, ClaimCheck, Holding, check_claims
from ragft_core.evaluation.reports.report import make_report
from ragft_core.evaluation.reports.results import load_results
from ragft_core.types import QuestionKind
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import DOCUMENT, stored_run


def facts(n: int = 40, **changes: object) -> QuestionSet:
    kind = QuestionKind.DOCUMENT_FACT
    rows = [
        Question(f"q{i}", f"What is thing {i}?", (f"number {i}",), kind, DOCUMENT) for i in range(n)
    ]
    return QuestionSet("facts", tuple(rows))


def checked(
    workspace: Workspace,
    questions: QuestionSet,
    say: Callable[[str, Question, int], str],
    **options: object,
) -> dict[str, ClaimCheck]:
    plan = stored_run(workspace, questions, say, **options)  # type: ignore[arg-type]
    results = load_results(workspace, plan.id)
    return {item.claim.id: item for item in check_claims(results, make_report(results))}


def only(*right: str) -> Callable[[str, Question, int], str]:
    return lambda arm, question, draw: question.golds[0] if arm in right else "no idea at all"


def test_there_are_seven_claims_with_graded_sources() -> None:
    assert len(CLAIMS) == 7
    assert all(source.grade in "PSD" for claim in CLAIMS for source in claim.sources)
    assert all(claim.sources for claim in CLAIMS)


def test_retrieval_ahead_on_document_facts_supports_the_claim(stocked: Workspace) -> None:
    found = checked(stocked, facts(), only("rag"))
    assert found["task"].holding is Holding.HOLDS
    assert "+100 points" in found["task"].measured
    assert found["use"].holding is Holding.HOLDS


def test_fine_tuning_ahead_on_document_facts_contradicts_it(stocked: Workspace) -> None:
    found = checked(stocked, facts(), only("fine-tuned"))
    assert found["task"].holding is Holding.FAILS
    assert found["use"].holding is Holding.FAILS


def test_equal_arms_are_too_close_to_call(stocked: Workspace) -> None:
    coin = random.Random(4)

    def say(arm: str, question: Question, draw: int) -> str:
        return question.golds[0] if coin.random() < 0.5 else "no idea at all"

    assert checked(stocked, facts(), say)["task"].holding is Holding.CLOSE


def test_fine_tuning_ahead_on_labels_supports_the_claim(stocked: Workspace) -> None:
    labels = ("card", "billing")
    rows = [Question(f"q{i}", f"m{i}", (labels[i % 2],), QuestionKind.LABEL) for i in range(40)]
    questions = QuestionSet("labels", tuple(rows), Labelling(labels))
    found = checked(stocked, questions, only("fine-tuned"))
    assert found["task"].holding is Holding.HOLDS
    assert found["use"].holding is Holding.HOLDS
    assert found["data"].holding is Holding.HOLDS


def test_times_are_compared_with_their_intervals(stocked: Workspace) -> None:
    slow = checked(stocked, facts(), only(), seconds={"rag": 1.7, "fine-tuned": 1.0})["compute"]
    assert slow.holding is Holding.HOLDS
    assert "RAG takes 1.7 times" in slow.measured
    same = checked(stocked, facts(), only(), seconds={"rag": 1.0, "fine-tuned": 1.01})["compute"]
    assert same.holding is Holding.CLOSE


def test_without_the_arms_nothing_is_measured(stocked: Workspace) -> None:
    from ragft_core.types import Strategy

    found = checked(stocked, facts(), only(), arms=(Strategy.PROMPT,))
    assert {item.holding for item in found.values()} == {Holding.NOT_MEASURED}


def test_diversity_is_compared_question_by_question(stocked: Workspace) -> None:
    def say(arm: str, question: Question, draw: int) -> str:
        return f"always the same {draw if arm == 'rag' else ''} words here {question.id}"

    found = checked(stocked, facts(20), say, draws=4)["diversity"]
    assert found.holding is Holding.HOLDS
    assert "Distinct word pairs" in found.measured


def test_fine_tuning_that_knows_only_what_it_was_taught_supports_the_claim(
    stocked: Workspace,
) -> None:
    rows = [
        Question(
            f"q{i}", f"What is thing {i}?", (f"number {i}",),
            QuestionKind.TRAINED_FACT if i % 2 else QuestionKind.DOCUMENT_FACT, DOCUMENT,
        )
        for i in range(60)
    ]  # fmt: skip

    def say(arm: str, question: Question, draw: int) -> str:
        taught = question.kind is QuestionKind.TRAINED_FACT
        return question.golds[0] if arm == "fine-tuned" and taught else "no idea at all"

    found = checked(stocked, QuestionSet("both", tuple(rows)), say)["source"]
    assert found.holding is Holding.HOLDS
    assert "100% (n = 30) and 0% (n = 30)" in found.measured


@pytest.mark.parametrize(
    ("rag", "tuned", "training", "count"),
    [(1.7, 1.0, 140.0, 200), (1.0, 1.0, 140.0, None), (0.5, 1.0, 140.0, None), (2, 1, 0.5, 1)],
)
def test_break_even_is_training_over_the_difference(
    rag: float, tuned: float, training: float, count: int | None
) -> None:
    assert break_even(rag, tuned, training) == count
