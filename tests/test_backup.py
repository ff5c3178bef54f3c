"""The whole home in a file and back: made while others write, whole, and writing over nothing."""

from __future__ import annotations

import json
import threading
import zipfile
from pathlib import Path

import pytest

from ragft_core.approval import SECRET
from ragft_core.errors import WorkspaceError
from ragft_core.knowledge import KnowledgeBase
from ragft_core.overview import back_up, examine, restore
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, append_jsonl, create_workspace, list_workspaces
from tests.documents import files
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder


def filled(settings: Settings, name: str, folder: Path) -> Workspace:
    workspace = create_workspace(settings, name)
    path = files.text(folder / f"{name}.txt", f"The {name} kiln is hot.")
    KnowledgeBase(workspace, HashEmbedder()).add_files([(path.name, path)])
    return workspace


def test_a_home_comes_back_as_it_was(settings: Settings, tmp_path: Path) -> None:
    made = [filled(settings, name, tmp_path) for name in ("red", "blue")]
    (settings.home / SECRET).write_text("not to be told")
    (settings.home / "models").mkdir()
    done = back_up(settings, tmp_path / "b.zip")
    assert done.workspaces == ("blue", "red")
    assert set(done.left_out) == {SECRET, "models"}
    assert b"not to be told" not in (tmp_path / "b.zip").read_bytes()
    elsewhere = Settings(home=tmp_path / "elsewhere")
    restore(elsewhere, tmp_path / "b.zip")
    for workspace in list_workspaces(elsewhere):
        assert_searchable_exactly_once(KnowledgeBase(workspace, HashEmbedder()))
        before = next(one for one in made if one.id == workspace.id)
        assert workspace.settings() == before.settings()


@pytest.mark.slow
def test_a_backup_made_while_others_write_is_whole(settings: Settings, tmp_path: Path) -> None:
    workspace = filled(settings, "red", tmp_path)
    ended = threading.Event()

    def write() -> None:
        base = KnowledgeBase(workspace, HashEmbedder())
        for n in range(1000):
            if ended.is_set():
                return
            path = files.text(tmp_path / f"{n}.txt", f"Note {n} on glaze.")
            base.add_files([(path.name, path)])
            append_jsonl(workspace.path / "examples.jsonl", [])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            back_up(settings, tmp_path / "b.zip")
            elsewhere = Settings(home=tmp_path / f"elsewhere{n}")
            restore(elsewhere, tmp_path / "b.zip")
            (came,) = list_workspaces(elsewhere)
            assert examine(came, lambda w: KnowledgeBase(w, HashEmbedder())) == []
    finally:
        ended.set()
        writer.join()


def test_nothing_is_written_over_without_being_told(settings: Settings, tmp_path: Path) -> None:
    workspace = filled(settings, "red", tmp_path)
    back_up(settings, tmp_path / "b.zip")
    workspace.update(instruction="Changed since.")
    with pytest.raises(WorkspaceError, match="already: red"):
        restore(settings, tmp_path / "b.zip")
    assert workspace.settings().instruction == "Changed since."
    restore(settings, tmp_path / "b.zip", over=True)
    assert workspace.settings().instruction != "Changed since."
    (kept,) = settings.home.glob("replaced/*/workspaces/red/workspace.json")
    assert "Changed since." in kept.read_text()


def test_a_damaged_backup_puts_nothing_back(settings: Settings, tmp_path: Path) -> None:
    filled(settings, "red", tmp_path)
    back_up(settings, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    for change in ("changed", "missing", "escaping"):
        inside = dict(members)
        name = "workspaces/red/workspace.json"
        if change == "changed":
            inside[name] += b" "
        elif change == "missing":
            del inside[name]
        else:
            head = json.loads(inside["backup.json"])
            head["files"]["../evil"] = head["files"].pop(name)
            inside["../evil"] = inside.pop(name)
            inside["backup.json"] = json.dumps(head).encode()
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
            for member, data in inside.items():
                archive.writestr(member, data)
        target = Settings(home=tmp_path / change)
        with pytest.raises(WorkspaceError):
            restore(target, tmp_path / "bad.zip")
        assert list_workspaces(target) == []
        assert not (tmp_path / "evil").exists()
