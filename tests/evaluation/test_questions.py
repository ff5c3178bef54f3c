import pytest

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.leaks import find_leaks
from ragft_core.evaluation.questions.question_sets import Question, from_examples, from_rows
from ragft_core.evaluation.questions.sources import written_questions
from ragft_core.finetuning import save_examples
from ragft_core.finetuning.writing.job import CANDIDATES
from ragft_core.finetuning.writing.roundtrip import Candidate
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl, write_json


def example(number: int, split: Split = Split.TEST, **changes: object) -> Example:
    values = {
        "id": f"e{number}",
        "question": f"What is thing number {number}?",
        "answer": str(number),
        "split": split,
        "kind": QuestionKind.TRAINED_FACT,
        **changes,
    }
    return Example(**values)  # type: ignore[arg-type]


def test_only_the_test_split_is_asked() -> None:
    found = from_examples([example(1), example(2, Split.TRAIN), example(3, Split.VALIDATION)])
    assert [question.id for question in found.questions] == ["e1"]


def test_without_test_examples_the_error_says_what_to_do() -> None:
    with pytest.raises(EvaluationError, match="test split") as caught:
        from_examples([example(1, Split.TRAIN)])
    assert "Examples" in caught.value.remedy


def test_a_limit_keeps_the_shares_of_the_kinds() -> None:
    examples = [example(i) for i in range(30)]
    examples += [example(100 + i, kind=QuestionKind.UNANSWERABLE) for i in range(10)]
    kinds = from_examples(examples, limit=20).kinds
    assert kinds == {QuestionKind.TRAINED_FACT: 15, QuestionKind.UNANSWERABLE: 5}


def test_trained_wordings_prefer_tested_facts_and_are_not_ranked() -> None:
    examples = [
        example(1, fact="f1"),
        example(2, Split.TRAIN, fact="f2"),
        example(3, Split.TRAIN, fact="f1"),
    ]
    found = from_examples(examples, trained_wordings=1)
    assert {q.id: q.trained_wording for q in found.questions} == {"e1": False, "e3": True}
    assert [q.id for q in found.ranked] == ["e1"]


def test_documents_are_found_by_file_name() -> None:
    found = from_examples([example(1, document_id="a.md")], documents={"a.md": "doc-1"})
    assert found.questions[0].document_id == "doc-1"


def test_labels_come_from_the_examples_where_the_workspace_has_none() -> None:
    rows = [example(i, kind=QuestionKind.LABEL, answer="ba"[i % 2]) for i in range(4)]
    assert from_examples(rows).labelling.labels == ("a", "b")
    own = Labelling(("b", "a", "c"))
    assert from_examples(rows, labelling=own).labelling == own


def test_columns_are_found_by_their_usual_names() -> None:
    rows = [{"Input": "How long?", "Expected": "30 days", "Aliases": "one month| a month"}]
    (question,) = from_rows(rows, name="mine").questions
    assert question.text == "How long?"
    assert question.golds == ("30 days", "one month", "a month")
    assert question.kind is QuestionKind.DOCUMENT_FACT


def test_a_row_without_answer_cannot_be_answered() -> None:
    (question,) = from_rows([{"question": "Why?", "answer": ""}], name="mine").questions
    assert question.kind is QuestionKind.UNANSWERABLE


def test_repeated_rows_are_asked_once() -> None:
    rows = [{"question": "Why?", "answer": "so"}] * 3
    assert len(from_rows(rows, name="mine").questions) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"colour": "red"}], "no column with questions"),
        ([{"question": " "}], "No row"),
        ([{"question": "a", "answer": "b", "kind": "odd"}], "kind 'odd'"),
    ],
)
def test_unusable_tables_are_refused(rows: list[dict[str, object]], words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        from_rows(rows, name="mine")


def question(text: str, document: str = "") -> Question:
    return Question(f"q-{text}", text, ("x",), document_id=document)


def test_a_copied_training_question_is_found_with_its_pair() -> None:
    trained = example(1, Split.TRAIN, question="What is the refund period?")
    report = find_leaks([question("what is the REFUND period")], [trained])
    (leak,) = report.leaks
    assert leak.same
    assert leak.trained_id == "e1"
    assert "1 word for word" in report.summary


def test_a_near_copy_is_found_and_a_new_wording_is_not() -> None:
    trained = example(1, Split.TRAIN, question="How many days do I have to return my new shoes?")
    near = question("How many days do I have to return my shoes?")
    other = question("Until when can shoes be sent back?")
    report = find_leaks([near, other], [trained])
    assert [leak.question for leak in report.leaks] == [near.text]
    assert not report.leaks[0].same


def test_the_same_words_in_another_order_are_not_the_same_question() -> None:
    trained = example(1, Split.TRAIN, question="Does Ann owe Bob")
    assert not find_leaks([question("Does Bob owe Ann")], [trained]).leaks[0].same


def test_test_rows_and_trained_wordings_are_no_leaks() -> None:
    probe = Question("p", "What is thing number 1?", ("1",), trained_wording=True)
    report = find_leaks([probe, question("New one")], [example(1), example(1, Split.TRAIN)])
    assert report.leaks == ()
    assert report.checked == 1


def test_documents_of_both_splits_are_named_by_id() -> None:
    trained = example(1, Split.TRAIN, document_id="a.md")
    tested = [question("x", "doc-1"), question("y", "doc-2")]
    report = find_leaks(tested, [trained], documents={"a.md": "doc-1"})
    assert report.shared_documents == ("doc-1",)
    assert "Documents in training and in test: 1;" in report.summary


def write_candidates(workspace: Workspace, facts: list[str]) -> None:
    folder = workspace.folder("jobs", "generate-1")
    write_json(folder / "spec.json", {"kind": "generate", "created_ns": 1, "spec": {"target": 9}})
    rows = [
        Candidate(f"Wording {n} of {fact}?", f"answer {fact}", "evidence", "a.md", fact)
        for n in range(2)
        for fact in facts
    ]
    append_jsonl(folder / CANDIDATES, [to_dict(row) for row in rows])


def test_written_questions_are_one_a_fact_and_none_that_is_trained(workspace: Workspace) -> None:
    with pytest.raises(EvaluationError, match="no questions written"):
        written_questions(workspace)
    write_candidates(workspace, ["f1", "f2", "f3"])
    save_examples(workspace, [example(1, Split.TRAIN, fact="f2"), example(2, fact="f3")])
    found = written_questions(workspace)
    assert [q.fact for q in found.questions] == ["f1", "f3"]
    assert {q.kind for q in found.questions} == {QuestionKind.DOCUMENT_FACT}
    assert "favours the arms that read" in found.caveat
    assert len(written_questions(workspace, 1).questions) == 1


def test_a_column_that_is_not_known_is_no_question_without_an_answer() -> None:
    with pytest.raises(
        EvaluationError, match="no column with answers; its columns are question, x"
    ):
        from_rows([{"question": "Which oil?", "x": "ISO VG 46"}], name="mine")
    rows = [{"question": "Which oil?", "ground_truth": "ISO VG 46", "answer": "Diesel?"}]
    assert from_rows(rows, name="mine").questions[0].golds == ("ISO VG 46",)
