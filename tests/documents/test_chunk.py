"""Chunks fit the embedder, know their place and have the same ids in every run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ragft_core.documents import PATH, ParsedDocument, chunk_document
from ragft_core.documents.chunk import CAPACITY
from ragft_core.knowledge import Embedder

PARAGRAPH = "The kiln reaches its temperature after four hours. Größe zählt, naïve café. "
MARKDOWN = "# Manual\n\nIntro.\n\n" + "".join(
    f"## Part {number}\n\n{PARAGRAPH * 12}\n\n" for number in range(6)
)


@pytest.fixture(scope="module")
def tokenizer(embedder_folder: Path) -> Tokenizer:
    return Embedder(embedder_folder).tokenizer


def n_tokens(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def test_offsets_point_at_the_text(tokenizer: Tokenizer) -> None:
    chunks = chunk_document(ParsedDocument("M", MARKDOWN, "md"), "d", tokenizer)
    assert len(chunks) > 6
    assert all(MARKDOWN[chunk.start : chunk.end] == chunk.text for chunk in chunks)


def test_no_chunk_is_longer_than_the_capacity(tokenizer: Tokenizer) -> None:
    text = MARKDOWN + "x" * 5000 + " " + "word " * 5000
    for kind in ("md", "txt"):
        chunks = chunk_document(ParsedDocument("M", text, kind), "d", tokenizer)
        assert max(n_tokens(tokenizer, chunk.text) for chunk in chunks) <= CAPACITY


def test_every_word_is_in_a_chunk(tokenizer: Tokenizer) -> None:
    chunks = chunk_document(ParsedDocument("M", MARKDOWN, "md"), "d", tokenizer)
    covered = bytearray(len(MARKDOWN))
    for chunk in chunks:
        covered[chunk.start : chunk.end] = b"\x01" * (chunk.end - chunk.start)
    missed = [char for char, seen in zip(MARKDOWN, covered, strict=True) if not seen]
    assert not any(char.isalnum() for char in missed)


def test_heading_is_the_nearest_above_the_chunk(tokenizer: Tokenizer) -> None:
    chunks = chunk_document(ParsedDocument("M", MARKDOWN, "md"), "d", tokenizer)
    for chunk in chunks:
        above = MARKDOWN[: chunk.end] if chunk.text.startswith("#") else MARKDOWN[: chunk.start]
        if chunk.text.startswith("#"):
            above = MARKDOWN[: chunk.start] + chunk.text.splitlines()[0]
        lines = [line for line in above.splitlines() if line.startswith("#")]
        assert chunk.heading.rpartition(PATH)[2] == lines[-1].lstrip("# ")


def test_the_path_of_headings_leaves_out_the_title(tokenizer: Tokenizer) -> None:
    text = f"# Kilns\n\n## Care\n\n### Oil\n\n{PARAGRAPH * 20}\n\n## Sale\n\n{PARAGRAPH * 20}"
    found = chunk_document(ParsedDocument("Kilns", text, "md"), "d", tokenizer)
    headings = {chunk.heading for chunk in found}
    assert {"Care > Oil", "Sale"} <= headings
    assert not any("Kilns >" in heading for heading in headings)


def test_comment_in_a_code_block_is_no_heading(tokenizer: Tokenizer) -> None:
    text = "# Setup\n\n```\n# not a heading\npip install x\n```\n\n" + PARAGRAPH * 30
    chunks = chunk_document(ParsedDocument("M", text, "md"), "d", tokenizer)
    assert {chunk.heading for chunk in chunks} == {"Setup"}


def test_page_of_a_chunk_is_where_it_begins(tokenizer: Tokenizer) -> None:
    pages = [f"Page {number}. " + PARAGRAPH * 10 for number in range(1, 5)]
    starts, text = [], ""
    for page in pages:
        starts.append(len(text))
        text += page + "\n\n"
    parsed = ParsedDocument("M", text, "pdf", tuple(starts))
    for chunk in chunk_document(parsed, "d", tokenizer):
        assert chunk.page is not None
        assert starts[chunk.page - 1] <= chunk.start
        assert chunk.page == 4 or chunk.start < starts[chunk.page]


def test_ids_are_the_same_in_every_run_and_differ_between_documents(tokenizer: Tokenizer) -> None:
    parsed = ParsedDocument("M", MARKDOWN, "md")
    first, again, other = (chunk_document(parsed, name, tokenizer) for name in ("d", "d", "e"))
    assert [chunk.id for chunk in first] == [chunk.id for chunk in again]
    assert not {chunk.id for chunk in first} & {chunk.id for chunk in other}
    assert len({chunk.id for chunk in first}) == len(first)


def test_neighbours_overlap_within_a_paragraph(tokenizer: Tokenizer) -> None:
    chunks = chunk_document(ParsedDocument("M", PARAGRAPH * 40, "txt"), "d", tokenizer)
    gaps = [after.start - before.end for before, after in zip(chunks, chunks[1:], strict=False)]
    assert min(gaps) < 0


def test_text_without_words_gives_no_chunk(tokenizer: Tokenizer) -> None:
    assert chunk_document(ParsedDocument("M", "* * *\n\n----", "txt"), "d", tokenizer) == []
