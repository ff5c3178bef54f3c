"""Files on their way in, up to where they are kept; the same wherever the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from ragft_core.documents import ParsedDocument, chunk_document
from ragft_core.errors import DocumentError
from ragft_core.knowledge import store
from ragft_core.knowledge.retrievers import reading_warning
from ragft_core.types import Chunk, Document

if TYPE_CHECKING:
    from tokenizers import Tokenizer

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A file on its way in; ``number`` is its place in the batch. The rest as in ``Document``."""

    number: int
    name: str
    path: Path
    sha256: str
    encoding: str
    folder: str = ""
    came_as: str = ""


@dataclass(frozen=True)
class ReadFile:
    """A file that was read and split. When the document was added is not known yet."""

    source: Source
    parsed: ParsedDocument
    document: Document
    chunks: list[Chunk]


class Workers(Protocol):
    """Who does what takes time; neither writes anything."""

    def read(self, sources: Sequence[Source], encoding: str) -> Iterator[ReadFile | DocumentError]:
        """Reads and splits files, in their order; an error is why a file is refused."""

    def embed(
        self, work: Iterable[tuple[T, list[str]]], told: Callable[[T, float], None]
    ) -> Iterator[tuple[T, np.ndarray]]:
        """Embeds groups of texts, in their order.

        Args:
            work: What each group belongs to, and its texts; taken only as far as needed.
            told: Called with what a group belongs to and the share of it that is done; what it
                raises ends the work.

        Yields:
            What the group belongs to, and its vectors, (n, dimension) float32.
        """


def split(tokenizer: Tokenizer, source: Source, parsed: ParsedDocument) -> ReadFile:
    """Cuts a file that was read into chunks."""
    if warning := reading_warning(tokenizer, parsed.text):
        parsed = replace(parsed, warnings=(*parsed.warnings, warning))
    document_id = store.document_id(source.sha256, source.encoding)
    chunks = chunk_document(parsed, document_id, tokenizer)
    document = Document(
        id=document_id,
        title=parsed.title,
        file_name=source.name,
        format=parsed.format,
        sha256=source.sha256,
        size_bytes=source.path.stat().st_size,
        n_pages=parsed.n_pages,
        n_characters=len(parsed.text),
        n_chunks=len(chunks),
        n_tokens=len(tokenizer.encode(parsed.text, add_special_tokens=False).ids),
        added_at="",
        warnings=parsed.warnings,
        encoding=source.encoding,
        folder=source.folder,
        came_as=source.came_as,
    )
    return ReadFile(source, parsed, document, chunks)
