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
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from ragft_core.errors import RagftError, RetrievalError, refusal
from ragft_core.files import sync_folder
from ragft_core.knowledge import neighbours
from ragft_core.knowledge.retrievers import STOP_WORDS, Query, Retriever, cosine
from ragft_core.types import Chunk

if TYPE_CHECKING:
    import lancedb.table
    import pyarrow as pa

P = ParamSpec("P")
T = TypeVar("T")
_PREFIX = "chunks-"
_IDENTITY = b"ragft.embedder"
# Every add, delete and rebuild leaves a fragment; beyond this many, scans get slower.
_FRAGMENTS = 20
# The word index, by its tokeniser: ICU finds words also where a language writes no spaces.
_WORDS = "words-icu"


@dataclass(frozen=True)
class Entry:
    """A chunk on its way into the index.

    ``indexed`` is what words are matched against: the text with its title and heading.
    """

    chunk: Chunk
    indexed: str
    vector: np.ndarray


@dataclass(frozen=True)
class Hit:
    """A chunk that was found. Scores are None where that way of searching did not find it.

    ``similarity`` is the cosine of the angle to the question, ``text_score`` BM25, and ``score``
    what the hits are ranked by: a code of the question that the chunk holds adds 1.
    """

    chunk: Chunk
    score: float
    similarity: float | None
    text_score: float | None
    found_by: str


