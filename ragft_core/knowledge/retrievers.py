"""The ways of searching, one row each. A new way is a row here and an id in ``SearchMode``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragft_core.errors import RetrievalError
from ragft_core.knowledge.codes import Code, codes_in
from ragft_core.knowledge.indices.neighbours import nearest
from ragft_core.knowledge.rerank import Reranker
from ragft_core.types import Chunk, SearchMode

if TYPE_CHECKING:
    from lancedb.query import LanceQueryBuilder
    from lancedb.table import Table
    from tokenizers import Encoding, Tokenizer

Rows = list[dict[str, Any]]
# Meaning's weight where the embedder reads whole words, where it reads none, and what each piece
# more a word than ``WHOLE`` takes away; set on the sets of docs/retrieval.md.
MOST_MEANING, LEAST_MEANING = 0.7, 0.2
WHOLE, PER_PIECE, UNREAD = 1.6, 0.2, 0.2
# Scripts that part no words by spaces: Thai, Lao, Burmese, Khmer, kana and Han. A word is about two
# characters long.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")
_UNSPACED_WORD = 2
# Below this share of meaning a text counts as hardly read; judged by its first characters.
_HARDLY, _SAMPLE = 0.35, 4_000
# A code that more chunks hold than this is a topic, and no longer tells passages apart.
_FEW = 10
# What LanceDB's simple tokeniser drops in English. With ICU and no list of ours, it drops the stop
# words of all languages at once, and "dogs", "cats" and "hats" are such words somewhere.
STOP_WORDS = (
    "a about above after again against all am an and any are as at be because been before being "
    "below between both but by can did do does doing don don't down during each few for from "
    "further had has have having he her here hers herself him himself his how i i'm if in into "
    "is it its itself just me more most my myself no nor not now of off on once only or other "
    "our ours ourselves out over own re s same she should so some such t than that the their "
    "theirs them themselves then there these they this those through to too under until up very "
    "was we we're were what when where which while who whom why will with you your yours "
    "yourself yourselves"
)
# Chunks that may hold a code, looked at one by one.
_LOOKED_AT = 1_000


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Attributes:
        question: As typed.
        vector: It embedded, (dimension,), where the retriever needs it.
        k: How many rows at most.
        within: Ids of the documents that are searched; None searches all.
    """

    question: str
    vector: np.ndarray | None
    k: int
    within: tuple[str, ...] | None = None

    def over(self, query: LanceQueryBuilder) -> Rows:
        """What a query of the table finds of this."""
        if self.within is not None:
            from lancedb.expr import col, lit

            query = query.where(col("document_id").isin([lit(item) for item in self.within]))
        return _rows(query.limit(self.k))


Find = Callable[["Table", Query], Rows]


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


