"""The nearest vectors without a look at all of them, where a table has so many that it pays.

Vectors are put into partitions (inverted file, Sivic and Zisserman 2003), and a question is
compared with those of the nearest partitions only. What lies in another is missed, so the index is
measured against the comparison with all before anybody searches by it, and kept where it misses
almost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lancedb.query import LanceVectorQueryBuilder
    from lancedb.table import Table

NAME = "meaning-ivf"
# Rows from which it pays: below, comparing with all costs less CPU than the rest of a search.
FROM = 30_000
# Partitions that a question is compared with: so many at least, and that share of them, of which there
# are as many as the square root of the rows. In a larger table the nearest are spread over more.
PROBES, SHARE = 32, 0.25
# The share of the truly nearest ten that must be found, and by how many questions that is measured.
LEAST_RECALL, NEAREST, N_QUESTIONS = 0.98, 10, 200
_QUESTION_WORDS = 12
_EQUAL = 1e-5
_BATCH = 8_192


def nearest(table: Table, vector: np.ndarray) -> LanceVectorQueryBuilder:
    """A query for the nearest vectors by cosine: by the index where there is one, else exact."""
    from lancedb.table import LanceTable

    # An engine behind an address would have to be asked for its rows each time.
    n_rows = table.count_rows() if isinstance(table, LanceTable) else 0
    probes = max(PROBES, round(SHARE * math.sqrt(n_rows)))
    return table.search(vector).distance_type("cosine").nprobes(probes)


def is_indexed(table: Table) -> bool:
    """Whether the table has the index."""
    return any(index.name == NAME for index in table.list_indices())


def keep(table: Table, embed: Callable[[str], np.ndarray], missed_at: int = 0) -> int:
    """Builds the index where the table is large enough and has none.

    Args:
        table: Chunks with their vectors.
        embed: Embeds a question, see ``build``.
        missed_at: At how many rows an index missed too much before; it is tried again when there
            are twice as many.

    Returns:
        At how many rows it missed too much now; 0 where it did not.
    """
    n_rows = table.count_rows()
    if n_rows < max(FROM, 2 * missed_at) or is_indexed(table):
        return 0
    return n_rows if build(table, embed) < LEAST_RECALL else 0


def build(
    table: Table, embed: Callable[[str], np.ndarray], least_recall: float = LEAST_RECALL
) -> float:
    """Builds the index and keeps it where it finds what a comparison with all finds.

    Args:
        table: Chunks with their vectors.
        embed: Embeds a question; the trial's are a few words out of chunks.
        least_recall: Recall at 10 below which the index is dropped again.

    Returns:
        The recall at 10, measured on 200 questions.
    """
    from lancedb.index import IvfFlat

    partitions = round(math.sqrt(table.count_rows()))
    config = IvfFlat(distance_type="cosine", num_partitions=partitions)
    table.create_index("vector", config=config, name=NAME)
    found = recall(table, embed)
    if found < least_recall:
        drop(table)
    return found


def drop(table: Table) -> None:
    """Removes the index where there is one; searches compare with all again."""
    with suppress(RuntimeError, ValueError):
        table.drop_index(NAME)


def recall(table: Table, embed: Callable[[str], np.ndarray], seed: int = 0) -> float:
    """The share of the truly nearest ten chunks that the index finds, over questions.

    Judged by distance: of chunks that are equally near, any will do.
    """
    n_rows = table.count_rows()
    places = np.random.default_rng(seed).permutation(n_rows)[:N_QUESTIONS]
    texts = table.search().select(["text"]).limit(None).to_arrow().column("text")
    vectors = []
    for place in places:
        words = texts[int(place)].as_py().split()
        start = max(0, (len(words) - _QUESTION_WORDS) // 2)
        vectors.append(embed(" ".join(words[start : start + _QUESTION_WORDS])))
    shares = []
    for vector, exact in zip(vectors, _nearest_of_all(table, np.stack(vectors)), strict=True):
        query = nearest(table, vector).select(["id", "_distance"]).limit(NEAREST)
        found = query.to_arrow().column("_distance").to_numpy()
        shares.append(np.count_nonzero(found <= exact.max() + _EQUAL) / len(exact))
    return float(np.mean(shares))


def _nearest_of_all(table: Table, questions: np.ndarray) -> np.ndarray:
    """The distances of the truly nearest ten to each question, (questions, 10).

    One pass over the vectors for all questions: a scan for each would read a large table, which
    may lie in a store, as many times.
    """
    asked = questions / np.linalg.norm(questions, axis=1, keepdims=True)
    kept = np.full((len(asked), 0), 2.0, dtype=np.float32)
    for batch in table.search().select(["vector"]).limit(None).to_batches(_BATCH):
        flat = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
        vectors = flat.reshape(batch.num_rows, -1)
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
        distances = 1 - asked @ (vectors / lengths).T
        kept = np.sort(np.concatenate([kept, distances], axis=1), axis=1)[:, :NEAREST]
    return kept