def _told(method: Callable[P, T]) -> Callable[P, T]:
    """Lets a method tell a damaged index in words; a full or read-only disk is told by ``explain``."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, RagftError) or refusal(error):
                raise
            raise RetrievalError(
                f"The search index is damaged: {_first_line(error)}", _REBUILD
            ) from error

    return call


class ChunkIndex:
    """The table of one embedder, opened at first use. Safe to use from several threads.

    Args:
        folder: The workspace's index folder.
        identity: The embedder's identity.
        dimension: Length of its vectors.

    ``name`` is the table's in that folder.
    """

    def __init__(self, folder: Path, identity: str, dimension: int) -> None:
        self._folder = folder
        self._identity = identity
        self._dimension = dimension
        self.name = _PREFIX + hashlib.sha256(identity.encode()).hexdigest()[:12]
        self._opened: lancedb.table.Table | None = None
        self._lock = threading.Lock()

    def exists(self) -> bool:
        """Whether there is an index of this or of another embedder."""
        return any(self._folder.glob(f"{_PREFIX}*.lance"))

    def table(self, replace: bool = False) -> lancedb.table.Table:
        """Opens the table, or creates it where the folder holds none.

        Args:
            replace: Create it even beside the table of another embedder.

        Raises:
            RetrievalError: Only another embedder's table is there, or it is damaged.
        """
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._open_or_create(replace)
                except (OSError, RuntimeError, ValueError) as error:
                    raise RetrievalError(
                        f"The search index is damaged: {_first_line(error)}", _REBUILD
                    ) from error
            return self._opened

    def _open_or_create(self, replace: bool) -> lancedb.table.Table:
        import lancedb

        database = lancedb.connect(self._folder, read_consistency_interval=timedelta(seconds=1))
        names = [name for name in database.list_tables().tables if name.startswith(_PREFIX)]
        if self.name in names:
            return _complete(database.open_table(self.name))
        if names and not replace:
            other = (database.open_table(names[0]).schema.metadata or {}).get(_IDENTITY, b"?")
            raise RetrievalError(
                f"The search index was built by the embedding model {other.decode()}, and this "
                f"is {self._identity}: their vectors cannot be compared.",
                _REBUILD,
            )
        return _complete(database.create_table(self.name, schema=self._schema(), exist_ok=True))

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        fields = [
            pa.field("id", pa.string(), nullable=False),
            pa.field("document_id", pa.string(), nullable=False),
            pa.field("number", pa.int32(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("start", pa.int64(), nullable=False),
            pa.field("end", pa.int64(), nullable=False),
            pa.field("heading", pa.string(), nullable=False),
            pa.field("page", pa.int32()),
            pa.field("indexed", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), self._dimension)),
        ]
        return pa.schema(fields, metadata={_IDENTITY: self._identity.encode()})

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
        data = pa.Table.from_pylist(rows, schema=self._schema())
        merge = self.table().merge_insert("id")
        merge.when_matched_update_all().when_not_matched_insert_all().execute(data)

    @_told
    def delete(self, document_ids: Sequence[str]) -> None:
        """Removes all chunks of these documents."""
        from lancedb.expr import col, lit

        for document_id in document_ids:
            self.table().delete(col("document_id") == lit(document_id))

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
        try:
            try:
                rows = retriever.find(self.table(), query)
            except (OSError, RuntimeError, ValueError):
                self._opened = None  # another process may have built it anew
                rows = retriever.find(self.table(), query)
        except (OSError, RuntimeError, ValueError) as error:
            raise RetrievalError(
                f"The search index cannot be read: {_first_line(error)}", _REBUILD
            ) from error
        scores = [_score(row, query.vector) for row in rows]
        if retriever.reranker is not None:
            judged = retriever.reranker.score(query.question, [row["indexed"] for row in rows])
            scores = [float(score) for score in judged]
        hits = [_hit(row, score, query.vector) for row, score in zip(rows, scores, strict=True)]
        # Fusion ties often (first by meaning, first by words); the nearer meaning goes first.
        return sorted(hits, key=lambda hit: (-hit.score, -(hit.similarity or 0.0), hit.chunk.id))

    @_told
    def settle(self) -> None:
        """Puts what was written on the disk for good, and tidies after many small writes.

        LanceDB renames files into place but never syncs them: safe when a process dies, not when
        the power does.
        """
        table = self.table()
        if table.stats()["fragment_stats"]["num_fragments"] > _FRAGMENTS:
            table.optimize()
        sync_folder(self._folder / f"{self.name}.lance")

    @_told
    def tidy(self, embed: Callable[[str], np.ndarray]) -> None:
        """Takes all rows into the indices; rows outside them are found by a slower scan.

        Args:
            embed: Embeds a question, for the trial of an index of neighbours (``neighbours``).
        """
        if self.n_unindexed():
            self.table().optimize()
        neighbours.keep(self.table(), embed, self._folder / f"{self.name}.exact")
        self.settle()

    @_told
    def n_unindexed(self) -> int:
        """How many rows the word index does not hold yet."""
        self.table().checkout_latest()
        stats = self.table().index_stats(_WORDS)
        return stats.num_unindexed_rows if stats else 0

    def forget_others(self) -> None:
        """Drops the tables of other embedders."""
        import lancedb

        database = lancedb.connect(self._folder)
        for name in database.list_tables().tables:
            if name.startswith(_PREFIX) and name != self.name:
                database.drop_table(name)

    def drop(self) -> None:
        """Removes the table with everything in it, also one that cannot be opened."""
        import lancedb

        with self._lock:
            self._opened = None
            lancedb.connect(self._folder).drop_table(self.name, ignore_missing=True)


_REBUILD = (
    "Rebuild it from the documents: the button on the documents page, or "
    "'python -m ragft_core rebuild W'."
)


def _complete(table: lancedb.table.Table) -> lancedb.table.Table:
    """Gives a table its key and its word index, also where a crash came before that.

    A word index that an older version built with another tokeniser is replaced.
    """
    from lancedb.index import FTS

    with suppress(ValueError):  # it has its key
        table.set_unenforced_primary_key("id")
    before = _word_indices(table)
    if _WORDS not in before:
        config = FTS(base_tokenizer="icu", custom_stop_words=STOP_WORDS.split())
        try:
            table.create_index("indexed", config=config, name=_WORDS)
        except RuntimeError:
            table.checkout_latest()
            if _WORDS not in _word_indices(table):  # else another process was quicker
                raise
    for old in before - {_WORDS}:
        with suppress(RuntimeError, ValueError):  # another process was quicker
            table.drop_index(old)
    return table


def _word_indices(table: lancedb.table.Table) -> set[str]:
    return {index.name for index in table.list_indices() if index.columns == ["indexed"]}


def _score(row: dict[str, Any], vector: np.ndarray | None) -> float:
    """What the way of searching ranks by: fused ranks, BM25 or the cosine."""
    score = row.get("_relevance_score", row.get("_score"))
    return float(_similarity(row, vector) or 0.0 if score is None else score)


def _hit(row: dict[str, Any], score: float, vector: np.ndarray | None) -> Hit:
    distance, words = row.get("_distance"), row.get("_score")
    by_meaning, by_words = distance is not None, words is not None
    found_by = "both" if by_meaning and by_words else "meaning" if by_meaning else "keywords"
    chunk = Chunk(**{name: row[name] for name in Chunk.__dataclass_fields__})
    # Fused ranks and a re-ranker's scores are at most 1, so that one code outvotes them.
    return Hit(chunk, score + row.get("n_codes", 0), _similarity(row, vector), words, found_by)


def _similarity(row: dict[str, Any], vector: np.ndarray | None) -> float | None:
    return None if vector is None else cosine(np.asarray(row["vector"]), vector)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
