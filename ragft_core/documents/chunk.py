"""Splitting a document into chunks that fit the embedding model, with their place in the text.

The bundled embedder reads 256 word pieces and silently ignores the rest; title and heading, which
are embedded in front of the text, need some of them. Within that, a chunk holds at most 128:
measured on the sample (154 questions, hybrid search, ``tests/benchmarks/chunking.py``), the
answer was in the first 3 passages for 0.92 of the questions with chunks of 128 (276 tokens of
prompt) and for 0.93 with chunks of 200 (447 tokens); in the first 5 for 0.97 and 0.96. A small
model on a CPU pays for every token it reads. Chunks overlap by up to 20 tokens, so that a
sentence on a border is whole in one of them.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from ragft_core.documents.formats import format_of
from ragft_core.documents.parse import ParsedDocument
from ragft_core.types import Chunk

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter
    from tokenizers import Tokenizer

CHUNKER = "semantic-128-20-v1"
CAPACITY = 128
OVERLAP = 20
# A generator's token stands for a byte at least, so that a chunk has no more tokens than this.
MAX_BYTES = 1_200
# Between the headings of a path; title, path and chunk have to fit the embedder together.
PATH = " > "
_PARENTS, _PART = 2, 60
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def chunk_document(
    parsed: ParsedDocument,
    document_id: str,
    tokenizer: Tokenizer,
    capacity: int = CAPACITY,
    overlap: int = OVERLAP,
) -> list[Chunk]:
    """Splits a document at its headings, paragraphs and sentences, in this order of preference.

    Args:
        parsed: The document.
        document_id: Becomes part of the chunks' ids, which are the same in every run.
        tokenizer: The embedding model's, without truncation and padding.
        capacity: Tokens a chunk may hold, special tokens not counted.
        overlap: Tokens that neighbours may share.

    Returns:
        Chunks in the order of the text; ``text[start:end]`` is the chunk's text.

    Raises:
        DocumentError: The document is of a format that is not known.
    """
    markdown = format_of(parsed.format).markdown
    splitter = _splitter(tokenizer, markdown, capacity, overlap)
    headings = _headings(parsed.text, parsed.title) if markdown else []
    starts = [offset for offset, _ in headings]
    chunks: list[Chunk] = []
    for start, text in _bounded(splitter.chunk_indices(parsed.text)):
        if not any(char.isalnum() for char in text):
            continue  # a rule or a row of dots
        number = len(chunks)
        # The heading that a chunk begins with is its own.
        above = bisect_right(starts, start)
        page = bisect_right(parsed.page_starts, start) if parsed.page_starts else None
        chunks.append(
            Chunk(
                id=chunk_id(document_id, number),
                document_id=document_id,
                number=number,
                text=text,
                start=start,
                end=start + len(text),
                heading=headings[above - 1][1] if above else "",
                page=page,
            )
        )
    return chunks


def _bounded(pieces: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Splits pieces of more than ``MAX_BYTES`` again, by their length.

    The embedder's tokenizer takes a word that it does not know for one token, however long.
    """
    from semantic_text_splitter import TextSplitter

    for start, text in pieces:
        n_bytes = len(text.encode())
        if n_bytes <= MAX_BYTES:
            yield start, text
            continue
        splitter = TextSplitter(max(1, MAX_BYTES * len(text) // n_bytes))
        for offset, part in splitter.chunk_indices(text):
            yield start + offset, part


@lru_cache(maxsize=4)  # making one copies the tokenizer: 40 ms, more than splitting a document
def _splitter(
    tokenizer: Tokenizer, markdown: bool, capacity: int, overlap: int
) -> MarkdownSplitter | TextSplitter:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if markdown else TextSplitter
    return kind.from_huggingface_tokenizer(tokenizer, capacity, overlap)


def chunk_id(document_id: str, number: int) -> str:
    """The id of a chunk: the same for the same document, place and chunker."""
    return hashlib.sha256(f"{document_id}/{number}/{CHUNKER}".encode()).hexdigest()[:32]


def _headings(text: str, title: str) -> list[tuple[int, str]]:
    """Offset and path of every Markdown heading; a ``#`` inside a code block is none.

    The path is the headings above and the heading itself, ``Care > Glaze > Firing``, without the
    document's title, which stands with every chunk anyway.
    """
    fences = [match.span() for match in _FENCE.finditer(text)]
    found: list[tuple[int, str]] = []
    above: list[tuple[int, str]] = []
    for match in _HEADING.finditer(text):
        if any(start <= match.start() < end for start, end in fences):
            continue
        level, words = len(match.group(1)), match.group(2).strip()
        above = [item for item in above if item[0] < level] + [(level, words)]
        path = [part[:_PART] for _, part in above[:-1] if part != title][-_PARENTS:]
        found.append((match.start(), PATH.join([*path, words])))
    return found
