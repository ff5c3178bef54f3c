"""The quiz of docs/equivalence.md: pairs written before the judge saw them, with floors of what it reached."""

import csv
from pathlib import Path

import pytest

from ragft_core.evaluation.equivalence import equivalent
from ragft_core.evaluation.text import is_abstention

QUIZ = Path(__file__).parents[1] / "data" / "equivalence_quiz.tsv"


def rows() -> list[dict[str, str]]:
    with QUIZ.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def verdict(row: dict[str, str]) -> str:
    if is_abstention(row["answer"]):
        return "refusal"
    return "right" if equivalent(row["answer"], row["gold"], row["question"]) else "wrong"


# Recall and precision of "right", then of refusals.
FLOORS = {
    "1": (0.94, 0.96, 0.99, 0.90),
    "2": (0.94, 0.96, 0.99, 0.94),
    "3": (0.89, 0.95, 0.99, 0.99),
    "4": (0.84, 0.96, 0.99, 0.99),
    "5": (0.90, 0.98, 0.94, 0.99),
    "6": (0.79, 0.96, 0.69, 0.93),
}


@pytest.mark.parametrize("round_", FLOORS)
def test_the_quiz_is_passed_as_well_as_when_it_was_measured(round_: str) -> None:
    asked = [row for row in rows() if row["round"] == round_]
    said = [(row["verdict"], verdict(row)) for row in asked]
    floors = FLOORS[round_]
    for name, recall, precision in (("right", *floors[:2]), ("refusal", *floors[2:])):
        hits = said.count((name, name))
        assert hits / sum(people == name for people, _ in said) >= recall
        assert hits / sum(lab == name for _, lab in said) >= precision


def test_the_quiz_asks_for_every_kind_in_six_rounds() -> None:
    kinds = {row["kind"] for row in rows()}
    assert {"units", "negation", "German", "French", "Spanish", "Japanese"} <= kinds
    counts = [sum(row["round"] == n for row in rows()) for n in FLOORS]
    assert counts == [171, 62, 121, 200, 180, 180]
