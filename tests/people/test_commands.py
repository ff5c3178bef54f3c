"""People, members and archived workspaces from the command line."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import typer

from ragft_core.__main__ import main
from ragft_core.people import by_password
from ragft_core.workspace import Workspace


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def called(*arguments: str) -> Any:
        """What a command prints as JSON, or the sentence that it fails with."""
        monkeypatch.setattr(sys, "argv", ["ragft_core", *arguments, "--json"])
        try:
            main()
        except SystemExit as end:
            if end.code:
                return capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return called


def test_people_are_added_changed_and_removed(call: Any) -> None:
    call("accounts", "--add", "Anna@example.org", "--role", "editor")
    call("accounts", "--add", "ben@example.org")
    call("accounts", "--change", "ben@example.org", "--role", "admin")
    rows = call("accounts", "--suspend", "anna@example.org")
    assert [(row["id"], row["role"], row["suspended"]) for row in rows] == [
        ("anna@example.org", "editor", True),
        ("ben@example.org", "admin", False),
    ]
    assert "no role 'boss'" in call("accounts", "--add", "x@y", "--role", "boss")
    assert "there already" in call("accounts", "--add", "ben@example.org")
    assert "no id of a person" in call("accounts", "--add", "two words")
    assert not call("accounts", "--resume", "anna@example.org")[0]["suspended"]
    assert len(call("accounts", "--remove", "anna@example.org")) == 1
    events = call("accounts", "--audit")
    assert [event["what"] for event in events][:2] == ["person removed", "person changed"]
    assert {event["who"] for event in events} == {""}


def test_the_password_is_asked_for(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "twelve letters")
    assert call("accounts", "--set-password") == []
    assert by_password("Anna", "twelve letters").person.name == "Anna"


def test_a_workspace_is_handed_over_and_archived(call: Any, workspace: Workspace) -> None:
    call("accounts", "--add", "anna@example.org", "--role", "editor")
    assert call("share", workspace.id) == {"owner": "", "members": []}
    shared = call("share", workspace.id, "--owner", "anna@example.org")
    assert shared == {"owner": "anna@example.org", "members": []}
    assert call("workspaces", "--archive", workspace.id) == []
    assert [row["id"] for row in call("workspaces", "--archived")] == [workspace.id]
    assert "archived" in call("model", workspace.id, "--kind", "bundled")
    assert [row["id"] for row in call("workspaces", "--restore", workspace.id)] == [workspace.id]
