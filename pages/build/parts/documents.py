"""How documents are drawn: the list, a document, what a search finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from ragft_core.documents import PATH
from ragft_core.knowledge import (
    KnowledgeBase,
    held_in_words,
    purge_index,
    readings_of,
    versions_holding,
)
from ragft_core.types import Chunk, Document, Passage
from ragft_core.workspace import Workspace

CHUNKS_A_PAGE = 10
SHOWN_ROWS = 20
SHOWN_CHARACTERS = 20_000


def document_table(documents: Sequence[Document]) -> None:
    """All documents with what there is to know about them."""
    rows: dict[str, list[Any]] = {
        "Title": [document.title for document in documents],
        "File": [document.file_name for document in documents],
        "Folder": [document.folder or None for document in documents],
        "Pages": [document.n_pages for document in documents],
        "Chunks": [document.n_chunks for document in documents],
        "Tokens": [document.n_tokens for document in documents],
        "Size": [components.size(document.size_bytes) for document in documents],
        "Added": [components.moment(document.added_at).partition(",")[0] for document in documents],
    }
    if not any(document.folder for document in documents):
        rows.pop("Folder")
    if any(document.warnings for document in documents):
        rows["Left out or guessed"] = [
            " ".join(document.warnings) or None for document in documents
        ]
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content" if len(documents) <= SHOWN_ROWS else "auto",
        placeholder="–",
        alt=f"Table of the {len(documents)} documents of this workspace",
        column_config={
            "Title": st.column_config.TextColumn(width=300),
            "Tokens": st.column_config.NumberColumn(format="localized"),
        },
    )


def encoding_form(workspace: Workspace, base: KnowledgeBase, document: Document) -> None:
    """Shows how a line of a document reads in each encoding, and reads it again in a chosen one."""
    lines = readings_of(workspace, document.id)
    st.caption(
        "Its encoding is not stated in the file. Choose the one in which this line reads right."
    )
    chosen = st.radio(
        "Encoding", list(lines), format_func=lambda name: f"{plain(lines[name])} :small[({name})]",
        index=None, key=f"documents.encoding.{document.id}", label_visibility="collapsed",
    )  # fmt: skip
    if st.button("Read it again", type="primary", disabled=not chosen, key="documents.reread"):
        with show_errors(), st.spinner("Reading"):
            base.reread(document.id, chosen)
            state.notify(f"{document.file_name} was read again as {chosen}.")
            st.rerun()


def delete_form(workspace: Workspace, base: KnowledgeBase, document: Document) -> None:
    """Asks before a document is deleted, and says where it stays."""
    st.markdown(f"Delete **{plain(document.title)}** and its {document.n_chunks} chunks?")
    held = held_in_words(versions_holding(workspace, document))
    st.caption(f"The copy of the file in this workspace is deleted, too. {plain(held)}")
    purge = st.checkbox(
        "Leave no trace in the index", key=f"documents.purge.{document.id}",
        help="Writes the index anew: deleted chunks are not found any more, but lie in its files "
        "until they are tidied up.",
    )  # fmt: skip
    if st.button("Delete it", type="primary", key=f"documents.delete.{document.id}"):
        base.remove(document.id)
        if purge:
            with st.spinner("Writing the index anew"):
                purge_index(base)
        state.notify(f"{document.title} was deleted. {held}".strip())
        st.rerun()


def chunk_list(chunks: Sequence[Chunk], key: str) -> None:
    """A document's chunks, ten at a time."""
    n_pages = -(-len(chunks) // CHUNKS_A_PAGE)
    page = st.pagination(n_pages, key=key) if n_pages > 1 else 1
    for chunk in chunks[(page - 1) * CHUNKS_A_PAGE : page * CHUNKS_A_PAGE]:
        where = [f"Chunk {chunk.number + 1} of {len(chunks)}"]
        if chunk.page:
            where.append(f"page {chunk.page}")
        if chunk.heading:
            where.append(plain(chunk.heading))
        where.append(f"characters {chunk.start:,} to {chunk.end:,}")
        with st.container(border=True):
            st.caption(" · ".join(where))
            components.document_text(chunk.text)


def text_view(text: str) -> None:
    """The text as the parser gave it, its beginning where it is long."""
    if len(text) > SHOWN_CHARACTERS:
        st.caption(f"The first {SHOWN_CHARACTERS:,} of {len(text):,} characters.")
    st.code(text[:SHOWN_CHARACTERS], language=None, wrap_lines=True, height=480)


def passage_result(passage: Passage, question: str) -> None:
    """A passage that a search found, with the question's words marked and the scores."""
    chunk = passage.chunk
    where = [f"**{passage.rank} · {plain(passage.document_title)}**"]
    if chunk.page:
        where.append(f"page {chunk.page}")
    if chunk.heading and chunk.heading != passage.document_title:
        where.append(plain(chunk.heading))
    facts = [f"score {passage.score:.3f}"]
    if passage.similarity is not None:
        facts.append(f"similarity {passage.similarity:.2f}")
    if passage.text_score is not None:
        facts.append(f"words {passage.text_score:.2f}")
    # The heading stands above already.
    text = re.sub(rf"\A#+ {re.escape(chunk.heading.rpartition(PATH)[2])}\s*\n", "", chunk.text)
    with st.container(border=True):
        st.markdown(" · ".join(where) + f" :blue-badge[found by {passage.found_by}]")
        st.markdown(marked(text, question))
        st.caption(" · ".join(facts))


def lines(text: str) -> str:
    """Text from a document as Markdown that shows it as it is, line by line."""
    return "  \n".join(plain(line) for line in text.splitlines())


def marked(text: str, question: str) -> str:
    """Like ``lines``, with words of the question on a coloured ground.

    Words match by their beginning, as the word index does roughly: "cost" marks "costs".
    """
    stems = {word[:5] for word in re.findall(r"\w+", question.lower()) if len(word) > 3}
    if not stems:
        return lines(text)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(stems)))})\w*", re.IGNORECASE)

    def mark(line: str) -> str:
        parts, end = [], 0
        for match in pattern.finditer(line):
            parts += [
                plain(line[end : match.start()]),
                f":orange-background[{plain(match.group())}]",
            ]
            end = match.end()
        return "".join([*parts, plain(line[end:])])

    return "  \n".join(mark(line) for line in text.splitlines())
