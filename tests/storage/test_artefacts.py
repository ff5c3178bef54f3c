"""Originals, adapters and results in the store: put there, brought back, removed with their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ragft_core.errors import RetrievalError, StoreError
from ragft_core.finetuning.adapters import delete_adapter, get_adapter
from ragft_core.knowledge import (
    KnowledgeBase,
    check_document,
    delete_version,
    find_version,
    list_versions,
    name_version,
    open_version,
    original_of,
    restore_version,
    shelf_of,
)
from ragft_core.knowledge.indices import versions
from ragft_core.overview import remove_workspace
from ragft_core.settings import Settings
from ragft_core.storage import Bucket, artefacts
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder
from tests.storage.conftest import S3, point_at, serve

WORDS = "The kiln is built of firebrick."


@pytest.fixture(params=["s3", "file"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bucket:
    if request.param == "s3":
        request.getfixturevalue("s3")
    uri = "s3://lab/kept" if request.param == "s3" else f"file://{tmp_path}/kept"
    monkeypatch.setenv("RAGFT_STORE", uri)
    return Bucket(uri)


def test_an_original_is_kept_brought_back_and_removed(
    store: Bucket, workspace: Workspace, tmp_path: Path
) -> None:
    base = KnowledgeBase(workspace, HashEmbedder())
    (report,) = base.add_files([("a kiln.txt", files.text(tmp_path / "k.txt", WORDS))])
    assert report.document is not None
    key = f"{workspace.id}/documents/{report.document.id}/original.txt"
    assert store.list() == [key]
    assert store.get(key) == WORDS.encode()
    original_of(workspace, report.document.id).unlink()
    check_document(workspace, report.document.id, digest=True)
    assert original_of(workspace, report.document.id).read_text() == WORDS
    base.remove(report.document.id)
    assert store.list() == []


def test_an_adapter_is_brought_back_and_removed(store: Bucket, workspace: Workspace) -> None:
    from ragft_core.finetuning.adapters import BUNDLED_FOLDER

    folder = workspace.path / "adapters" / "train-1"
    shutil.copytree(BUNDLED_FOLDER / "reader", folder)
    artefacts.keep(workspace, "adapters/train-1")
    before = get_adapter(workspace, "train-1").digest
    shutil.rmtree(folder)
    assert get_adapter(workspace, "train-1").digest == before
    delete_adapter(workspace, "train-1")
    assert store.list() == []


def test_a_version_goes_along_is_brought_back_and_removed(
    store: Bucket, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "open_embedder", lambda *_: HashEmbedder())
    base = KnowledgeBase(workspace, HashEmbedder())
    (report,) = base.add_files([("a kiln.txt", files.text(tmp_path / "k.txt", WORDS))])
    assert report.document is not None
    version = name_version(base, "Spring")
    folder = shelf_of(workspace, version).path
    here = {
        f.relative_to(workspace.path).as_posix()
        for f in folder.rglob("*")
        if f.is_file() and f.suffix != ".lock"
    }
    assert set(Bucket(f"{store.uri}/{workspace.id}").list("versions")) == here
    base.remove(report.document.id)
    shutil.rmtree(folder)
    assert list_versions(workspace) == []
    assert find_version(workspace, "Spring") == version
    assert open_version(workspace, version, Settings()).search("firebrick")
    for original in folder.rglob("original.*"):
        original.unlink()
    embedder = base.embedder
    assert isinstance(embedder, HashEmbedder)
    n_embedded = embedder.n_embedded
    assert restore_version(base, version).came == ("a kiln.txt",)
    assert embedder.n_embedded == n_embedded
    assert original_of(workspace, report.document.id).read_text() == WORDS
    delete_version(workspace, version)
    assert Bucket(f"{store.uri}/{workspace.id}").list("versions") == []
    with pytest.raises(RetrievalError, match="no version 'Spring'"):
        find_version(workspace, "Spring")


def test_a_workspace_goes_with_all_its_copies(store: Bucket, workspace: Workspace) -> None:
    (workspace.folder("jobs", "j1") / "result.json").write_text("{}")
    artefacts.keep(workspace, "jobs/j1")
    assert len(store.list()) == 1
    remove_workspace(workspace)
    assert store.list() == []


def test_without_the_variable_nothing_is_asked_for(workspace: Workspace) -> None:
    artefacts.keep(workspace, "documents/none")
    assert artefacts.bring(workspace, "documents/none") is False
    artefacts.forget(workspace)


@pytest.mark.slow
def test_a_store_that_is_away_acknowledges_no_document(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: S3 = serve()
    server.stop()
    point_at(monkeypatch, server.address)
    monkeypatch.setenv("RAGFT_STORE", "s3://lab/kept")
    base = KnowledgeBase(workspace, HashEmbedder())
    with pytest.raises(StoreError, match="cannot be reached"):
        base.add_files([("k.txt", files.text(tmp_path / "k.txt", WORDS))])
    assert base.documents() == []
    monkeypatch.delenv("RAGFT_STORE")
    base.add_files([("k.txt", files.text(tmp_path / "k.txt", WORDS))])
    assert base.search("firebrick")
    monkeypatch.setenv("RAGFT_STORE", "s3://lab/kept")
    with pytest.raises(StoreError, match="cannot be reached"):
        name_version(base, "Spring")
    assert list((workspace.path / "versions").iterdir()) == []
