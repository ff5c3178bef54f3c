"""A search index taken to another place: copied by rows, compared, and only then told to be there.

Which of the two is used is not decided here: that is ``RAGFT_INDEX_URI``, for the whole lab.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragft_core.access import Right, rights
from ragft_core.errors import RetrievalError
from ragft_core.knowledge.embed import TextEmbedder
from ragft_core.knowledge.index import ChunkIndex
from ragft_core.knowledge.writer import Writer
from ragft_core.storage import Place
from ragft_core.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

_MODULUS = 1 << 256


@dataclass(frozen=True)
class Moved:
    """What a move did: rows at the new place, how many had to be copied now, and their digest."""

    n_chunks: int
    n_copied: int
    digest: str
    where: str


def move_index(
    workspace: Workspace,
    embedder: TextEmbedder,
    source: Place,
    target: Place,
    on_progress: Callable[[float, str], None] = lambda share, text: None,
) -> Moved:
    """Copies a workspace's index and makes sure that both hold the same rows.

    Documents cannot be added meanwhile; searching goes on. What an earlier, interrupted move has
    copied is not copied again. The source is left as it is.

    Raises:
        RetrievalError: There is no index, or the copy is not the same.
        StoreError: A store is away or refuses; call again to go on.
        WorkspaceError: Another process is adding documents.
        NotAllowedError: The person who acts may not change the workspace.
    """
    rights.require(Right.CHANGE, workspace.path)
    if source.where == target.where:
        raise RetrievalError("The index lies there already.", "Name another place.")
    old = ChunkIndex(source, embedder.identity, embedder.dimension)
    if not old.exists():
        raise RetrievalError(
            "There is no index to move.", "Name where it lies with --from, or add documents first."
        )
    new = ChunkIndex(target, embedder.identity, embedder.dimension)
    with Writer(workspace, embedder, old).lock():
        return copy_rows(old, new, embedder, on_progress)


def copy_rows(
    old: ChunkIndex,
    new: ChunkIndex,
    embedder: TextEmbedder,
    on_progress: Callable[[float, str], None] = lambda share, text: None,
) -> Moved:
    """Makes one index hold the rows of another; the caller keeps writers out.

    Raises:
        RetrievalError: Both do not hold the same rows in the end.
    """
    new.table(replace=True)
    there = {key: digest for batch in new.batches() for key, digest in _digests(batch)}
    total, seen, copied, digest = old.n_rows(), 0, 0, 0
    for batch in old.batches():
        rows = _digests(batch)
        lacking = [place for place, (key, own) in enumerate(rows) if there.pop(key, 0) != own]
        if lacking:
            new.merge(batch.take(lacking))
            copied += len(lacking)
        digest = (digest + sum(own for _, own in rows)) % _MODULUS
        seen += len(rows)
        on_progress(seen / max(total, 1), f"{seen} of {total} chunks")
    new.delete_chunks(list(there))  # what the source does not hold (any more)
    on_progress(1.0, "Building the indices there")
    new.tidy(embedder.embed_query)
    n_new, found = 0, 0
    for batch in new.batches():
        n_new += batch.num_rows
        found = (found + sum(own for _, own in _digests(batch))) % _MODULUS
    if (n_new, found) != (seen, digest):
        raise RetrievalError(
            f"The copy at {new.where} is not what was copied: {n_new} chunks for {seen}.",
            "The index is used where it was. Run the command again.",
        )
    return Moved(n_new, copied, f"{digest:064x}", new.where)


def _digests(batch: pa.RecordBatch) -> list[tuple[str, int]]:
    """Each row's id with a digest of all its values, as a number that can be added up."""
    names = sorted(name for name in batch.schema.names if name != "vector")
    columns = [batch.column(name).to_pylist() for name in names]
    vectors = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
    bytes_of = vectors.reshape(batch.num_rows, -1)
    found = []
    for place, values in enumerate(zip(*columns, strict=True)):
        digest = hashlib.sha256(repr(values).encode() + bytes_of[place].tobytes()).digest()
        found.append((values[names.index("id")], int.from_bytes(digest, "big")))
    return found
