"""Documents keep the folder that they lay in, and two of one name never take each other's place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ragft_core.documents import clean_folder
from ragft_core.knowledge import KnowledgeBase, documents, store
from ragft_core.workspace import Workspace, read_json, write_json


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("notes.md", ""),
        ("rules/notes.md", "rules"),
        ("rules\\2026\\notes.md", "rules/2026"),
        ("../../x/notes.md", "x"),
        ("a/./../b//notes.md", "a/b"),
        ("/etc/secret/notes.md", ""),
        ("C:\\Users\\anna\\notes.md", ""),
        ("\\\\server\\share\\notes.md", ""),
        ("a\x00b\x1b[31m/notes.md", "ab[31m"),
        ("/".join("abcdefghijklmnopqrstuvwxyz") + "/n.md", "/".join("abcdefghijklmnop")),
        (f"{'long' * 99}/n.md", ("long" * 99)[:80]),
    ],
)
def test_a_folder_is_cleaned_and_never_one_of_the_machine(path: str, folder: str) -> None:
    assert clean_folder(path) == folder


def add(base: KnowledgeBase, scratch: Path, **texts: str) -> dict[str, str]:
    """What became of files, by the path that they are given under (``__`` for ``/``)."""
    given = []
    for number, (name, text) in enumerate(texts.items()):
        path = scratch / str(number)
        path.write_text(text, encoding="utf-8")
        given.append((f"{name.replace('__', '/')}.txt", path))
    return {report.file_name: report.outcome for report in base.add_files(given)}


def lying(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """Folder and text of each document, by its name."""
    return {
        d.file_name: (d.folder, store.text_of(workspace, d.id).strip())
        for d in documents(workspace)
    }


def test_one_name_in_two_folders_is_two_documents_each_with_its_versions(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    add(base, tmp_path, a__notes="Of a.", b__notes="Of b.")
    assert lying(workspace) == {"notes.txt": ("a", "Of a."), "notes (2).txt": ("b", "Of b.")}
    # The one of b alone, then one that nobody had before.
    assert add(base, tmp_path, b__notes="Of b, later.") == {"notes (2).txt": "replaced"}
    assert add(base, tmp_path, c__notes="Of c.") == {"notes (3).txt": "added"}
    assert add(base, tmp_path, a__notes="Of a, later.", c__notes="Of c, later.") == {
        "notes.txt": "replaced", "notes (3).txt": "replaced",
    }  # fmt: skip
    assert lying(workspace) == {
        "notes.txt": ("a", "Of a, later."), "notes (2).txt": ("b", "Of b, later."),
        "notes (3).txt": ("c", "Of c, later."),
    }  # fmt: skip
    assert [hit.document_title for hit in base.search("later", only="folder:b")] == ["notes (2)"]


def test_a_name_that_another_was_given_is_not_taken_for_its_version(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    add(base, tmp_path, a__notes="Of a.", b__notes="Of b.")
    path = tmp_path / "second"
    path.write_text("Called so by a person.", encoding="utf-8")
    (report,) = base.add_files([("b/notes (2).txt", path)])
    assert report.outcome == "added"
    assert {text for _, text in lying(workspace).values()} == {
        "Of a.", "Of b.", "Called so by a person.",
    }  # fmt: skip


def test_a_file_by_itself_takes_the_place_of_its_name_and_keeps_the_folder(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    add(base, tmp_path, a__notes="Of a.", b__notes="Of b.")
    assert add(base, tmp_path, notes="Of a, later.") == {"notes.txt": "replaced"}
    (tmp_path / "x").write_text("Of b, later.", encoding="utf-8")
    base.add_files([("notes (2).txt", tmp_path / "x")])
    assert lying(workspace) == {
        "notes.txt": ("a", "Of a, later."), "notes (2).txt": ("b", "Of b, later."),
    }  # fmt: skip
    assert add(base, tmp_path, b__notes="Of b, at last.") == {"notes (2).txt": "replaced"}


def test_an_old_workspace_has_no_folders_and_learns_them_when_a_folder_is_added_again(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    add(base, tmp_path, notes="Of a.", rules="Dogs may not enter.")
    for document in documents(workspace):
        file = store.folder_of(workspace, document.id) / "document.json"
        data = read_json(file)
        write_json(file, {k: v for k, v in data.items() if k not in ("folder", "came_as")})
    before = {document.file_name: document for document in documents(workspace)}
    assert {document.folder for document in before.values()} == {""}
    told = add(base, tmp_path, a__notes="Of a.", a__rules="Dogs may enter.")
    assert told == {"notes.txt": "already there", "rules.txt": "replaced"}
    assert lying(workspace) == {
        "notes.txt": ("a", "Of a."), "rules.txt": ("a", "Dogs may enter."),
    }  # fmt: skip
    after = {document.file_name: document for document in documents(workspace)}
    assert after["notes.txt"] == replace(before["notes.txt"], folder="a")
    assert base.differences() == []


def test_names_that_are_kept_are_kept_beside_new_ones_of_the_folder(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    add(base, tmp_path, a__notes="Of a.")
    (tmp_path / "x").write_text("Of a, later.", encoding="utf-8")
    (report,) = base.add_files([("a/notes.txt", tmp_path / "x")], keep=["notes.txt"])
    assert (report.file_name, report.outcome) == ("notes (2).txt", "added")
    assert {folder for folder, _ in lying(workspace).values()} == {"a"}
