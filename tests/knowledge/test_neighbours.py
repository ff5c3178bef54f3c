"""The index of neighbours: built where it pays, kept only where it misses almost nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragft_core.knowledge.index import ChunkIndex, Entry
from ragft_core.knowledge.indices import neighbours
from ragft_core.storage import Folder
from ragft_core.types import Chunk
from tests.knowledge.hashing import HashEmbedder

TOPICS = ["kiln clay glaze", "tram rail stop", "pump seal valve", "court law fine"]


@pytest.fixture
def index(tmp_path: Path) -> ChunkIndex:
    """400 chunks of four topics, so that near ones lie together."""
    embedder = HashEmbedder()
    index = ChunkIndex(Folder(tmp_path / "index"), embedder.identity, embedder.dimension)
    texts = [f"{TOPICS[n % 4]} {TOPICS[n % 4]} number {n}" for n in range(400)]
    index.upsert(
        [
            Entry(Chunk(f"c{n}", f"d{n}", 0, text, 0, len(text)), text, embedder.embed_query(text))
            for n, text in enumerate(texts)
        ]
    )
    return index


def test_an_index_that_finds_nearly_all_is_kept_and_searched(index: ChunkIndex) -> None:
    table = index.table()
    embed = HashEmbedder().embed_query
    exact = table.search(embed("pump seal")).distance_type("cosine").limit(3).to_arrow()
    found = neighbours.build(table, embed)
    assert found >= neighbours.LEAST_RECALL
    assert neighbours.is_indexed(table)
    by_index = neighbours.nearest(table, embed("pump seal")).limit(3).to_arrow()
    assert np.allclose(by_index["_distance"].to_numpy(), exact["_distance"].to_numpy(), atol=1e-5)


def test_an_index_that_misses_is_dropped_and_not_tried_at_every_upload(
    index: ChunkIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = index.table()
    monkeypatch.setattr(neighbours, "PROBES", 1)
    monkeypatch.setattr(neighbours, "SHARE", 0.0)
    monkeypatch.setattr(neighbours, "FROM", 100)
    asked: list[str] = []

    def embed(text: str) -> np.ndarray:  # noise: the nearest lie in any partition
        asked.append(text)
        return np.random.default_rng(len(asked)).standard_normal(64).astype(np.float32)

    assert neighbours.keep(table, embed) == 400
    assert not neighbours.is_indexed(table)
    tried = len(asked)
    assert tried == neighbours.N_QUESTIONS
    assert neighbours.keep(table, embed, missed_at=400) == 0
    assert len(asked) == tried


def test_a_small_table_has_no_index_of_neighbours(index: ChunkIndex) -> None:
    index.tidy(HashEmbedder().embed_query)
    assert not neighbours.is_indexed(index.table())
