"""The quiz of docs/equivalence.md: pairs written before the judge saw them, with floors of what it reached."""

import csv
from pathlib import Path

import pytest

from ragft_core.evaluation.scoring.equivalence import equivalent
from ragft_core.evaluation.text import is_abstention

QUIZ = Path(__file__).parents[1] / "data" / "equivalence_quiz.tsv"


def rows() -> list[dict[str, str]]:
    with QUIZ.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def verdict(row: dict[str, str]) -> str:
    if is_abstention(row["answer"]):
        return "refusal"
    return "right" if equivalent(row["answer"], row["gold"], row["question"]) else "wrong"


@pytest.mark.parametrize("round_", ["1", "2"])
def test_the_quiz_is_passed_as_well_as_when_it_was_measured(round_: str) -> None:
    asked = [row for row in rows() if row["round"] == round_]
    said = [(row["verdict"], verdict(row)) for row in asked]
    for name, recall, precision in (("right", 0.94, 0.96), ("refusal", 0.99, 0.94)):
        hits = said.count((name, name))
        assert hits / sum(people == name for people, _ in said) >= recall
        assert hits / sum(lab == name for _, lab in said) >= precision


def test_the_quiz_asks_for_every_kind_in_two_rounds() -> None:
    kinds = {row["kind"] for row in rows()}
    assert {"units", "negation", "German", "French", "Spanish", "Japanese"} <= kinds
    assert [sum(row["round"] == n for row in rows()) for n in "12"] == [171, 62]
