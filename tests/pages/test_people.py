"""Pages on a server where people sign in: nothing before, their own after, nothing once suspended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ragft_core import people
from ragft_core.access import Person, Role, rights
from ragft_core.people import Visit, passwords
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace
from tests.faults.drive import FRAME, PAGES, without_models
from tests.faults.states import build
from tests.pages.test_frame import said

VIC = Person("vic@example.org", "Vic", Role.VIEWER)
ROOT = Person("root@example.org", "Root", Role.ADMIN)
MEMBERS = '{"owner": "ben@example.org", "members": ["vic@example.org"]}'


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Workspace]:
    """A server with a password, and a workspace with one of everything that Vic may read."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    settings.workspaces.mkdir(parents=True)
    with without_models(settings.home):
        made = build(settings.workspaces / "bens", settings.home)
        people.set_password("twelve letters")
        (made.path / rights.MEMBERS_FILE).write_text(MEMBERS)
        monkeypatch.setenv("RAGFT_SIGN_IN", "password")
        yield made


def opened(person: Person | None, page: str = "start/home.py") -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=60)
    if person is not None:
        app.session_state["people.visit"] = Visit(person, passwords.password_stamp())
    app.query_params["workspace"] = "bens"
    app.switch_page(page)
    return app.run()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_reads_every_page(shared: Workspace, page: str) -> None:
    """No page writes while it is drawn, so nothing on it is refused."""
    app = opened(VIC, page)
    assert [error.value for error in (*app.error, *app.exception)] == []
    assert len(app.title) == 1
    assert "You may read, ask and vote." in said(app)


def test_nobody_and_strangers_see_nothing(shared: Workspace) -> None:
    app = opened(None)
    assert [title.value for title in app.title] == ["Strategy lab"]
    assert not app.selectbox
    stranger = opened(Person("x@example.org", "X", Role.EDITOR))
    assert not [box for box in stranger.selectbox if box.label == "Workspace"]


def test_a_click_after_the_password_changed_does_nothing(shared: Workspace) -> None:
    app = opened(ROOT)
    archive = next(button for button in app.button if button.label == "Archive")
    rights._closed = False  # the owner of the machine, at the command line
    people.set_password("another twelve")
    archive.click().run()
    assert [title.value for title in app.title] == ["Strategy lab"]
    rights._closed = False
    assert not shared.archived


def test_an_administrator_archives_and_brings_back(shared: Workspace) -> None:
    app = opened(ROOT)
    next(button for button in app.button if button.label == "Archive").click().run()
    assert not [box for box in app.selectbox if box.label == "Workspace"]
    next(button for button in app.button if button.label == "Bring it back").click().run()
    assert [box.label for box in app.selectbox if box.label == "Workspace"] == ["Workspace"]


def test_on_one_persons_machine_nobody_is_asked(settings: Settings) -> None:
    app = AppTest.from_file(FRAME, default_timeout=60).switch_page("start/people.py").run()
    assert "Nobody signs in here" in said(app)
    assert not [button for button in app.button if button.label == "Sign out"]
    assert Path(settings.home, "audit.jsonl").exists() is False
