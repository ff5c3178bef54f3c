"""The portfolio: every workspace's decision on one page."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from ragft_core.advisor import Answers, make_record, save_answers, save_record
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, create_workspace

PAGE = Path(__file__).resolve().parents[2] / "pages" / "decide" / "portfolio.py"


def said(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.title]
    return "\n".join(str(element.value) for element in elements)


def test_an_empty_home_invites(settings: Settings) -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    assert "There is no workspace yet" in said(page)


def test_decided_and_undecided_workspaces_stand_together(
    settings: Settings, workspace: Workspace
) -> None:
    other = create_workspace(settings, "Contracts")
    save_answers(other, Answers({"need": "facts", "citations": "must"}))
    save_record(other, make_record(other))
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    text = said(page)
    assert text.index("Contracts") < text.index("Test")
    assert "no decision kept yet" in text.lower()
    assert "What would change it" in text
    assert len(page.get("download_button")) == 4
