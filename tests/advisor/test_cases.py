"""Published and textbook cases: the advisor should recommend what their sources do."""

from __future__ import annotations

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
    first_two = {result.leader} if result.verdict else {result.leader, result.runner_up}
    return expected in first_two


def test_there_are_enough_cases_each_with_its_source() -> None:
    assert len(CASES) >= 24
    assert all(case["source"] and case["title"] for case in CASES)
    assert {case["expected"] for case in CASES} == {
        "prompt", "long-context", "rag", "fine-tuned", "hybrid",
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
    first = sum(results[case["id"]].leader == case["expected"] for case in CASES)
    named = sum(result.verdict is not None for result in results.values())
    assert first >= 0.85 * len(CASES)
    assert named >= len(CASES) / 2


def test_no_case_gets_a_confident_wrong_answer(results: dict[str, Recommendation]) -> None:
    for case in CASES:
        assert results[case["id"]].verdict in (None, case["expected"]), case["id"]
