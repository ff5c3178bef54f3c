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

Rows = list[dict[str, Any]]
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
    """

    mode: SearchMode
    words: str
    find: Callable[[Table, str, np.ndarray | None, int], Rows]
    needs_vector: bool = True
    reranker: Reranker | None = None


def _by_words(table: Table, question: str, vector: np.ndarray | None, k: int) -> Rows:
    """BM25 over title, heading and text."""
    from lancedb.query import MatchQuery

    return table.search(MatchQuery(question, "indexed")).limit(k).to_list()


def _by_meaning(table: Table, question: str, vector: np.ndarray | None, k: int) -> Rows:
    """The nearest vectors by cosine."""
    return table.search(vector).distance_type("cosine").limit(k).to_list()


def _by_both(table: Table, question: str, vector: np.ndarray | None, k: int) -> Rows:
    """Reciprocal rank fusion, K = 60 (Cormack et al., SIGIR 2009); exact codes come first."""
    from lancedb.query import MatchQuery
    from lancedb.rerankers import RRFReranker

    query = table.search(query_type="hybrid").vector(vector).text(MatchQuery(question, "indexed"))
    fused = query.distance_type("cosine").rerank(RRFReranker(return_score="all"))
    rows = {row["id"]: row for row in fused.limit(k).to_list()}
    for code in codes_in(question):
        for row in _holding(table, code):
            row = rows.setdefault(row["id"], {**row, "_relevance_score": 0.0})
            row["n_codes"] = row.get("n_codes", 0) + 1
    return list(rows.values())


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
    Retriever(SearchMode.HYBRID, "Meaning and words", _by_both),
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
