"""A named version is kept whole, whatever becomes of the workspace, and can be gone back to."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.errors import RetrievalError, WorkspaceError
from ragft_core.knowledge import (
    KnowledgeBase,
    delete_version,
    documents,
    find_version,
    held_in_words,
    list_versions,
    name_version,
    open_version,
    purge_index,
    restore_version,
    shelf_of,
    store,
    versions_holding,
)
from ragft_core.knowledge.indices import versions as module
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder

Files = list[tuple[str, Path]]


def names(workspace: Workspace) -> set[str]:
    return {document.file_name for document in documents(workspace)}


def id_of(base: KnowledgeBase, name: str) -> str:
    return next(document.id for document in base.documents() if document.file_name == name)


def added(base: KnowledgeBase, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    (report,) = base.add_files([(path.name, path)])
    assert report.document is not None, report.error


@pytest.fixture
def filled(base: KnowledgeBase, three_files: Files) -> KnowledgeBase:
    base.add_files(three_files)
    return base


@pytest.fixture(autouse=True)
def _hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "open_embedder", lambda *_: HashEmbedder())


def test_naming_embeds_nothing_and_is_searched_like_the_workspace(
    filled: KnowledgeBase, workspace: Workspace
) -> None:
    embedder = filled.embedder
    assert isinstance(embedder, HashEmbedder)
    n_embedded = embedder.n_embedded
    version = name_version(filled, "Spring")
    assert embedder.n_embedded == n_embedded
    assert (version.n_documents, version.index_version) == (3, filled.version)
    assert version.n_chunks == sum(d.n_chunks for d in filled.documents())
    opened = open_version(workspace, version, Settings())
    question = "May dogs enter the hall?"
    assert opened.search(question) == filled.search(question)
    assert opened.differences() == []
    assert opened.version == filled.version


def test_a_version_keeps_what_the_workspace_changes(
    filled: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    version = name_version(filled, "Spring")
    filled.remove(id_of(filled, "rules.txt"))
    added(filled, tmp_path / "new.txt", "Cats may enter the hall.")
    filled.rebuild()
    opened = open_version(workspace, version, Settings())
    assert opened.search("Dogs in the firing hall")[0].document_title == "rules"
    assert not any("Cats" in p.chunk.text for p in opened.search("Cats", k=50))
    assert not any("Dogs" in p.chunk.text for p in filled.search("Dogs", k=50))


def test_restoring_brings_back_takes_away_and_can_be_taken_back(
    filled: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    version = name_version(filled, "Spring")
    number = filled.version
    filled.remove(id_of(filled, "rules.txt"))
    added(filled, tmp_path / "kilns.md", "# Kilns\n\nThe model 1 kiln costs 999 euro.")
    added(filled, tmp_path / "new.txt", "Cats may enter the hall.")
    embedder = filled.embedder
    assert isinstance(embedder, HashEmbedder)
    n_embedded, later = embedder.n_embedded, filled.version
    restored = restore_version(filled, version)
    assert set(restored.came) == {"rules.txt", "kilns.md"}
    assert set(restored.went) == {"new.txt", "kilns.md"}
    assert names(workspace) == {"kilns.md", "rules.txt", "prices.csv"}
    assert filled.version == number
    assert embedder.n_embedded == n_embedded  # the vectors came with the version
    assert filled.differences() == []
    assert_searchable_exactly_once(filled)
    assert restored.before is not None
    back = restore_version(filled, restored.before)
    assert names(workspace) == {"kilns.md", "prices.csv", "new.txt"}
    assert filled.version == later
    assert back.before is None  # "Spring" holds that state
    assert_searchable_exactly_once(filled)


def test_after_another_embedder_a_version_is_searched_as_it_was_and_restored_anew(
    filled: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(filled, "Spring")
    filled.remove(id_of(filled, "rules.txt"))
    other = KnowledgeBase(workspace, HashEmbedder("other", 32))
    other.take_over(lambda *_: None, lambda: None)
    opened = open_version(workspace, version, Settings())
    assert opened.search("Dogs in the firing hall")[0].document_title == "rules"
    restored = restore_version(other, version)
    assert restored.came == ("rules.txt",)
    assert other.search("Dogs in the firing hall")[0].document_title == "rules"
    assert other.differences() == []
    found = KnowledgeBase(workspace, HashEmbedder("other", 32))
    assert_searchable_exactly_once(found)


def test_a_version_whose_model_is_another_now_says_so(
    filled: KnowledgeBase, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = name_version(filled, "Spring")
    monkeypatch.setattr(module, "open_embedder", lambda *_: HashEmbedder("other"))
    with pytest.raises(RetrievalError, match="cannot be compared"):
        open_version(workspace, version, Settings())


def test_an_index_that_was_lost_is_made_again_from_the_version_s_documents(
    filled: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(filled, "Spring")
    module.shutil.rmtree(shelf_of(workspace, version).path / "index")
    opened = open_version(workspace, version, Settings())
    assert opened.search("Dogs in the firing hall")[0].document_title == "rules"


def test_deleting_a_version_leaves_the_documents(
    filled: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(filled, "Spring")
    delete_version(workspace, version)
    assert list_versions(workspace) == []
    assert not shelf_of(workspace, version).path.exists()
    assert_searchable_exactly_once(filled)
    for document in filled.documents():
        store.check_document(workspace, document.id, digest=True)


def test_what_cannot_be_named_is_told_and_leaves_nothing(
    base: KnowledgeBase, three_files: Files, workspace: Workspace
) -> None:
    with pytest.raises(RetrievalError, match="no documents"):
        name_version(base, "Empty")
    base.add_files(three_files)
    for wrong in ("", "../up", "a" * 65):
        with pytest.raises(RetrievalError, match="cannot be called"):
            name_version(base, wrong)
    name_version(base, "Spring")
    with pytest.raises(RetrievalError, match="already"):
        name_version(base, "Spring")
    (store.folder_of(workspace, id_of(base, "rules.txt")) / "text.txt").unlink()
    with pytest.raises(WorkspaceError, match=r"has no text\.txt"):
        name_version(base, "Damaged")
    with pytest.raises(RetrievalError, match="no version 'Autumn'"):
        find_version(workspace, "Autumn")
    assert [version.name for version in list_versions(workspace)] == ["Spring"]
    assert len(list((workspace.path / "versions").iterdir())) == 1


def test_a_damaged_version_is_not_restored_and_nothing_is_lost(
    filled: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    version = name_version(filled, "Spring")
    shelf = shelf_of(workspace, version)
    (store.folder_of(shelf, id_of(filled, "rules.txt")) / "chunks.jsonl").unlink()
    added(filled, tmp_path / "new.txt", "Cats may enter the hall.")
    with pytest.raises(WorkspaceError, match=r"has no chunks\.jsonl"):
        restore_version(filled, version)
    assert names(workspace) == {"kilns.md", "rules.txt", "prices.csv", "new.txt"}
    assert [one.name for one in list_versions(workspace)] == ["Spring"]


def test_what_a_crash_left_of_a_version_is_cleared(
    filled: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(filled, "Spring")
    for clear in (purge_index, lambda base: name_version(base, "Summer")):
        begun = workspace.path / "versions" / "version-20260101-000000000-abcd"
        module.shutil.copytree(shelf_of(workspace, version).path / "documents", begun / "documents")
        assert list_versions(workspace)[-1] == version
        clear(filled)
        assert not begun.exists()
    assert len(list_versions(workspace)) == 2


def test_an_interrupted_restore_goes_on(
    filled: KnowledgeBase, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = name_version(filled, "Spring")
    filled.remove(id_of(filled, "rules.txt"))
    added(filled, tmp_path / "new.txt", "Cats may enter the hall.")
    with monkeypatch.context() as patched:
        patched.setattr(store, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr(module, "_held", lambda _: True)  # naming finishes documents, too
        with pytest.raises(KeyboardInterrupt):
            restore_version(filled, version)
    fresh = KnowledgeBase(workspace, HashEmbedder())
    assert_searchable_exactly_once(fresh)
    assert names(workspace) == {"kilns.md", "prices.csv", "new.txt"}
    restore_version(fresh, version)
    assert names(workspace) == {"kilns.md", "rules.txt", "prices.csv"}
    assert_searchable_exactly_once(fresh)


def files_with(folder: Path, word: str) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and word.encode() in p.read_bytes()]


def test_purging_leaves_nothing_of_a_deleted_document_but_in_versions_and_says_so(
    filled: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    index = workspace.path / "index"
    added(filled, tmp_path / "secret.txt", "The password is Xylophone9Quartz7.")
    document = filled.document(id_of(filled, "secret.txt"))
    assert files_with(index, "Xylophone9Quartz7")
    version = name_version(filled, "With the secret")
    assert versions_holding(workspace, document) == [version]
    filled.remove(document.id)
    assert files_with(index, "Xylophone9Quartz7")  # only marked as deleted, hence the purge
    purge_index(filled)
    assert not files_with(index, "Xylophone9Quartz7")
    assert_searchable_exactly_once(filled)
    opened = open_version(workspace, version, Settings())
    assert "Xylophone" in opened.search("What is the password?")[0].chunk.text
    assert "'With the secret' still holds it" in held_in_words([version])
    delete_version(workspace, version)
    assert not files_with(workspace.path, "Xylophone9Quartz7")


def test_who_searches_while_the_index_is_purged_reads_on(filled: KnowledgeBase) -> None:
    reader = KnowledgeBase(filled.workspace, filled.embedder)
    before = reader.search("Dogs in the firing hall")
    filled.remove(id_of(filled, "prices.csv"))
    purge_index(filled)
    assert reader.search("Dogs in the firing hall")[0].chunk == before[0].chunk
