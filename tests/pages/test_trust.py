"""What Home asks and names before a workspace works, and what never becomes a link."""

from __future__ import annotations

import json

import pytest

from pages.ui.components import distinct
from pages.ui.errors import plain
from ragft_core.approval import unapproved
from ragft_core.overview import find_damage
from ragft_core.workspace import FILE, Workspace
from tests.pages.test_frame import PAGES, open_app


def test_a_model_from_elsewhere_is_asked_about(workspace: Workspace) -> None:
    file = workspace.path / FILE
    data = json.loads(file.read_text(encoding="utf-8"))
    data["model"] = {"kind": "endpoint", "name": "m", "url": "http://evil.example/v1"}
    file.write_text(json.dumps(data), encoding="utf-8")
    app = open_app()
    assert not app.exception
    assert any("evil" in item.value for item in app.markdown)
    app.button(key=f"home.allow.{workspace.id}.0").click().run()
    assert unapproved(workspace) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_beside_a_model_that_nobody_allowed(
    workspace: Workspace, page: str
) -> None:
    file = workspace.path / FILE
    data = json.loads(file.read_text(encoding="utf-8"))
    data["model"] = {"kind": "folder", "name": "/somebody/elses"}
    file.write_text(json.dumps(data), encoding="utf-8")
    app = open_app().switch_page(page).run()
    assert not app.exception
    assert len(unapproved(workspace)) == 1


def test_damage_is_set_aside_with_one_click(workspace: Workspace) -> None:
    (workspace.path / "examples.jsonl").write_text("{x\n{}\n", encoding="utf-8")
    app = open_app()
    assert not app.exception
    app.button(key="home.damage.examples.jsonl").click().run()
    assert not app.exception
    assert find_damage(workspace) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_beside_damage(workspace: Workspace, page: str) -> None:
    for name in ("chats/chat-1.jsonl", "documents/0123456789abcdef0123/document.json"):
        file = workspace.path / name
        file.parent.mkdir(parents=True)
        file.write_text('{"turn": 5}\n[', encoding="utf-8")
    (workspace.folder("evaluations", "eval-1") / "plan.json").write_text("x", encoding="utf-8")
    (workspace.folder("jobs", "train-1") / "spec.json").write_text("x", encoding="utf-8")
    (workspace.folder("advisor", "records") / "record-1.json").write_text("x", encoding="utf-8")
    app = open_app().switch_page(page).run()
    assert not app.exception
    assert not app.error


def test_two_workspaces_of_one_name_are_told_apart() -> None:
    label = distinct({"lab": "Lab", "lab-2": "Lab", "kiln": "Kiln"})
    assert [label(key) for key in ("lab", "lab-2", "kiln")] == ["Lab (lab)", "Lab (lab-2)", "Kiln"]


@pytest.mark.parametrize(
    "text",
    ["see https://evil.example/?q=1", "www.evil.example", "mail a@b.example", "HTTP://X.example"],
)
def test_no_address_is_left_in_one_piece(text: str) -> None:
    import re

    bare = plain(text).replace("\\", "")
    # mdast-util-gfm-autolink-literal's own patterns, which see text behind escapes.
    assert not re.search(r"(https?:\/\/|www(?=\.))([-.\w]+)([^ \t\r\n]*)", bare, re.IGNORECASE)
    assert not re.search(r"(?:^|(?<=[\s\W]))([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)", bare)
    assert bare.replace("\u2060", "") == text
