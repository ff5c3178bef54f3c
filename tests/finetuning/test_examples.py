"""Examples: kept whole, split by fact, refused in words."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.examples.facts import by_fact
from ragft_core.finetuning.examples.store import (
    assign_splits,
    divide,
    example_id,
    load_examples,
    save_examples,
    validation_size,
)
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.workspace import Workspace


def rows(n_facts: int, wordings: int = 1, **changes: object) -> list[Example]:
    return [
        Example(
            id=f"{fact}-{wording}",
            question=f"What is fact {fact}, wording {wording}?",
            answer=f"value {fact}",
            fact=f"fact-{fact}" if wordings > 1 else "",
            **changes,  # type: ignore[arg-type]
        )
        for fact in range(n_facts)
        for wording in range(wordings)
    ]


def test_examples_come_back_as_they_were_saved(workspace: Workspace) -> None:
    kept = rows(3, 2)
    kept.append(
        Example(
            "odd", "a\u2028b \x85 ü 漢 \U0001f600", 'a "quoted"\nanswer', alternatives=("x", "y")
        )
    )
    save_examples(workspace, kept)
    assert load_examples(workspace) == kept


def test_a_new_workspace_has_no_examples(workspace: Workspace) -> None:
    assert load_examples(workspace) == []


def test_a_line_that_is_no_example_is_named(workspace: Workspace) -> None:
    (workspace.path / "examples.jsonl").write_text(
        '{"id": "a", "question": "b", "answer": "c"}\n{"id": "x"}\n'
    )
    with pytest.raises(TrainingDataError, match="Line 2 of examples.jsonl"):
        load_examples(workspace)


def test_two_rows_with_one_id_are_refused(workspace: Workspace) -> None:
    with pytest.raises(TrainingDataError, match="the id '0-0'"):
        save_examples(workspace, [*rows(1), *rows(1)])


def test_ids_follow_from_the_texts() -> None:
    assert example_id("a", "b") == example_id("a", "b") != example_id("ab", "")


@pytest.mark.parametrize("n", [0, 3, 9])
def test_too_few_examples_are_refused_with_their_number(n: int) -> None:
    with pytest.raises(TrainingDataError, match=f"at least 10 .* has {n}"):
        divide(rows(n))


def test_there_is_always_validation() -> None:
    for n in (10, 20, 31, 32, 100, 500):
        division = divide(rows(n))
        assert len(division.validation) == validation_size(n) >= 1
        assert len(division.train) + len(division.validation) == n


def test_validation_asks_trained_facts_in_other_words_where_there_are_wordings() -> None:
    division = divide(rows(40, 3))
    assert division.rewordings
    assert {e.fact for e in division.validation} <= {e.fact for e in division.train}
    assert not {e.question for e in division.validation} & {e.question for e in division.train}


def test_validation_holds_out_whole_facts_where_each_has_one_wording() -> None:
    division = divide(rows(40))
    assert not division.rewordings
    assert not {e.answer for e in division.validation} & {e.answer for e in division.train}


def test_validation_has_every_label_and_training_loses_none() -> None:
    examples = [
        Example(str(i), f"Message {i}", f"label {i % 8}", kind=QuestionKind.LABEL)
        for i in range(160)
    ]
    division = divide(examples)
    assert set(Counter(e.answer for e in division.validation).values()) == {2}
    assert len({e.answer for e in division.train}) == 8


def test_rows_marked_validation_are_taken_as_they_are() -> None:
    marked = [Example("v", "Question?", "Answer", split=Split.VALIDATION)]
    division = divide([*rows(20), *marked])
    assert [e.id for e in division.validation] == ["v"]
    assert len(division.train) == 20


def test_test_rows_are_never_trained_or_watched() -> None:
    examples = assign_splits(rows(40, 3))
    tested = {e.id for e in examples if e.split is Split.TEST}
    division = divide(examples)
    assert tested
    assert not tested & {e.id for e in (*division.train, *division.validation)}


def test_the_test_split_has_trained_facts_and_unseen_facts() -> None:
    examples = assign_splits(rows(60, 3))
    trained = {e.fact for e in examples if e.split is Split.TRAIN}
    test = [e for e in examples if e.split is Split.TEST]
    assert {e.kind for e in test} == {QuestionKind.TRAINED_FACT, QuestionKind.DOCUMENT_FACT}
    for example in test:
        assert (example.fact in trained) == (example.kind is QuestionKind.TRAINED_FACT)
    assert 30 <= len(test) <= 42


def test_few_examples_are_all_trained_on_unless_a_test_is_asked_for() -> None:
    assert {e.split for e in assign_splits(rows(99))} == {Split.TRAIN}
    asked = Counter(e.split for e in assign_splits(rows(50), fewest=10))
    assert asked[Split.TEST] == 10


def test_two_wordings_of_a_fact_are_recognised_without_a_column() -> None:
    pairs = [
        ("How heavy is the Wren?", "What does the Wren weigh?", "41 kg"),
        ("How long is the warranty on elements?", "Elements: how many months of warranty?", "12"),
    ]
    examples = [
        Example(f"{n}{k}", question, answer)
        for n, (one, other, answer) in enumerate(pairs)
        for k, question in enumerate((one, other))
    ]
    examples.append(Example("x", "How long does a training take?", "12"))
    groups = {frozenset(e.id for e in group) for group in by_fact(examples)}
    assert groups == {frozenset({"00", "01"}), frozenset({"10", "11"}), frozenset({"x"})}


def test_all_rows_of_a_small_set_are_used() -> None:
    examples = [replace(row, fact="") for row in rows(28, 2)]
    division = divide(assign_splits(examples))
    assert division.rewordings
    assert (len(division.train), len(division.validation)) == (50, 6)
    watched = {e.answer for e in division.validation}
    assert watched <= {e.answer for e in division.train}


@pytest.mark.parametrize("counts", [(100, 6), (60, 5, 5), (40, 2), (30, 1), (90, 2, 1)])
def test_every_label_with_two_rows_is_trained_in_proportion(counts: tuple[int, ...]) -> None:
    examples = [
        Example(f"{label}-{i}", f"Ticket {i} of kind {label}", f"label {label}")
        for label, count in enumerate(counts)
        for i in range(count)
    ]
    division = divide(examples)
    watched = Counter(e.answer for e in division.validation)
    trained = Counter(e.answer for e in division.train)
    for label, count in enumerate(counts):
        name = f"label {label}"
        assert trained[name] >= 1
        assert watched[name] <= count / 2
        assert abs(watched[name] - count * validation_size(len(examples)) / len(examples)) <= 1
    assert division.untrained == ()


def test_a_label_that_cannot_be_trained_is_named() -> None:
    examples = [Example(str(i), f"Ticket {i}", f"label {i % 2}") for i in range(40)]
    rare = Example("r", "A rare ticket", "rare", split=Split.TEST)
    assert divide([*examples, rare]).untrained == ("rare",)


@given(st.integers(10, 80), st.integers(1, 4), st.randoms())
def test_splits_do_not_depend_on_the_order(n: int, wordings: int, chance: random.Random) -> None:
    examples = rows(n, wordings)
    shuffled = list(examples)
    chance.shuffle(shuffled)
    assert {e.id: e.split for e in assign_splits(examples)} == {
        e.id: e.split for e in assign_splits(shuffled)
    }
    assert {e.id for e in divide(examples).validation} == {
        e.id for e in divide(shuffled).validation
    }
