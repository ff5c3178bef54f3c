"""PDF: tables, columns, headings and form fields by their place on the page.

pypdf opens the file and says what it is; pdfplumber gives the words with their places, and finds
tables by their ruled lines. Pictures of text (scans) are read where text recognition is installed
(``documents.ocr``); where it is not, it says so.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.documents import ocr
from ragft_core.documents.limits import check_characters, check_pages
from ragft_core.documents.readers.forms import words_in_fields
from ragft_core.documents.readers.layout import (
    Line,
    Place,
    is_in,
    join_lines,
    lines_on,
)
from ragft_core.documents.readers.text import Reading, tidy
from ragft_core.errors import DocumentError

if TYPE_CHECKING:
    from pypdf import PdfReader

# Titles that programs write by themselves.
_NO_TITLE = re.compile(
    r"\(?(untitled|anonymous|unspecified)|microsoft |document\d*$|slide \d|.*\.(docx?|pptx?|xlsx?|indd|tex|dvi)$",
    re.IGNORECASE,
)
# Places of words take about 0.1 s of computing a page: beyond, pages are read plainly.
MOST_PLACED_PAGES = 200
# Letters further apart than this share of their size are of two words.
_WORD_GAP = 0.15
# A line is a running one when it is at the edge of this share of the pages.
_RUNNING = 0.4
_EDGE_LINES = 2


def read_pdf(path: Path, name: str) -> Reading:
    """Reads a PDF, page by page, as Markdown.

    Raises:
        DocumentError: It is encrypted, too long, or has no text layer.
    """
    from pypdf import PdfReader

    reader = PdfReader(path, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentError(
            f"{name} is encrypted with a password.",
            "Save a copy without a password and add that.",
        )
    check_pages(len(reader.pages), name)
    texts = [join_lines(lines) for lines in _without_running(_placed(path, name))]
    check_characters(sum(map(len, texts)), name)
    warnings = []
    if len(reader.pages) > len(texts):
        warnings.append(f"Pages from {len(texts) + 1} on were read without tables and columns.")
    for page in reader.pages[len(texts) :]:
        plain = tidy(page.extract_text()).split("\n")
        texts.append(join_lines([Line(line) for line in plain]))
        check_characters(sum(map(len, texts)), name)
    warnings += _read_scans(path, texts)
    if sum(char.isalnum() for text in texts for char in text) < 4:
        raise DocumentError(
            f"{name} has {len(texts)} page(s) but no text in them: it is probably a scan.",
            "Text recognition (OCR) found none on its pages."
            if ocr.is_installed()
            else f"{ocr.INSTALL}, and add it again.",
        )
    text, starts = "", []
    for part in texts:
        starts.append(len(text))
        text += part + "\n\n"
    check_characters(len(text), name)
    return Reading(text.rstrip(), _title(reader), tuple(starts), tuple(warnings))


def _title(reader: PdfReader) -> str:
    title = " ".join(str((reader.metadata and reader.metadata.title) or "").split())
    return "" if _NO_TITLE.match(title) else title[:200]


def _placed(path: Path, name: str) -> list[list[Line]]:
    """The lines of each page in the order of reading, tables as records."""
    import pdfplumber

    pages = []
    with pdfplumber.open(path) as document:
        body = _body_size(document.pages[:MOST_PLACED_PAGES])
        for page in document.pages[:MOST_PLACED_PAGES]:
            pages.append(lines_on(_place(page), body, name))
            page.close()  # frees what was kept of it
    return pages


def _place(page: Any) -> Place:  # noqa: ANN401 - pdfplumber has no types
    words = page.extract_words(extra_attrs=["size"], x_tolerance_ratio=_WORD_GAP)
    ruled = len(page.lines) + len(page.rects) + len(page.curves) > 2
    fields = words_in_fields(page.annots)
    tables = [(t.bbox, _with_fields(t, fields)) for t in page.find_tables()] if ruled else []
    return Place(page.width, words + fields, tables)


def _with_fields(table: Any, fields: list[dict[str, Any]]) -> list[list[str | None]]:  # noqa: ANN401
    """The cells of a ruled table, with what the form's fields in them hold."""
    cells: list[list[str | None]] = table.extract()
    for number, row in enumerate(table.rows):
        for place, box in enumerate(row.cells):
            inside = [field["text"] for field in fields if box and is_in(field, box)]
            if inside:
                cells[number][place] = " ".join(filter(None, [cells[number][place], *inside]))
    return cells


def _body_size(pages: list[Any]) -> float:
    """The size of most of the letters, in points."""
    sizes: Counter[float] = Counter()
    step = max(1, len(pages) // 20)
    for page in pages[::step]:
        sizes.update(round(char["size"], 1) for char in page.chars)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _without_running(pages: list[list[Line]]) -> list[list[Line]]:
    """Leaves running headers, footers and page numbers out, but for the first of each."""
    counts: Counter[str] = Counter()
    for lines in pages:
        counts.update({_key(line) for line in _edges(lines)})
    running = {
        key for key, count in counts.items() if len(pages) > 2 and count >= _RUNNING * len(pages)
    }
    seen: set[str] = set()
    kept = []
    for lines in pages:
        edges = {id(line) for line in _edges(lines)}
        page = []
        for line in lines:
            key = _key(line)
            if id(line) in edges and key in running:
                if key in seen or not re.search(r"[^\W\d_]{3}", key.replace("page", "")):
                    continue
                seen.add(key)
            page.append(line)
        kept.append(page)
    return kept


def _edges(lines: list[Line]) -> list[Line]:
    edges = lines[:_EDGE_LINES] + lines[_EDGE_LINES:][-_EDGE_LINES:]
    return [line for line in edges if line.text and not line.text.startswith(("#", "- "))]


def _key(line: Line) -> str:
    return re.sub(r"\d+", "9", line.text.lower())


def _read_scans(path: Path, texts: list[str]) -> list[str]:
    """Fills pages without text by text recognition, where there is one; says what was done."""
    empty = [number for number, text in enumerate(texts) if not text.strip()]
    read = 0
    for number, text in ocr.recognise(path, empty) if empty and ocr.is_installed() else ():
        texts[number] = tidy(text)
        read += bool(texts[number])
    told = []
    if read:
        told.append(
            f"{read} of {len(texts)} pages read by text recognition: letters and numbers there may be "
            "wrong."
        )
    left = len(empty) - read
    if left:
        hint = "nothing was recognised" if ocr.is_installed() else f"probably scans. {ocr.INSTALL}"
        have = "page has" if left == 1 else "pages have"
        told.append(f"{left} of {len(texts)} {have} no text: {hint}.")
    return told
