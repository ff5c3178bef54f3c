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
from ragft_core.knowledge.indices.versions import (
    Restored,
    Version,
    delete_version,
    find_version,
    held_in_words,
    list_versions,
    name_version,
    open_version,
    purge_index,
    restore_version,
    shelf_of,
    version_models,
    versions_holding,
)
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
    text_of,
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
    "Restored",
    "Retriever",
    "TextEmbedder",
    "Version",
    "check_document",
    "chosen_embedder",
    "chunks_of",
    "delete_version",
    "documents",
    "embedder_choice",
    "embedder_of",
    "find_version",
    "held_in_words",
    "ingest_state",
    "list_versions",
    "move_index",
    "name_version",
    "open_embedder",
    "open_version",
    "original_of",
    "purge_index",
    "readings_of",
    "restore_version",
    "retriever_of",
    "shelf_of",
    "start_embedding",
    "start_ingest",
    "text_of",
    "texts_of",
    "version_models",
    "versions_holding",
]