@dataclass(frozen=True)
class Retriever:
    """A way of searching.

    Attributes:
        mode: Its id.
        words: What people call it.
        find: Finds rows of the index.
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


def _by_words(table: Table, query: Query) -> Rows:
    """BM25 over title, heading and text."""
    from lancedb.query import MatchQuery

    return query.over(table.search(MatchQuery(query.question, "indexed")))


def _by_meaning(table: Table, query: Query) -> Rows:
    """The nearest vectors by cosine."""
    assert query.vector is not None
    return query.over(nearest(table, query.vector))


def _rows(query: LanceQueryBuilder) -> Rows:
    """What a query finds; vectors stay arrays, because a list of floats costs as much as a scan."""
    found = query.to_arrow()
    vectors = found.column("vector").combine_chunks().flatten().to_numpy()
    rows: Rows = found.drop_columns(["vector"]).to_pylist()
    for row, vector in zip(rows, vectors.reshape(max(len(rows), 1), -1), strict=False):
        row["vector"] = vector
    return rows


def _by_both(share: float) -> Find:
    """Cosine and BM25 (over its largest), weighed; exact codes come first.

    A weighted sum keeps how far apart scores lie, which fused ranks throw away: where the embedder
    cannot read a language, rank fusion gives half of the places to noise (docs/retrieval.md).
    """

    def find(table: Table, query: Query) -> Rows:
        assert query.vector is not None
        rows = {row["id"]: row for row in _by_meaning(table, query)}
        for row in _by_words(table, query):
            rows.setdefault(row["id"], row)["_score"] = row["_score"]
        most = max((row.get("_score") or 0.0 for row in rows.values()), default=0.0)
        for row in rows.values():
            words = (row.get("_score") or 0.0) / most if most else 0.0
            row["_relevance_score"] = (
                share * cosine(row["vector"], query.vector) + (1 - share) * words
            )
        for code in codes_in(query.question):
            for row in _holding(table, code, query.within):
                row = rows.setdefault(row["id"], {**row, "_relevance_score": 0.0})
                row["n_codes"] = row.get("n_codes", 0) + 1
        return list(rows.values())

    return find


def meaning_share(tokenizer: Tokenizer, question: str) -> float:
    """How much meaning counts against words: as much as the embedder can read the question.

    It reads a language as well as its words are whole in the embedder's vocabulary. English words
    are 1.1 to 1.4 pieces, German ones 2.3 for an English embedder, Arabic ones 4.6; a text of
    unknown pieces is not read at all, and neither is a script without spaces of which the embedder
    knows single characters only.
    """
    encoded = tokenizer.encode(question, add_special_tokens=False)
    unspaced = sum(map(len, _UNSPACED.findall(question)))
    words = len(_UNSPACED.sub(" ", question).split()) + unspaced / _UNSPACED_WORD
    in_letters = unspaced > UNREAD * len(question) and not _knows_words(encoded, question)
    if not words or share_unknown(encoded) > UNREAD or in_letters:
        return LEAST_MEANING
    beyond = len(encoded.tokens) / words - WHOLE
    return min(MOST_MEANING, max(LEAST_MEANING, MOST_MEANING - PER_PIECE * max(0.0, beyond)))


def share_unknown(encoded: Encoding) -> float:
    """The share of a text's pieces that are not in the tokenizer's vocabulary."""
    unknown = sum(piece in ("[UNK]", "<unk>") for piece in encoded.tokens)
    return unknown / len(encoded.tokens) if encoded.tokens else 0.0


def _knows_words(encoded: Encoding, text: str) -> bool:
    """Whether pieces of scripts without spaces are longer than a character, most of them."""
    pieces = ("".join(_UNSPACED.findall(text[start:end])) for start, end in encoded.offsets)
    lengths = [len(piece) for piece in pieces if piece]
    return 2 * sum(length > 1 for length in lengths) > len(lengths)


def reading_warning(tokenizer: Tokenizer, text: str) -> str:
    """Says in words where an embedder can hardly read a text; empty where it can."""
    sample = text[:_SAMPLE]
    if not sample.strip() or meaning_share(tokenizer, sample) > _HARDLY:
        return ""
    unknown = share_unknown(tokenizer.encode(sample, add_special_tokens=False))
    how = (
        f"{100 * unknown:.0f} % of its words" if unknown > UNREAD else "its words as single letters"
    )
    how = f"does not know {how}" if unknown > UNREAD else f"knows {how}"
    return (
        f"The embedding model {how}: the text is found by words, hardly by meaning. "
        "A multilingual embedding model reads it (Build / Documents, or the command 'embedder')."
    )


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine of the angle between two vectors; 0 where one is null."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / length if length else 0.0


def score_of(row: dict[str, Any], vector: np.ndarray | None) -> float:
    """What the way of searching ranks by: fused ranks, BM25 or the cosine."""
    score = row.get("_relevance_score", row.get("_score"))
    return float(_similarity(row, vector) or 0.0 if score is None else score)


def hit_of(row: dict[str, Any], score: float, vector: np.ndarray | None) -> Hit:
    """A row as what was found."""
    distance, bm25 = row.get("_distance"), row.get("_score")
    by_meaning, by_words = distance is not None, bm25 is not None
    found_by = "both" if by_meaning and by_words else "meaning" if by_meaning else "keywords"
    chunk = Chunk(**{name: row[name] for name in Chunk.__dataclass_fields__})
    # Fused ranks and a re-ranker's scores are at most 1, so that one code outvotes them.
    return Hit(chunk, score + row.get("n_codes", 0), _similarity(row, vector), bm25, found_by)


def _similarity(row: dict[str, Any], vector: np.ndarray | None) -> float | None:
    return None if vector is None else cosine(np.asarray(row["vector"]), vector)


def _holding(table: Table, code: Code, within: Sequence[str] | None) -> Rows:
    """The rows that hold a code; none where more than a few do."""
    from lancedb.expr import col, lit

    text = col("indexed") if code.is_acronym else col("indexed").lower()
    may_hold = lit(True)
    if within is not None:
        may_hold &= col("document_id").isin([lit(item) for item in within])
    for group in code.groups:
        may_hold &= text.contains(lit(group if code.is_acronym else group.lower()))
    query = table.search().where(may_hold).select(["id", "indexed"])
    found = query.limit(_LOOKED_AT).to_list()
    ids = [row["id"] for row in found if code.is_in(row["indexed"])]
    if not ids or len(ids) > _FEW or len(found) == _LOOKED_AT:
        return []
    return _rows(table.search().where(col("id").isin([lit(item) for item in ids])).limit(_FEW))


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
