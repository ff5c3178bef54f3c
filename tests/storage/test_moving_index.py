"""An index taken to another place: whole, compared, and resumable after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragft_core.commands import app
from ragft_core.errors import RetrievalError
from ragft_core.knowledge import KnowledgeBase, index, move_index
from ragft_core.storage import Bucket, place_at
from ragft_core.types import Chunk
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder
from tests.storage.conftest import S3

URI = "s3://lab/indices"


def run(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    found: dict[str, object] = json.loads(done.stdout)
    return found


KILLED = """
import os, signal, sys
from pathlib import Path
from ragft_core.knowledge import move_index
from ragft_core.knowledge import index
from ragft_core.storage import place_at
from ragft_core.workspace import Workspace
from tests.knowledge.hashing import HashEmbedder
index._BATCH = 40
seen = []
def told(share, text):
    seen.append(text)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
w = Workspace(Path(sys.argv[1]))
move_index(w, HashEmbedder(), place_at("local", w), place_at(sys.argv[2], w), told)
"""


@pytest.fixture
def base(s3: S3, workspace: Workspace) -> KnowledgeBase:
    base = KnowledgeBase(workspace, HashEmbedder())
    embedder = HashEmbedder()
    base._index.upsert(
        [
            index.Entry(Chunk(f"c{n}", "d", n, f"kiln {n}", 0, 7), f"kiln {n}", vector)
            for n, vector in enumerate(embedder.embed_documents([f"kiln {n}" for n in range(200)]))
        ]
    )
    return base


def test_a_move_that_is_killed_goes_on_where_it_was(base: KnowledgeBase) -> None:
    workspace = base.workspace
    local, there = place_at("local", workspace), place_at(URI, workspace)
    done = subprocess.run([sys.executable, "-c", KILLED, str(workspace.path), URI], check=False)
    assert done.returncode == -signal.SIGKILL
    assert base._index.n_rows() == 200  # the old one serves
    moved = move_index(workspace, HashEmbedder(), local, there)
    assert moved.n_chunks == 200
    assert moved.n_copied == 120
    again = move_index(workspace, HashEmbedder(), local, there)
    assert (again.n_copied, again.digest) == (0, moved.digest)


def test_a_move_takes_over_changes_and_removals(base: KnowledgeBase) -> None:
    workspace = base.workspace
    local, there = place_at("local", workspace), place_at(URI, workspace)
    move_index(workspace, HashEmbedder(), local, there)
    vector = HashEmbedder().embed_query("glaze")
    base._index.delete_chunks(["c3"])
    base._index.upsert([index.Entry(Chunk("c4", "d", 4, "glaze", 0, 5), "glaze", vector)])
    moved = move_index(workspace, HashEmbedder(), local, there)
    assert (moved.n_chunks, moved.n_copied) == (199, 1)


def test_what_was_written_meanwhile_without_the_lock_is_not_called_the_same(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragft_core.knowledge.index import ChunkIndex

    workspace = base.workspace
    tidy = ChunkIndex.tidy

    def meddled(self: ChunkIndex, embed: object) -> None:
        self.delete_chunks(["c7"])
        tidy(self, embed)  # type: ignore[arg-type]

    monkeypatch.setattr(ChunkIndex, "tidy", meddled)
    with pytest.raises(RetrievalError, match="199 chunks for 200"):
        move_index(
            workspace, HashEmbedder(), place_at("local", workspace), place_at(URI, workspace)
        )


@pytest.mark.slow
def test_the_command_moves_there_and_back(
    s3: S3, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = files.text(tmp_path / "kiln.txt", "The kiln is built of firebrick.")
    monkeypatch.setattr("ragft_core.knowledge.embedders.Embedder", lambda *_: HashEmbedder())
    KnowledgeBase(workspace, HashEmbedder()).add_files([("kiln.txt", file)])
    there = run("move-index", workspace.id, URI, "--clear", "--json")
    assert there["n_chunks"] == 1
    assert not (workspace.path / "index").exists()
    monkeypatch.setenv("RAGFT_INDEX_URI", URI)
    assert_searchable_exactly_once(KnowledgeBase(workspace, HashEmbedder()))
    assert not (workspace.path / "index").exists()
    run("move-index", workspace.id, "local", "--from", URI, "--clear", "--json")
    assert Bucket(URI).list() == []
    monkeypatch.delenv("RAGFT_INDEX_URI")
    assert_searchable_exactly_once(KnowledgeBase(workspace, HashEmbedder()))
