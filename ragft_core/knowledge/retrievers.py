"""The ways of searching, one row each. A new way is a row here and an id in ``SearchMode``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragft_core.errors import RetrievalError
from ragft_core.knowledge.codes import Code, codes_in
from ragft_core.knowledge.rerank import Reranker
from ragft_core.types import SearchMode

if TYPE_CHECKING:
    from lancedb.table import Table
    from tokenizers import Tokenizer

Rows = list[dict[str, Any]]
Find = Callable[["Table", str, "np.ndarray | None", int], Rows]
# Meaning's weight where the embedder reads whole words, where it reads none, and what each piece
# more a word than ``WHOLE`` takes away; set on the sets of docs/retrieval.md.
MOST_MEANING, LEAST_MEANING = 0.7, 0.2
WHOLE, PER_PIECE, UNREAD = 1.6, 0.2, 0.2
# A code that more chunks hold than this is a topic, and no longer tells passages apart.
_FEW = 10
# Chunks that may hold a code, looked at one by one.
_LOOKED_AT = 1_000


@dataclass(frozen=True)
class Retriever:
    """A way of searching.

    Attributes:
        mode: Its id.
        words: What people call it.
        find: Finds rows of the index: (table, question, vector, how many at most).
        needs_vector: Whether ``find`` needs the embedded question.
        reranker: Sorts anew what was found; None leaves the order.
        weighed: Makes ``find`` for a share of meaning against words; None where there is none.
    """

    mode: SearchMode
    words: str
    find: Find
    needs_vector: bool = True
    reranker: Reranker | None = None
    weighed: Callable[[float], Find] | None = None


def _by_words(table: Table, question: str, vector: np.ndarray | None, k: int) -> Rows:
    """BM25 over title, heading and text."""
    from lancedb.query import MatchQuery

    return table.search(MatchQuery(question, "indexed")).limit(k).to_list()


def _by_meaning(table: Table, question: str, vector: np.ndarray | None, k: int) -> Rows:
    """The nearest vectors by cosine."""
    return table.search(vector).distance_type("cosine").limit(k).to_list()


def _by_both(share: float) -> Find:
    """Cosine and BM25 (over its largest), weighed; exact codes come first.

    A weighted sum keeps how far apart scores lie, which fused ranks throw away: where the embedder
    cannot read a language, rank fusion gives half of the places to noise (docs/retrieval.md).
    """

    def find(table: Table, question: str, vector: np.ndarray | None, k: int) -> Rows:
        assert vector is not None
        rows = {row["id"]: row for row in _by_meaning(table, question, vector, k)}
        for row in _by_words(table, question, vector, k):
            rows.setdefault(row["id"], row)["_score"] = row["_score"]
        most = max((row.get("_score") or 0.0 for row in rows.values()), default=0.0)
        for row in rows.values():
            words = (row.get("_score") or 0.0) / most if most else 0.0
            row["_relevance_score"] = share * cosine(row["vector"], vector) + (1 - share) * words
        for code in codes_in(question):
            for row in _holding(table, code):
                row = rows.setdefault(row["id"], {**row, "_relevance_score": 0.0})
                row["n_codes"] = row.get("n_codes", 0) + 1
        return list(rows.values())

    return find


def meaning_share(tokenizer: Tokenizer, question: str) -> float:
    """How much meaning counts against words: as much as the embedder can read the question.

    It reads a language as well as its words are whole in the embedder's vocabulary. English words
    are 1.1 to 1.4 pieces, German ones 2.3 for an English embedder, Arabic ones 4.6; a text of
    unknown pieces is not read at all.
    """
    pieces = tokenizer.encode(question, add_special_tokens=False).tokens
    words = question.split()
    unknown = sum(piece in ("[UNK]", "<unk>") for piece in pieces)
    if not words or unknown > UNREAD * len(pieces):
        return LEAST_MEANING
    beyond = len(pieces) / len(words) - WHOLE
    return min(MOST_MEANING, max(LEAST_MEANING, MOST_MEANING - PER_PIECE * max(0.0, beyond)))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine of the angle between two vectors; 0 where one is null."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / length if length else 0.0


def _holding(table: Table, code: Code) -> Rows:
    """The rows that hold a code; none where more than a few do."""
    from lancedb.expr import col, lit

    text = col("indexed") if code.is_acronym else col("indexed").lower()
    may_hold = lit(True)
    for group in code.groups:
        may_hold &= text.contains(lit(group if code.is_acronym else group.lower()))
    query = table.search().where(may_hold).select(["id", "indexed"])
    found = query.limit(_LOOKED_AT).to_list()
    ids = [row["id"] for row in found if code.is_in(row["indexed"])]
    if not ids or len(ids) > _FEW or len(found) == _LOOKED_AT:
        return []
    return table.search().where(col("id").isin([lit(item) for item in ids])).limit(_FEW).to_list()


RETRIEVERS = (
    Retriever(SearchMode.HYBRID, "Meaning and words", _by_both(MOST_MEANING), weighed=_by_both),
    Retriever(SearchMode.DENSE, "Meaning", _by_meaning),
    Retriever(SearchMode.TEXT, "Words", _by_words, needs_vector=False),
)
# What people call each search mode.
MODE_WORDS = {retriever.mode: retriever.words for retriever in RETRIEVERS}
_BY_MODE = {retriever.mode.value: retriever for retriever in RETRIEVERS}


def retriever_of(mode: str) -> Retriever:
    """The way of searching with this id.

    Raises:
        RetrievalError: There is none.
    """
    found = _BY_MODE.get(mode)
    if found is None:
        raise RetrievalError(
            f"There is no way of searching called {mode!r}.",
            f"Choose one of {', '.join(_BY_MODE)}.",
        )
    return found
