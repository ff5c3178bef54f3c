"""This process as the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np

from ragft_core.documents import parse_files
from ragft_core.errors import DocumentError
from ragft_core.knowledge.embed import TextEmbedder
from ragft_core.knowledge.workers.reading import ReadFile, Source, split

T = TypeVar("T")


class LocalWorkers:
    """See ``Workers``: files are read in the parser child, texts embedded here."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder

    def read(self, sources: Sequence[Source], encoding: str) -> Iterator[ReadFile | DocumentError]:
        """One after the other; the weights are loaded while the child reads."""
        with ThreadPoolExecutor(1) as helper:
            if sources:  # an error comes up again when texts are embedded
                helper.submit(self._embedder.embed_query, "ready")
            yield from read_and_split(self._embedder, sources, encoding)

    def embed(
        self, work: Iterable[tuple[T, list[str]]], told: Callable[[T, float], None]
    ) -> Iterator[tuple[T, np.ndarray]]:
        """One group after the other."""
        for whose, texts in work:
            yield whose, self._embedder.embed_documents(texts, partial(told, whose))


def read_and_split(
    embedder: TextEmbedder, sources: Sequence[Source], encoding: str
) -> Iterator[ReadFile | DocumentError]:
    """Reads files in the parser child and splits them as an embedder counts tokens."""
    files = ((source.name, source.path) for source in sources)
    for source, parsed in zip(sources, parse_files(files, encoding=encoding), strict=True):
        if isinstance(parsed, DocumentError):
            yield parsed
        else:
            yield split(embedder.tokenizer, source, parsed)
