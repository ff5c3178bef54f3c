"""Each of the article's claims can hold, fail and be untested; half a test is said as half."""

from collections.abc import Callable

import pytest

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.claims import ClaimCheck, Holding, check_claims, claim_table
from ragft_core.evaluation.reports.claims.checks import LIMITED, break_even
from ragft_core.evaluation.reports.results import load_results
from ragft_core.evaluation.store.plans import ANSWERS_FILE, folder_of
from ragft_core.finetuning import save_examples
from ragft_core.models.prompts import ABSTENTION
from ragft_core.strategies.conversations import Vote, save_vote
from ragft_core.types import Example, QuestionKind, Split, Strategy
from ragft_core.workspace import Workspace, read_jsonl, write_jsonl
from tests.evaluation.conftest import DOCUMENT, stored_run

FACT, TAUGHT, LABEL = QuestionKind.DOCUMENT_FACT, QuestionKind.TRAINED_FACT, QuestionKind.LABEL
GENERAL, NOWHERE = QuestionKind.GENERAL, QuestionKind.UNANSWERABLE
LABELS = ("card", "billing")
Say = Callable[[str, Question, int], str]


def asked(*kinds: QuestionKind, n: int = 30) -> QuestionSet:
    """``n`` questions of each kind, every second one about a document that is never found."""
    rows = [
        Question(
            f"{kind}{i}", f"What is {kind} thing {i}?",
            () if kind is NOWHERE else (LABELS[i % 2],) if kind is LABEL else (f"number {i}",),
            kind, DOCUMENT if i % 2 else "cd" * 10,
        )
        for kind in kinds
        for i in range(n)
    ]  # fmt: skip
    return QuestionSet("mixed", tuple(rows), Labelling(LABELS if LABEL in kinds else ()))


def knows(**right: set[QuestionKind]) -> Say:
    """Arms that are right on these kinds, and wrong on all others."""

    def say(arm: str, question: Question, draw: int) -> str:
        known = question.kind in right.get(arm.replace("fine-tuned", "tuned"), set())
        if question.kind is NOWHERE:
            return ABSTENTION if known else "It is seven."
        return question.golds[0] if known else "no idea at all"

    return say


def found(
    workspace: Workspace, questions: QuestionSet, say: Say, **options: object
) -> dict[str, ClaimCheck]:
    plan = stored_run(workspace, questions, say, **options)  # type: ignore[arg-type]
    return {item.id: item for item in check_claims(load_results(workspace, plan.id))}


def where_found(arm: str, question: Question, draw: int) -> str:
    """RAG knows what its passages hold, fine-tuned what it was taught."""
    right = question.document_id == DOCUMENT if arm == "rag" else question.kind is TAUGHT
    return question.golds[0] if right else "no idea at all"


def unlike(arm: str, question: Question, draw: int) -> str:
    """The opposite of both."""
    right = question.document_id != DOCUMENT if arm == "rag" else question.kind is not TAUGHT
    return question.golds[0] if right else "no idea at all"


def varied(*arms: str) -> Say:
    """Arms whose answers differ from draw to draw; the bare model knows the world, tuned does not."""

    def say(arm: str, question: Question, draw: int) -> str:
        if question.kind is GENERAL and arm == "prompt" and "rag" in arms:
            return question.golds[0]
        return f"always the same {draw if arm in arms else ''} words here {question.id}"

    return say


def half(arm: str, question: Question, draw: int) -> str:
    """Prompt only knows four in ten of each document, fine-tuned all, RAG nothing."""
    right = arm == "fine-tuned" or (arm == "prompt" and question.id[-1] in "0145")
    return question.golds[0] if right else "no idea at all"


CASES: list[tuple[str, Holding, QuestionSet, Say, dict[str, object]]] = [
    ("task", Holding.HOLDS, asked(FACT, LABEL), knows(rag={FACT}, tuned={LABEL}), {}),
    ("task", Holding.PARTLY, asked(FACT), knows(rag={FACT}), {}),
    ("task", Holding.FAILS, asked(FACT, LABEL), knows(rag={FACT, LABEL}), {}),
    ("task", Holding.CLOSE, asked(FACT, LABEL), knows(rag={FACT}), {}),
    ("data", Holding.HOLDS, asked(TAUGHT, GENERAL), knows(tuned={TAUGHT}, prompt={GENERAL}), {}),
    ("data", Holding.PARTLY, asked(TAUGHT), knows(tuned={TAUGHT}), {}),
    ("data", Holding.FAILS, asked(TAUGHT, GENERAL), knows(tuned={TAUGHT}, rag={GENERAL}), {}),
    ("compute", Holding.HOLDS, asked(FACT), knows(), {"seconds": {"rag": 1.7, "fine-tuned": 1.0}}),
    ("compute", Holding.FAILS, asked(FACT), knows(), {"seconds": {"rag": 1.0, "fine-tuned": 1.7}}),
    ("compute", Holding.CLOSE, asked(FACT), knows(), {"seconds": {"rag": 1, "fine-tuned": 1.01}}),
    ("diversity", Holding.HOLDS, asked(FACT, GENERAL), varied("rag"), {"draws": 3}),
    ("diversity", Holding.PARTLY, asked(FACT), varied("rag"), {"draws": 3}),
    ("diversity", Holding.FAILS, asked(FACT), varied("fine-tuned"), {"draws": 3}),
    ("knowledge", Holding.HOLDS, asked(FACT, TAUGHT, n=40), where_found, {}),
    ("knowledge", Holding.FAILS, asked(FACT, TAUGHT, n=40), unlike, {}),
    ("use-case", Holding.PARTLY, asked(FACT, NOWHERE), knows(rag={NOWHERE}), {}),
    ("use-case", Holding.FAILS, asked(FACT, NOWHERE), knows(tuned={NOWHERE}), {}),
    ("training", Holding.HOLDS, asked(FACT), half, {}),
    ("training", Holding.FAILS, asked(FACT), knows(rag={FACT}, tuned={FACT}), {}),
    ("training", Holding.CLOSE, asked(FACT), knows(tuned={FACT}), {}),
]


