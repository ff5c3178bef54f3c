"""Utilities follow from what a strategy can do, where a criteria file does not name it."""

from __future__ import annotations

import pytest

from ragft_core.advisor import decide, load_criteria
from ragft_core.advisor.criteria.capability import fill_in
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

NAMED = {Strategy.RAG: 0.9, Strategy.FINE_TUNED: 0.3}
NO_ARM = """
[[criteria]]
id = "colour"
group = "task"
question = "Which colour?"
why = "Because."
grade = "T"
[criteria.choices.red]
label = "Red"
[criteria.choices.blue]
label = "Blue"
utility = { rag = 0.8 }
"""


@pytest.mark.parametrize(("combine", "value"), [("max", 0.9), ("min", 0.3), ("mean", 0.6)])
def test_who_combines_two_follows_from_its_parts(combine: str, value: float) -> None:
    found = fill_in(NAMED, combine)
    assert found[Strategy.HYBRID] == pytest.approx(value)
    assert found[Strategy.LONG_CONTEXT] == 0.9  # it reads, as RAG does
    assert found[Strategy.PROMPT] == 0.5
    assert {s: found[s] for s in NAMED} == NAMED


def test_what_is_named_stays_as_it_is() -> None:
    named = dict.fromkeys(Strategy, 0.2)
    assert fill_in(named) == named


def test_a_file_that_names_no_arm_is_fine(workspace: Workspace) -> None:
    own = workspace.folder("advisor") / "criteria.toml"
    own.write_text(NO_ARM)
    criteria = load_criteria(workspace)
    assert set(criteria.get("colour").choice("red").utility.values()) == {0.5}
    assert criteria.get("colour").choice("blue").utility[Strategy.HYBRID] == 0.8
    assert decide(criteria, {"colour": "red"}, simulations=100).leader is not None
