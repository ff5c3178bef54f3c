"""The search index: one LanceDB table of chunks with their vectors (law 9).

The table's name carries the embedder it was filled by, so that vectors of two embedders can never
meet; finding only another embedder's table is an error with a remedy. Chunk ids are the primary
key, so that writing a chunk twice, even from two processes, leaves one row. The index holds
nothing that could not be made again from the documents.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import numpy as np

from ragft_core.errors import RagftError, RetrievalError, StoreError, refusal
from ragft_core.knowledge.indices import neighbours
from ragft_core.knowledge.indices import table as chunks
from ragft_core.knowledge.retrievers import Hit, Query, Retriever, Rows, hit_of, score_of
from ragft_core.storage import Place
from ragft_core.types import Chunk

if TYPE_CHECKING:
    import lancedb.table
    import pyarrow as pa

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["ChunkIndex", P], T]
_PREFIX = "chunks-"
# Every add, delete and rebuild leaves a fragment; beyond this many, scans get slower.
_FRAGMENTS = 20
_BATCH = 2_000


@dataclass(frozen=True)
class Entry:
    """A chunk on its way into the index.

    ``indexed`` is what words are matched against: the text with its title and heading.
    """

    chunk: Chunk
    indexed: str
    vector: np.ndarray


def _told(method: Method[P, T], reading: bool = False) -> Method[P, T]:
    """Lets a method tell a damaged index in words, and its place bound the wait.

    A full or read-only disk is told by ``explain``.
    """

    @functools.wraps(method)
    def call(index: ChunkIndex, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            work = functools.partial(method, index, *args, **kwargs)
            return index._place.patiently(work, reading=reading)
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, RagftError) or refusal(error):
                raise
            raise RetrievalError(
                f"The search index is damaged: {_first_line(error)}", _REBUILD
            ) from error

    return call


def _read(method: Method[P, T]) -> Method[P, T]:
    """As ``_told``, for what a person waits for."""
    return _told(method, reading=True)


class ChunkIndex:
    """The table of one embedder, opened at first use. Safe to use from several threads.

    Args:
        place: Where the workspace's index lies.
        identity: The embedder's identity.
        dimension: Length of its vectors.

    ``name`` is the table's there, ``where`` what people call the place.
    """

    def __init__(self, place: Place, identity: str, dimension: int) -> None:
        self._place = place
        self.where = place.where
        self._identity = identity
        self._dimension = dimension
        self._prefix = place.prefix + _PREFIX
        self.name = self._prefix + hashlib.sha256(identity.encode()).hexdigest()[:12]
        self._opened: lancedb.table.Table | None = None
        self._lock = threading.Lock()

    @_read
    def exists(self) -> bool:
        """Whether there is an index of this or of another embedder."""
        return any(name.startswith(self._prefix) for name in self._place.tables())

    @_read
    def table(self, replace: bool = False) -> lancedb.table.Table:
        """Opens the table, or creates it where the folder holds none.

        Args:
            replace: Create it even beside the table of another embedder.

        Raises:
            RetrievalError: Only another embedder's table is there, or it is damaged.
        """
        with self._lock:
            if self._opened is None:
                self._opened = self._open_or_create(replace)
            return self._opened

    def _open_or_create(self, replace: bool) -> lancedb.table.Table:
        database = self._place.connect()
        names = [name for name in database.list_tables().tables if name.startswith(self._prefix)]
        if self.name in names:
            return self._complete(database.open_table(self.name))
        if names and not replace:
            other = (database.open_table(names[0]).schema.metadata or {}).get(chunks.IDENTITY, b"?")
            raise RetrievalError(
                f"The search index was built by the embedding model {other.decode()}, and this "
                f"is {self._identity}: their vectors cannot be compared.",
                _REBUILD,
            )
        made = database.create_table(
            self.name, schema=chunks.schema(self._identity, self._dimension), exist_ok=True
        )
        return self._complete(made, new=True)

    def _complete(self, table: lancedb.table.Table, new: bool = False) -> lancedb.table.Table:
        if not self._place.managed:
            return chunks.complete(table)
        if new:
            chunks.hand_over(table)
        return table

    @_told
    def upsert(self, entries: Sequence[Entry]) -> None:
        """Writes chunks; one that is there already is replaced."""
        import pyarrow as pa

        if not entries:
            return
        rows = [
            {**vars(entry.chunk), "indexed": entry.indexed, "vector": entry.vector}
            for entry in entries
        ]
        self.merge(
            pa.Table.from_pylist(rows, schema=chunks.schema(self._identity, self._dimension))
        )

    @_told
    def merge(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Writes rows as they lie in a table; one that is there already is replaced."""
        merge = self.table().merge_insert("id")
        merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def take(self, other: ChunkIndex, document_ids: Sequence[str]) -> None:
        """Writes the rows that another index of this embedder holds of these documents."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(document_ids, pa.string())
        for batch in other.batches():
            self.merge(batch.filter(pc.is_in(batch.column("document_id"), wanted)))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, some thousands at a time."""
        self.table().checkout_latest()
        rows = iter(self.table().search().limit(None).to_batches(_BATCH))
        while (batch := self._next(rows)) is not None:
            yield batch

    @_told
    def _next(self, rows: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        return next(rows, None)

    @_told
    def n_rows(self) -> int:
        """How many chunks there are."""
        return int(self.table().count_rows())

    @_told
    def delete_chunks(self, ids: Sequence[str]) -> None:
        """Removes single chunks."""
        from lancedb.expr import col, lit

        for start in range(0, len(ids), 100):
            chosen = col("id").isin([lit(item) for item in ids[start : start + 100]])
            self.table().delete(chosen.to_sql() if self._place.managed else chosen)

    @_told
    def delete(self, document_ids: Sequence[str]) -> None:
        """Removes all chunks of these documents."""
        from lancedb.expr import col, lit

        for document_id in document_ids:
            chosen = col("document_id") == lit(document_id)
            self.table().delete(chosen.to_sql() if self._place.managed else chosen)

    @_told
    def counts(self) -> Counter[str]:
        """How many chunks each document has in the index."""
        self.table().checkout_latest()
        rows = self.table().search().select(["document_id"]).limit(None).to_arrow()
        return Counter(rows.column("document_id").to_pylist())

    @_told
    def texts(self) -> dict[str, dict[str, str]]:
        """Every chunk's text by its id, by document; reads the whole index.

        Raises:
            RetrievalError: A file of it cannot be read.
        """
        found: dict[str, dict[str, str]] = {}
        self.table().checkout_latest()
        wanted = ["id", "document_id", "text"]
        rows = self.table().search().select(wanted).limit(None).to_arrow()
        columns = (rows.column(name).to_pylist() for name in wanted)
        for key, document_id, text in zip(*columns, strict=True):
            found.setdefault(document_id, {})[key] = text
        return found

    def search(self, retriever: Retriever, query: Query) -> list[Hit]:
        """Finds chunks, the best first.

        Args:
            retriever: The way of searching; its re-ranker reads all that was found.
            query: What is asked; nothing in its question is an operator. Chunks with an exact code
                may come on top of its number.

        Raises:
            RetrievalError: The index cannot be read.
            ModelError: The re-ranker cannot be loaded.
        """
        rows = self._find(retriever, query)
        scores = [score_of(row, query.vector) for row in rows]
        if retriever.reranker is not None:
            judged = retriever.reranker.score(query.question, [row["indexed"] for row in rows])
            scores = [float(score) for score in judged]
        hits = [hit_of(row, score, query.vector) for row, score in zip(rows, scores, strict=True)]
        # Fusion ties often (first by meaning, first by words); the nearer meaning goes first.
        return sorted(hits, key=lambda hit: (-hit.score, -(hit.similarity or 0.0), hit.chunk.id))

    @_read
    def _find(self, retriever: Retriever, query: Query) -> Rows:
        try:
            return retriever.find(self.table(), query)
        except (OSError, RuntimeError, ValueError):
            self._opened = None  # another process may have built it anew
            return retriever.find(self.table(), query)

    @_told
    def settle(self) -> None:
        """Puts what was written on the disk for good, and tidies after many small writes.

        LanceDB renames files into place but never syncs them: safe when a process dies, not when
        the power does.
        """
        if self._place.managed:
            return
        table = self.table()
        if table.stats()["fragment_stats"]["num_fragments"] > _FRAGMENTS:
            table.optimize()
        self._place.sync(self.name)

    @_told
    def tidy(self, embed: Callable[[str], np.ndarray]) -> None:
        """Takes all rows into the indices; rows outside them are found by a slower scan.

        Args:
            embed: Embeds a question, for the trial of an index of neighbours (``neighbours``).
        """
        if self._place.managed:
            return
        if self.n_unindexed():
            self.table().optimize()
        note = f"{self.name}.exact"
        missed_at = neighbours.keep(self.table(), embed, int(self._place.note(note) or 0))
        if missed_at:
            self._place.set_note(note, str(missed_at))
        self.settle()

    @_told
    def purge(self) -> None:
        """Writes the table anew, so that its files hold nothing of chunks that were deleted.

        Deleting only marks rows, and earlier states of a table are kept for a week. Takes memory for
        all rows, about 4 kB a chunk.

        Raises:
            StoreError: An engine tends the table.
        """
        if self._place.managed:
            raise StoreError(
                f"The index in {self.where} is kept by its engine, which decides what it keeps.",
                "Deleted chunks are not found any more; ask whoever runs it to remove old data.",
            )
        import pyarrow as pa

        rows = pa.Table.from_batches(
            list(self.batches()), chunks.schema(self._identity, self._dimension)
        )
        made = self._place.connect().create_table(self.name, rows, mode="overwrite")
        self._opened = self._complete(made)
        chunks.forget_earlier(made)

    @_told
    def n_unindexed(self) -> int:
        """How many rows the word index does not hold yet."""
        if self._place.managed:
            return 0
        self.table().checkout_latest()
        stats = self.table().index_stats(chunks.NAME)
        return stats.num_unindexed_rows if stats else 0

    @_told
    def forget_others(self) -> None:
        """Drops the tables of other embedders."""
        database = self._place.connect()
        for name in database.list_tables().tables:
            if name.startswith(self._prefix) and name != self.name:
                database.drop_table(name)

    @_told
    def drop(self) -> None:
        """Removes the table with everything in it, also one that cannot be opened."""
        with self._lock:
            self._opened = None
            self._place.connect().drop_table(self.name, ignore_missing=True)


_REBUILD = (
    "Rebuild it from the documents: the button on the documents page, or "
    "'python -m ragft_core rebuild W'."
)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
