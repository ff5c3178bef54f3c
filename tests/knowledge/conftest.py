"""A knowledge base with an instant embedder, and the invariant that every test may ask for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ragft_core.knowledge import KnowledgeBase
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder


@pytest.fixture
def base(workspace: Workspace) -> KnowledgeBase:
    return KnowledgeBase(workspace, HashEmbedder())


@pytest.fixture
def three_files(tmp_path: Path) -> list[tuple[str, Path]]:
    kiln = "# Kilns\n\n" + "".join(
        f"## Model {number}\n\nThe model {number} kiln costs {number * 100} euro.\n\n"
        + "It is built of firebrick. " * 30
        + "\n\n"
        for number in range(1, 8)
    )
    return [
        ("kilns.md", files.text(tmp_path / "1.md", kiln)),
        ("rules.txt", files.text(tmp_path / "2.txt", "Dogs may not enter the firing hall.")),
        ("prices.csv", files.text(tmp_path / "3.csv", "Item,Price\nClay,12 euro\nGlaze,30 euro")),
    ]


def assert_searchable_exactly_once(base: KnowledgeBase) -> None:
    """Every document's chunks are in the index once, nothing else is, and each is found."""
    fresh = KnowledgeBase(base.workspace, base.embedder)
    fresh.repair()
    rows = fresh._index.table().search().select(["id"]).limit(None).to_arrow()
    found = Counter(rows.column("id").to_pylist())
    expected = Counter(
        chunk.id for document in fresh.documents() for chunk in fresh.chunks(document.id)
    )
    assert found == expected
    assert not found or max(found.values()) == 1
    folders = {path.name for path in (base.workspace.path / "documents").iterdir()}
    assert folders == {document.id for document in fresh.documents()}
    for document in fresh.documents():
        chunk = fresh.chunks(document.id)[0]
        hits = fresh.search(chunk.text, k=50)
        assert [hit.chunk.id for hit in hits].count(chunk.id) == 1