@pytest.mark.parametrize(
    ("claim", "holding", "questions", "say", "options"),
    CASES,
    ids=[f"{claim} {holding.name}" for claim, holding, *_ in CASES],
)
def test_a_check_can_hold_and_fail(
    stocked: Workspace, claim: str, holding: Holding, questions: QuestionSet, say: Say,
    options: dict[str, object],
) -> None:  # fmt: skip
    result = found(stocked, questions, say, **options)[claim]
    assert result.holding is holding, result.measured
    assert ("Not tested" in result.measured) == (holding is Holding.PARTLY) or holding in (
        Holding.FAILS, Holding.CLOSE,
    )  # fmt: skip


@pytest.mark.parametrize("claim", [claim.id for claim in claim_table()])
def test_every_claim_has_a_case_that_holds_and_one_that_fails(claim: str) -> None:
    said = {holding for name, holding, *_ in CASES if name == claim}
    assert said & {Holding.HOLDS, Holding.PARTLY}
    assert Holding.FAILS in said


def test_variety_is_compared_question_by_question_where_samples_failed(stocked: Workspace) -> None:
    """Each arm lacks the samples of another question, so that both have as many."""
    lost = {"rag": "0", "fine-tuned": "29"}

    def say(arm: str, question: Question, draw: int) -> str:
        number = int(question.id.removeprefix(FACT))
        return " ".join(f"w{i * draw if i > number else i}" for i in range(40))

    plan = stored_run(stocked, asked(FACT), say, (Strategy.RAG, Strategy.FINE_TUNED), draws=3)
    file = folder_of(stocked, plan.id) / ANSWERS_FILE
    rows = [
        row
        for row in read_jsonl(file)
        if not (row["draw"] and row["question_id"] == FACT + lost[row["arm"]])
    ]
    write_jsonl(file, rows)
    claims = {item.id: item for item in check_claims(load_results(stocked, plan.id))}
    assert "n = 28" in claims["diversity"].measured
    assert "+0 points (95 % interval +0 to +0" in claims["diversity"].measured


def test_without_the_arms_nothing_is_tested(stocked: Workspace) -> None:
    results = found(stocked, asked(FACT, LABEL, GENERAL), knows(), arms=(Strategy.PROMPT,))
    assert {item.holding for item in results.values()} == {Holding.NOT_TESTED}
    assert len(results) == 7
    assert all(item.measured.startswith("Not tested: ") for item in results.values())


@pytest.mark.parametrize(
    ("rag", "tuned", "holding"),
    [(20, 2, Holding.HOLDS), (2, 20, Holding.FAILS), (6, 5, Holding.CLOSE)],
)
def test_what_people_preferred_in_chat_counts_for_the_use_case(
    stocked: Workspace, rag: int, tuned: int, holding: Holding
) -> None:
    for place, choice in enumerate(["rag"] * rag + ["fine-tuned"] * tuned + ["tie"]):
        vote = Vote(f"t{place}", choice, ("rag", "fine-tuned"), "2026-11-25T09:00:00")
        save_vote(stocked, "chat-20261125-090000000-abcd", vote)
    result = found(stocked, asked(FACT, NOWHERE), knows(rag={NOWHERE}))["use-case"]
    assert result.holding is holding
    assert f"{rag} to {tuned} votes" in result.measured


def test_many_examples_say_nothing_about_limited_data(stocked: Workspace) -> None:
    rows = [
        Example(f"e{i}", f"Question {i}?", f"{i}", split=Split.TRAIN) for i in range(LIMITED + 1)
    ]
    save_examples(stocked, rows)
    result = found(stocked, asked(TAUGHT), knows(tuned={TAUGHT}))["data"]
    assert result.holding is Holding.NOT_TESTED


def test_the_table_names_a_test_and_graded_sources_for_each_claim() -> None:
    assert len(claim_table()) == 7
    assert all(source.grade in "PSD" for claim in claim_table() for source in claim.sources)
    assert all(claim.sources and claim.tested for claim in claim_table())


@pytest.mark.parametrize(
    ("rag", "tuned", "training", "count"),
    [(1.7, 1.0, 140.0, 200), (1.0, 1.0, 140.0, None), (0.5, 1.0, 140.0, None), (2, 1, 0.5, 1)],
)
def test_break_even_is_training_over_the_difference(
    rag: float, tuned: float, training: float, count: int | None
) -> None:
    assert break_even(rag, tuned, training) == count
