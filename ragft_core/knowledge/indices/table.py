"""A table of chunks: its columns, the key by which a chunk is written once, and its word index."""

from __future__ import annotations

import warnings
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from ragft_core.knowledge.indices import neighbours
from ragft_core.knowledge.retrievers import STOP_WORDS

if TYPE_CHECKING:
    import lancedb.table
    import pyarrow as pa

IDENTITY = b"ragft.embedder"
# The word index, by its tokeniser: ICU finds words also where a language writes no spaces.
NAME = "words-icu"


def schema(identity: str, dimension: int) -> pa.Schema:
    """The columns of a table for vectors of this length, marked with their embedder."""
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
        pa.field("vector", pa.list_(pa.float32(), dimension)),
    ]
    return pa.schema(fields, metadata={IDENTITY: identity.encode()})


def complete(table: lancedb.table.Table) -> lancedb.table.Table:
    """Gives a table its key and its word index, also where a crash came before that.

    A word index that an older version built with another tokeniser is replaced.
    """
    from lancedb.index import FTS

    with suppress(ValueError):  # it has its key
        table.set_unenforced_primary_key("id")
    before = _word_indices(table)
    if NAME not in before:
        config = FTS(base_tokenizer="icu", custom_stop_words=STOP_WORDS.split())
        try:
            table.create_index("indexed", config=config, name=NAME)
        except RuntimeError:
            table.checkout_latest()
            if NAME not in _word_indices(table):  # else another process was quicker
                raise
    for old in before - {NAME}:
        with suppress(RuntimeError, ValueError):  # another process was quicker
            table.drop_index(old)
    return table


def forget_earlier(table: lancedb.table.Table) -> None:
    """Removes all states of a table but the present one; who reads an earlier one opens it again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that readers have to
        table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)


def hand_over(table: lancedb.table.Table) -> None:
    """Asks an engine that tends its indices itself to build them; it does so in the background."""
    from lancedb.index import FTS, IvfPq

    table.create_index("indexed", config=FTS(base_tokenizer="icu"), name=NAME)
    table.create_index("vector", config=IvfPq(distance_type="cosine"), name=neighbours.NAME)


def _word_indices(table: lancedb.table.Table) -> set[str]:
    return {index.name for index in table.list_indices() if index.columns == ["indexed"]}
