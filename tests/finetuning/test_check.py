"""The data check: what it finds, what it leaves alone, and that its fixes mend what they name."""

from __future__ import annotations

import dataclasses

import pytest

from ragft_core.errors import TrainingDataError
from ragft_core.evaluation.equivalence import equivalent
from ragft_core.finetuning.examples import (
    Problem,
    by_fact,
    check_examples,
    fixed,
    joined,
    parted,
)
from ragft_core.types import Example, QuestionKind, Split


def rows(*pairs: tuple[str, str], split: Split = Split.TRAIN) -> list[Example]:
    return [Example(f"{split}{n}", q, a, split) for n, (q, a) in enumerate(pairs)]


def problems(examples: list[Example]) -> dict[Problem, tuple[str, ...]]:
    return {f.problem: f.ids for f in check_examples(examples, equivalent)}


CLEAN = rows(
    ("How heavy is the Wren?", "41 kg"),
    ("What does the Wren weigh?", "41 kilograms"),
    ("When was the Wren built?", "1911"),
    ("Where was the Wren built?", "Leeds"),
    ("Who works in room 3?", "Ann"),
    ("Who works in room 13?", "Bert"),
    ("Does Ann report to Bert?", "yes"),
    ("Does Bert report to Ann?", "no"),
)


def test_good_rows_are_left_alone() -> None:
    assert check_examples(CLEAN, equivalent) == ()


def test_each_problem_is_found_and_its_fix_mends_it() -> None:
    bad = [
        *CLEAN,
        *rows(
            ("how heavy is the wren", "41 kg"),
            ("The Wren is how heavy?", "41 kg"),
            ("When was the Wren built?", "1912"),
            ("When was the Wren built", "in 1911"),
            ("  ", "nothing"),
            split=Split.VALIDATION,
        ),
    ]
    bad = [dataclasses.replace(e, split=Split.TRAIN) for e in bad]
    found = problems(bad)
    assert found == {
        Problem.EMPTY: ("validation4",),
        Problem.DUPLICATE: ("validation0",),
        Problem.NEAR_DUPLICATE: ("validation1",),
        Problem.CONTRADICTION: ("train2", "validation2", "validation3"),
    }
    mended = fixed(bad, check_examples(bad, equivalent))
    assert check_examples(mended, equivalent) == ()
    assert {e.id for e in bad} - {e.id for e in mended} == {
        "validation4", "validation0", "validation1", "validation2"
    }  # fmt: skip


def test_one_against_one_is_left_to_a_person() -> None:
    bad = rows(("When was it built?", "1911"), ("When was it built", "1912"))
    (finding,) = check_examples(bad, equivalent)
    assert (finding.problem, finding.fix) == (Problem.CONTRADICTION, "")
    assert fixed(bad, [finding]) == bad


def test_an_alternative_is_no_contradiction() -> None:
    one = Example("a", "Who leads it?", "Tobias Renn", alternatives=("the chief engineer",))
    other = Example("b", "Who leads it?", "the chief engineer")
    assert Problem.CONTRADICTION not in problems([one, other])


def test_test_rows_that_are_trained_are_leaks_copies_go_and_near_copies_are_trained() -> None:
    tested = rows(
        ("How heavy is the Wren", "41 kg"),
        ("How heavy the Wren is?", "41 kg"),
        ("Who painted the Wren?", "Cole"),
        split=Split.TEST,
    )
    all_rows = [*CLEAN, *tested]
    found = check_examples(all_rows, equivalent)
    leak = next(f for f in found if f.problem is Problem.LEAK)
    assert (leak.remove, leak.train) == (("test0",), ("test1",))
    after = {e.id: e.split for e in fixed(all_rows, [leak])}
    assert "test0" not in after
    assert (after["test1"], after["test2"]) == (Split.TRAIN, Split.TEST)


def test_rows_that_do_not_fit_the_model_are_left_out() -> None:
    found = check_examples(CLEAN, too_long=lambda e: e.id == "train4")
    assert [(f.problem, f.remove) for f in found] == [(Problem.TOO_LONG, ("train4",))]


def test_labels_with_few_rows_are_named() -> None:
    labelled = [
        Example(f"l{n}", f"message {n}", "bill" if n < 30 else "rare", kind=QuestionKind.LABEL)
        for n in range(33)
    ]
    (finding,) = check_examples(labelled)
    assert finding.problem is Problem.BALANCE
    assert "rare (3)" in finding.text
    assert not finding.fix


def test_facts_are_joined_and_parted_by_hand() -> None:
    facts = [
        Example("a", "How heavy is the Wren?", "41 kg"),
        Example("b", "What is the weight of the Wren?", "41 kg"),
        Example("c", "How heavy is the Owl?", "41 kg"),
        Example("d", "State its mass.", "about 41 kilograms"),
    ]

    def groups(examples: list[Example]) -> list[set[str]]:
        return sorted(({e.id for e in g} for g in by_fact(examples)), key=min)

    assert groups(facts) == [{"a", "b", "c"}, {"d"}]
    right = parted(facts, ["c"])
    assert groups(right) == [{"a", "b"}, {"c"}, {"d"}]
    assert groups(joined(right, ["b", "d"])) == [{"a", "b", "d"}, {"c"}]
    with pytest.raises(TrainingDataError, match="no example 'x'"):
        parted(facts, ["x"])
