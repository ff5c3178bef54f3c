"""Published and textbook cases: the advisor should recommend what their sources do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ragft_core.advisor import Recommendation, decide
from tests.advisor.conftest import CRITERIA

CASES: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("cases.toml").read_text(encoding="utf-8")
)["cases"]


def agrees(result: Recommendation, expected: str) -> bool:
    if result.outside:
        return result.outside == expected
    first_two = {result.leader} if result.verdict else {result.leader, result.runner_up}
    return expected in first_two


def test_there_are_enough_cases_each_with_its_source() -> None:
    assert len(CASES) >= 60
    assert all(case["source"] and case["title"] for case in CASES)
    assert {case["expected"] for case in CASES} == {
        "prompt", "long-context", "rag", "fine-tuned", "hybrid", "tool", "writing",
    }  # fmt: skip


@pytest.fixture(scope="module")
def results() -> dict[str, Recommendation]:
    return {case["id"]: decide(CRITERIA, case["answers"]) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(results: dict[str, Recommendation], case: dict[str, Any]) -> None:
    result = results[case["id"]]
    found = f"{result.headline.text} Expected {case['expected']}: {case['source']}"
    # A disagreement has to be argued in the data, and an argued one has to be real.
    assert agrees(result, case["expected"]) != bool(case.get("disagrees")), found


def test_most_cases_are_named_or_led_not_merely_second(results: dict[str, Recommendation]) -> None:
    chosen = {key: result.outside or result.leader for key, result in results.items()}
    first = sum(chosen[case["id"]] == case["expected"] for case in CASES)
    named = sum(bool(result.verdict or result.outside) for result in results.values())
    assert first >= 0.9 * len(CASES)
    assert named >= 2 / 3 * len(CASES)


def test_the_share_of_draws_promises_no_more_than_the_cases_keep(
    results: dict[str, Recommendation],
) -> None:
    hits = sum(
        (r.outside or r.leader) == c["expected"]
        for c, r in zip(CASES, results.values(), strict=True)
    )
    mean = sum(result.share for result in results.values()) / len(CASES)
    assert mean <= hits / len(CASES)


TEXTBOOK = {
    "rag": {"need": "facts", "documents": "good", "latency": "seconds", "style": "free",
            "knowledge_source": "private", "use_case": "document-qa", "skills": "software"},
    "fine-tuned": {"need": "behaviour", "documents": "none", "latency": "seconds", "style": "strict",
                   "knowledge_source": "general", "use_case": "classification", "skills": "ml"},
    "prompt": {"need": "little", "documents": "none", "latency": "seconds", "style": "free",
               "knowledge_source": "general", "use_case": "general", "skills": "software"},
    "hybrid": {"need": "both", "documents": "good", "latency": "seconds", "style": "strict",
               "knowledge_source": "private", "use_case": "assistant", "skills": "ml"},
}  # fmt: skip


@pytest.mark.parametrize("expected", TEXTBOOK)
def test_the_seven_headline_questions_decide_the_textbook_cases(expected: str) -> None:
    headlines = {criterion.id for criterion in CRITERIA.criteria if criterion.headline}
    assert set(TEXTBOOK[expected]) == headlines
    result = decide(CRITERIA, TEXTBOOK[expected])
    assert result.verdict == expected, result.headline.text


def test_what_changes_by_the_minute_is_never_trained() -> None:
    for extra in ({}, {"need": "behaviour", "style": "strict", "labels": "many"}):
        result = decide(CRITERIA, {"change_rate": "live", **extra})
        assert result.leader not in (None, "fine-tuned")


def test_a_page_of_rules_belongs_into_the_prompt() -> None:
    answers = {"need": "facts", "documents": "good", "corpus_size": "page", "change_rate": "rarely"}
    assert decide(CRITERIA, answers).leader == "prompt"


def test_a_headline_is_never_rounded_up_to_a_verdict() -> None:
    for case in CASES:
        result = decide(CRITERIA, case["answers"], simulations=997)
        told = re.search(r"(\d+) % of", result.headline.text)
        if told and not result.verdict and not result.outside:
            assert int(told[1]) < 80


def test_what_lives_in_a_database_is_asked_there() -> None:
    result = decide(CRITERIA, {"documents": "database", "need": "facts"})
    assert (result.verdict, result.outside) == (None, "tool")
    assert "a tool or query at answer time" in result.headline.text
    assert "fine-tuned" in {veto.strategy for veto in result.vetoes}


def test_labels_are_first_tried_with_a_plain_classifier() -> None:
    result = decide(CRITERIA, {"use_case": "classification", "labels": "many"})
    assert any("nearest neighbours" in caution.text for caution in result.cautions)


def test_no_case_gets_a_confident_wrong_answer(results: dict[str, Recommendation]) -> None:
    for case in CASES:
        assert results[case["id"]].verdict in (None, case["expected"]), case["id"]
