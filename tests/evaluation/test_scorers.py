import pytest

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.scoring.catalogue import SCORERS, score_answer
from ragft_core.evaluation.scoring.scorers import Score
from ragft_core.types import Answer, Chunk, Passage, QuestionKind, Strategy


def passage(document: str, text: str, rank: int = 1) -> Passage:
    return Passage(
        Chunk(f"{document}-{rank}", document, rank, text, 0, len(text)), document, 1, rank
    )


FACT = Question(
    "q", "How long?", ("30 days", "one month"), document_id="d1", evidence="within 30 days"
)


def scores(
    text: str, question: Question = FACT, arm: Strategy = Strategy.PROMPT, **changes: object
) -> dict[str, float | None]:
    answer = Answer(arm=arm, question=question.text, text=text, **changes)  # type: ignore[arg-type]
    found = score_answer(question, answer, labelling=Labelling(("card", "billing")), similarity=0.5)
    return {name: score.value for name, score in found.items()}


def test_the_gold_answer_that_fits_best_counts() -> None:
    assert scores("One month.")["exact"] == 1.0


def test_a_sentence_is_right_by_content_and_not_by_wording() -> None:
    found = scores("You can return it for 30 days after you bought it")
    assert found["correct"] == 1.0
    assert found["f1"] is not None
    assert found["f1"] < 0.5


def test_declining_is_right_where_there_is_no_answer() -> None:
    question = Question("q", "Why?", (), kind=QuestionKind.UNANSWERABLE)
    right = scores("The documents do not say.", question)
    wrong = scores("Because.", question)
    assert (right["correct"], right["f1"], right["abstains"]) == (1.0, 1.0, 1.0)
    assert (wrong["correct"], wrong["f1"], wrong["abstains"]) == (0.0, 0.0, 0.0)
    assert right["rouge_l"] is None
    assert right["answers"] is None


def test_declining_is_wrong_where_there_is_an_answer() -> None:
    found = scores("I don't know")
    assert (found["correct"], found["answers"], found["abstains"]) == (0.0, 0.0, None)


def test_a_failed_answer_has_no_score_but_a_reason() -> None:
    found = score_answer(FACT, Answer(Strategy.RAG, "q", "", error="out of memory"))
    assert {score.value for score in found.values()} == {None}
    assert all("out of memory" in score.reason for score in found.values())


def test_labels_are_scored_for_content_and_for_format() -> None:
    question = Question("q", "My card is gone", ("card",), kind=QuestionKind.LABEL)
    sentence = scores("The label is card.", question)
    bare = scores("card", question)
    wrong = scores("billing", question)
    assert (sentence["label"], sentence["format"], sentence["correct"]) == (1.0, 0.0, 1.0)
    assert (bare["label"], bare["format"]) == (1.0, 1.0)
    assert (wrong["label"], wrong["format"], wrong["correct"]) == (0.0, 1.0, 0.0)
    assert scores("30 days")["label"] is None


def test_retrieval_needs_the_document_and_the_evidence() -> None:
    passages = (
        passage("d2", "within 30 days", 1),
        passage("d1", "something else", 2),
        passage("d1", "Returned within 30 days.", 3),
        passage("d1", "Again within 30 days.", 4),
    )
    found = scores("30 days", arm=Strategy.RAG, passages=passages)
    assert (found["hit"], found["recall"]) == (1.0, 1.0)
    assert found["mrr"] == pytest.approx(1 / 3)
    assert found["ndcg"] == pytest.approx(0.5)


def test_an_arm_that_searched_in_vain_scores_zero_and_one_that_does_not_search_nothing() -> None:
    assert scores("30 days", arm=Strategy.RAG)["hit"] == 0.0
    assert scores("30 days")["hit"] is None
    whole = (passage("d1", "within 30 days"),)
    assert scores("30 days", arm=Strategy.LONG_CONTEXT, passages=whole)["hit"] is None


def test_support_is_not_applicable_without_passages() -> None:
    found = score_answer(FACT, Answer(Strategy.FINE_TUNED, "q", "30 days"))["support"]
    assert found == Score(None, "the arm reads no passages")
    given = scores("30 days", arm=Strategy.RAG, passages=(passage("d1", "within 30 days"),))
    assert given["support"] == 1.0


def test_numbers_are_scored_only_where_the_gold_answer_has_any() -> None:
    assert scores("30 days")["numeric"] == 1.0
    assert scores("31 days")["numeric"] == 0.0
    assert scores("red", Question("q", "?", ("red",)))["numeric"] is None


def test_every_score_has_a_name_of_its_own_and_a_help_text() -> None:
    assert len({scorer.name for scorer in SCORERS}) == len(SCORERS)
    assert all(scorer.help and scorer.label for scorer in SCORERS)
