"""The check and the facts on the examples page, and the check where a run is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ragft_core.finetuning import load_examples, save_examples
from ragft_core.types import Example, ModelChoice
from ragft_core.workspace import Workspace

PAGES = Path(__file__).resolve().parents[2] / "pages" / "build"


@pytest.fixture
def flawed(workspace: Workspace, tiny_model: Path) -> Workspace:
    workspace.update(model=ModelChoice(kind="folder", name=str(tiny_model)))
    rows = [Example(f"e{i}", f"What is the price in city {i}?", f"{i} days") for i in range(20)]
    copy = Example("copy", "what is the price in city 3", "3 days")
    other = Example("other", "What is the price in city 4?", "400 days")
    long = Example("long", "why " * 600, "red")
    save_examples(workspace, [*rows, copy, other, long])
    return workspace


def open_page(name: str, workspace: Workspace, view: str = "") -> AppTest:
    page = AppTest.from_file(PAGES / name, default_timeout=90)
    page.session_state["workspace"] = workspace.id
    if view:
        page.session_state["examples.view"] = view
    return page.run()


def texts(page: AppTest) -> str:
    return "\n".join(str(e.value) for e in [*page.markdown, *page.caption, *page.success])


def test_problems_are_shown_and_mended_with_one_click(flawed: Workspace) -> None:
    page = open_page("examples.py", flawed, "Check")
    assert not page.exception
    for title in ("Duplicates", "Contradictions", "Too long"):
        assert f"**{title}**" in texts(page)
    assert "only you can tell" in texts(page)
    page.button(key="examples.fix.duplicate").click().run()
    assert not page.exception
    assert "copy" not in {e.id for e in load_examples(flawed)}
    page = open_page("examples.py", flawed, "Check")
    page.button(key="examples.fix.too-long").click().run()
    assert {e.id for e in load_examples(flawed)} == {f"e{i}" for i in range(20)} | {"other"}


def test_where_a_run_is_started_the_problems_are_named(flawed: Workspace) -> None:
    page = open_page("finetune.py", flawed)
    assert not page.exception
    assert "duplicates (1), contradictions (2), too long (1)" in texts(page)
    save_examples(flawed, load_examples(flawed)[:20])
    page = open_page("finetune.py", flawed)
    assert "The examples have" not in texts(page)


def test_recognised_facts_are_shown(flawed: Workspace) -> None:
    page = open_page("examples.py", flawed, "Facts")
    assert not page.exception
    assert "Rows with one answer and alike questions" in texts(page)
    assert page.button(key="facts.join").disabled
