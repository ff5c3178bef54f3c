"""The nodes of a cluster as workers; what they return is kept by the one process that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from ragft_core.errors import DocumentError, ModelError
from ragft_core.jobs.cluster import n_workers, spread
from ragft_core.knowledge.embed import TextEmbedder
from ragft_core.knowledge.embedders import open_embedder
from ragft_core.knowledge.workers.here import LocalWorkers, read_and_split
from ragft_core.knowledge.workers.reading import ReadFile, Source, Workers
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice

T = TypeVar("T")
# One parser child reads as many; its start costs more than a small file.
FILES = 16


@dataclass(frozen=True)
class _Model:
    """The embedding model that a node opens for itself, and what it must turn out to be."""

    choice: ModelChoice | None
    identity: str

    def open(self) -> TextEmbedder:
        """Loads it, once in a process.

        Raises:
            ModelError: The node has another model under that name.
        """
        embedder = _opened(self.choice)
        if embedder.identity != self.identity:
            raise ModelError(
                f"A node of the cluster has {embedder.identity}, the lab {self.identity}.",
                "Let all nodes see the same RAGFT_MODELS.",
            )
        return embedder


@cache
def _opened(choice: ModelChoice | None) -> TextEmbedder:
    return open_embedder(choice, Settings())


class ClusterWorkers:
    """See ``Workers``."""

    def __init__(self, choice: ModelChoice | None, embedder: TextEmbedder) -> None:
        self._model = _Model(choice, embedder.identity)

    def read(self, sources: Sequence[Source], encoding: str) -> Iterator[ReadFile | DocumentError]:
        """Some files a call, so that every worker has several calls."""
        size = max(1, min(FILES, len(sources) // (2 * n_workers()))) if sources else 1
        parts = (sources[start : start + size] for start in range(0, len(sources), size))
        for _, found in spread(_read, ((None, (self._model, part, encoding)) for part in parts)):
            yield from found

    def embed(
        self, work: Iterable[tuple[T, list[str]]], told: Callable[[T, float], None]
    ) -> Iterator[tuple[T, np.ndarray]]:
        """A group a call."""
        calls = ((whose, (self._model, texts)) for whose, texts in work)
        return spread(_embed, calls, watch=lambda whose: told(whose, 0.0))


def _read(order: tuple[_Model, Sequence[Source], str]) -> list[ReadFile | DocumentError]:
    model, sources, encoding = order
    return list(read_and_split(model.open(), sources, encoding))


def _embed(order: tuple[_Model, list[str]]) -> np.ndarray:
    model, texts = order
    return model.open().embed_documents(texts)


def workers_of(choice: ModelChoice | None, embedder: TextEmbedder, settings: Settings) -> Workers:
    """Where a job has its files read and embedded: on the cluster that it runs on, or here.

    Args:
        choice: What ``embedder`` was opened from.
        embedder: The model, as this process has it.
        settings: Name the cluster.
    """
    return ClusterWorkers(choice, embedder) if settings.ray else LocalWorkers(embedder)
