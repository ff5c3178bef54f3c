"""Workspaces as a whole: renamed, deleted, taken away and brought in."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from ragft_core.approval import approve, is_approved
from ragft_core.errors import WorkspaceError
from ragft_core.finetuning import load_examples, save_examples
from ragft_core.jobs import list_jobs
from ragft_core.overview import (
    export_workspace,
    import_workspace,
    remove_workspace,
    rename_workspace,
)
from ragft_core.settings import Settings
from ragft_core.types import Example, ModelChoice
from ragft_core.workspace import Workspace, create_workspace, list_workspaces, write_json


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    save_examples(workspace, [Example("a", "How much?", "90 litres")])
    job = workspace.folder("jobs", "train-1")
    write_json(job / "spec.json", {"kind": "train", "created_ns": 1, "spec": {}})
    write_json(job / "status.json", {"state": "succeeded"})
    write_json(job / "process.json", {"pid": 1})
    (workspace.folder(".locks") / "index.lock").touch()
    return workspace


def test_what_goes_out_comes_in_again(
    filled: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.update(model=ModelChoice("endpoint", "big", "http://127.0.0.1:9"))
    approve(filled, filled.settings().model)
    size = export_workspace(filled, tmp_path / "w.zip")
    assert size == (tmp_path / "w.zip").stat().st_size
    monkeypatch.setenv("RAGFT_HOME", str(tmp_path / "elsewhere"))
    here = import_workspace(Settings(), tmp_path / "w.zip")
    assert here.settings().name == "Test"
    assert load_examples(here) == load_examples(filled)
    assert [job.id for job in list_jobs(here)] == ["train-1"]
    assert not (here.path / "jobs/train-1/process.json").exists()
    assert not is_approved(here, here.settings().model), "another machine's yes is no yes here"


def test_a_taken_name_is_numbered(filled: Workspace, tmp_path: Path, settings: Settings) -> None:
    export_workspace(filled, tmp_path / "w.zip")
    names = [import_workspace(settings, tmp_path / "w.zip").settings().name for _ in range(2)]
    assert names == ["Test 2", "Test 3"]
    assert import_workspace(settings, tmp_path / "w.zip", "Mine").id == "mine"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:/evil"])
def test_a_name_that_leads_out_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(WorkspaceError, match="no workspace does"):
        import_workspace(settings, _zip({"workspace.json": "{}", name: "x"}))
    assert list(settings.workspaces.iterdir()) == []


def test_links_bombs_and_other_files_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = zipfile.ZipInfo("documents/x")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(WorkspaceError, match="documents/x"):
        import_workspace(settings, _zip({"workspace.json": "{}"}, link))
    with pytest.raises(WorkspaceError, match=r"no workspace\.json"):
        import_workspace(settings, _zip({"notes.txt": "hello"}))
    with pytest.raises(WorkspaceError, match="cannot be read as a workspace"):
        import_workspace(settings, io.BytesIO(b"no zip"))
    monkeypatch.setattr("ragft_core.overview.moving.MOST_BYTES", 10)
    with pytest.raises(WorkspaceError, match="are the most"):
        import_workspace(settings, _zip({"workspace.json": "{}" * 20}))
    assert list(settings.workspaces.iterdir()) == []


def test_a_new_name_keeps_the_id(filled: Workspace) -> None:
    rename_workspace(filled, " Kilns ")
    assert (filled.id, filled.settings().name) == ("test", "Kilns")
    with pytest.raises(WorkspaceError, match="cannot be called"):
        rename_workspace(filled, "../x")


def test_while_a_job_is_at_work_nothing_is_moved(
    filled: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragft_core.jobs.status.JobStatus.active", True)
    with pytest.raises(WorkspaceError, match="train-1.*Wait for its end"):
        export_workspace(filled, tmp_path / "w.zip")
    with pytest.raises(WorkspaceError, match="deleted now"):
        remove_workspace(filled)
    assert not (tmp_path / "w.zip").exists()


def test_a_deleted_workspace_is_gone(filled: Workspace, settings: Settings) -> None:
    other = create_workspace(settings, "Other")
    remove_workspace(filled)
    assert [one.id for one in list_workspaces(settings)] == [other.id]


def _zip(files: dict[str, str], *infos: zipfile.ZipInfo) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        for info in infos:
            archive.writestr(info, "target")
    out.seek(0)
    return out
