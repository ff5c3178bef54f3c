"""Workspaces: the folder is the truth, and a crash or a newer version loses nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ragft_core.errors import WorkspaceError
from ragft_core.settings import Settings
from ragft_core.types import Answer, Chunk, Passage, Strategy
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import (
    FILE,
    Workspace,
    append_jsonl,
    create_workspace,
    list_workspaces,
    locate,
    open_workspace,
    read_jsonl,
    write_json,
)
from tests.conftest import ROOT


def test_a_new_workspace_can_be_opened_by_name(settings: Settings) -> None:
    made = create_workspace(settings, "Support handbook")
    assert open_workspace(settings, "support-handbook").path == made.path
    assert [item.id for item in list_workspaces(settings)] == ["support-handbook"]


def test_a_reference_with_a_slash_is_a_path(settings: Settings, tmp_path: Path) -> None:
    assert locate(settings, str(tmp_path / "here")) == tmp_path / "here"
    assert locate(settings, "here") == settings.workspaces / "here"


@pytest.mark.parametrize("name", ["", "  ", "../evil", "a/b", ".hidden", "x" * 65, "a\0b", "a\nb"])
def test_a_name_that_could_be_a_path_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(WorkspaceError, match="cannot be called"):
        create_workspace(settings, name)
    assert list_workspaces(settings) == []


def test_the_same_name_twice_is_refused(settings: Settings, workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="already"):
        create_workspace(settings, workspace.settings().name)


def test_a_copied_folder_is_the_same_workspace(workspace: Workspace, tmp_path: Path) -> None:
    workspace.update(instruction="Be brief.", top_k=5)
    copy = tmp_path / "copy"
    shutil.copytree(workspace.path, copy)
    assert Workspace(copy).settings() == workspace.settings()


def test_a_damaged_file_is_named(workspace: Workspace) -> None:
    (workspace.path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="damaged"):
        workspace.settings()


def test_a_newer_version_is_not_opened(workspace: Workspace) -> None:
    data = json.loads((workspace.path / FILE).read_text(encoding="utf-8"))
    write_json(workspace.path / FILE, {**data, "version": 99})
    with pytest.raises(WorkspaceError, match="newer version"):
        workspace.settings()


def test_a_line_cut_by_a_crash_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    append_jsonl(file, [{"n": 1}, {"n": 2}])
    file.write_text(file.read_text(encoding="utf-8") + '{"n": 3', encoding="utf-8")
    assert list(read_jsonl(file)) == [{"n": 1}, {"n": 2}]


def test_a_row_that_the_disk_takes_a_part_of_is_an_error_and_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    append_jsonl(file, [{"n": 1}])
    filled = (
        "import resource; from pathlib import Path; from ragft_core.workspace import append_jsonl\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        f"append_jsonl(Path({str(file)!r}), [{{'n': 'x' * 200}}])"
    )
    done = subprocess.run([sys.executable, "-c", filled], capture_output=True, text=True, cwd=ROOT)
    assert "OSError: [Errno 28] No space left on device" in done.stderr
    append_jsonl(file, [{"n": 2}])
    assert list(read_jsonl(file)) == [{"n": 1}, {"n": 2}]


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"n": 1}\n{"n":\n{"n": 3}\n', encoding="utf-8")
    with pytest.raises(WorkspaceError, match="Line 2"):
        list(read_jsonl(file))


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    write_json(file, {"n": 1})
    with pytest.raises(TypeError):
        write_json(file, {"n": object()})
    assert json.loads(file.read_text(encoding="utf-8")) == {"n": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_values_survive_json() -> None:
    chunk = Chunk("c", "d", 0, "text", 0, 4, page=2)
    answer = Answer(
        Strategy.RAG, "q", "a", passages=(Passage(chunk, "Title", 0.5, 1, similarity=0.7),)
    )
    assert from_dict(Answer, json.loads(json.dumps(to_dict(answer)))) == answer
