"""The knowledge base: documents are indexed by LanceDB and found by meaning, words or both."""

from ragft_core.knowledge.base import KnowledgeBase
from ragft_core.knowledge.embed import Embedder, TextEmbedder
from ragft_core.knowledge.embedders import (
    SUGGESTED_EMBEDDERS,
    chosen_embedder,
    embedder_choice,
    embedder_of,
    open_embedder,
)
from ragft_core.knowledge.indices.moving import Moved, move_index
from ragft_core.knowledge.ingest import FileReport
from ragft_core.knowledge.job import Ingest, ingest_state, start_embedding, start_ingest
from ragft_core.knowledge.rerank import Reranker
from ragft_core.knowledge.retrievers import MODE_WORDS, RETRIEVERS, Retriever, retriever_of
from ragft_core.knowledge.store import (
    check_document,
    chunks_of,
    documents,
    original_of,
    readings_of,
    texts_of,
)
from ragft_core.knowledge.writer import Repair

__all__ = [
    "MODE_WORDS",
    "RETRIEVERS",
    "SUGGESTED_EMBEDDERS",
    "Embedder",
    "FileReport",
    "Ingest",
    "KnowledgeBase",
    "Moved",
    "Repair",
    "Reranker",
    "Retriever",
    "TextEmbedder",
    "check_document",
    "chosen_embedder",
    "chunks_of",
    "documents",
    "embedder_choice",
    "embedder_of",
    "ingest_state",
    "move_index",
    "open_embedder",
    "original_of",
    "readings_of",
    "retriever_of",
    "start_embedding",
    "start_ingest",
    "texts_of",
]
