"""How documents are drawn: progress of an upload, its outcome, a document, what a search finds."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.ui import components
from pages.ui.errors import plain
from ragft_core.types import Chunk, Document, Passage

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from ragft_core.knowledge import FileReport

CHUNKS_A_PAGE = 10
SHOWN_FILES = 4
SHOWN_ROWS = 20
SHOWN_CHARACTERS = 20_000
_ICONS = {
    "added": ":green[:material/check_circle:]",
    "replaced": ":green[:material/sync:]",
    "already there": ":gray[:material/drive_file_move:]",
    "refused": ":red[:material/error:]",
}
_WORDS = {
    "added": "added",
    "replaced": "added; it replaces the older version",
    "already there": "already there, nothing to do",
}


@contextmanager
def spooled(uploads: Sequence[UploadedFile]) -> Iterator[list[tuple[str, Path]]]:
    """Uploaded files as (name, path) pairs on the disk; the names are not used as paths."""
    with tempfile.TemporaryDirectory(prefix="ragft-upload-") as scratch:
        files: list[tuple[str, Path]] = []
        for number, upload in enumerate(uploads):
            path = Path(scratch) / f"{number}.upload"
            with path.open("wb") as sink:
                shutil.copyfileobj(upload, sink)
            files.append((upload.name, path))
        yield files


class UploadProgress:
    """A bar for the batch and a row for every file; called by the knowledge base as it works."""

    def __init__(self, names: Sequence[str]) -> None:
        self._stages = dict.fromkeys(names, "waiting")
        self._bar = st.progress(0.0, text="Loading the search index")
        self._table = st.empty()
        self._drawn = ""
        self._draw()

    def __call__(self, file_name: str, stage: str, share: float) -> None:
        """Notes the stage of a file and draws what has changed."""
        self._stages[file_name] = stage
        done = sum(stage in _ICONS for stage in self._stages.values())
        self._bar.progress(share, text=f"{done} of {len(self._stages)} files done")
        self._draw()

    def _draw(self) -> None:
        rows = "  \n".join(
            f"{_ICONS.get(stage, ':gray[:material/hourglass_empty:]')} {plain(name)}: {stage}"
            for name, stage in self._stages.items()
        )
        if rows != self._drawn:
            self._table.markdown(rows)
            self._drawn = rows


def report_rows(reports: Sequence[FileReport]) -> list[dict[str, str]]:
    """What became of an upload, as plain data for the session."""
    return [
        {
            "name": report.file_name,
            "outcome": report.outcome,
            "text": f"{report.error} {report.remedy}".strip() or _WORDS.get(report.outcome, ""),
            "warnings": " ".join(report.warnings),
        }
        for report in reports
    ]


def show_reports(rows: Sequence[dict[str, str]]) -> None:
    """The outcome of the last upload, file by file, refusals first and with their reason."""
    refused = [row for row in rows if row["outcome"] == "refused"]
    taken = [row for row in rows if row["outcome"] != "refused"]
    with st.container(border=True):
        if refused:
            verb = "was" if len(refused) == 1 else "were"
            st.markdown(f"**{len(refused)} of {len(rows)} files {verb} refused**")
            for row in refused:
                st.markdown(f"{_ICONS['refused']} {plain(row['text'])}")
        counts = Counter(row["outcome"] for row in taken)
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        if len(taken) > SHOWN_FILES:
            place = st.expander(f"{_ICONS['added']} {summary}")
        else:
            place = st.container()
        for row in taken:
            place.markdown(f"{_ICONS[row['outcome']]} {plain(row['name'])}: {row['text']}")
            if row["warnings"]:
                place.caption(f":material/warning: {plain(row['warnings'])}")


def document_table(documents: Sequence[Document]) -> None:
    """All documents with what there is to know about them."""
    rows: dict[str, list[Any]] = {
        "Title": [document.title for document in documents],
        "File": [document.file_name for document in documents],
        "Type": [document.format.upper() for document in documents],
        "Pages": [document.n_pages for document in documents],
        "Chunks": [document.n_chunks for document in documents],
        "Tokens": [document.n_tokens for document in documents],
        "Size": [components.size(document.size_bytes) for document in documents],
        "Added (UTC)": [components.moment(document.added_at) for document in documents],
    }
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content" if len(documents) <= SHOWN_ROWS else "auto",
        placeholder="–",
        alt=f"Table of the {len(documents)} documents of this workspace",
        column_config={"Title": st.column_config.TextColumn(width="medium")},
    )


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
            st.markdown(lines(chunk.text))


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
    text = re.sub(rf"\A#+ {re.escape(chunk.heading)}\s*\n", "", chunk.text)
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
