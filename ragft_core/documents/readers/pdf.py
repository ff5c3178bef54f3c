"""PDF: the text layer of each page. Pictures of text (scans) are not read, and it says so."""

from __future__ import annotations

import re
from pathlib import Path

from ragft_core.documents.limits import check_characters, check_pages
from ragft_core.documents.readers.text import Reading, tidy
from ragft_core.errors import DocumentError

# Titles that programs write by themselves.
_NO_TITLE = re.compile(
    r"\(?(untitled|anonymous|unspecified)|microsoft |document\d*$|slide \d|.*\.(docx?|pptx?|xlsx?|indd|tex|dvi)$",
    re.IGNORECASE,
)

# A line that reaches this share of the longest one was full.
_FULL_LINE = 0.85


def read_pdf(path: Path, name: str) -> Reading:
    """Reads a PDF, page by page.

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
    text, starts = "", []
    for page in reader.pages:
        starts.append(len(text))
        text += join_lines(tidy(page.extract_text())) + "\n\n"
        check_characters(len(text), name)
    if sum(char.isalnum() for char in text) < 4:
        raise DocumentError(
            f"{name} has {len(starts)} page(s) but no text in them: it is probably a scan.",
            "Run text recognition (OCR) on it first, for example with 'ocrmypdf', and add the "
            "result.",
        )
    title = " ".join(str((reader.metadata and reader.metadata.title) or "").split())
    title = "" if _NO_TITLE.match(title) else title[:200]
    return Reading(text.rstrip(), title, tuple(starts), _without_text(text, starts))


def _without_text(text: str, starts: list[int]) -> tuple[str, ...]:
    ends = [*starts[1:], len(text)]
    n_empty = sum(not text[start:end].strip() for start, end in zip(starts, ends, strict=True))
    if not n_empty:
        return ()
    have = "page has" if n_empty == 1 else "pages have"
    return (f"{n_empty} of {len(starts)} {have} no text: probably scans. OCR makes them readable.",)


def join_lines(text: str) -> str:
    """Undoes the line breaks of the layout: hyphenated words, and sentences that run on.

    A line was broken by the page's width and not by its writer when the next one begins in lower
    case, or when it is nearly as long as the longest and no sentence ends with it.
    """
    text = re.sub(r"(?<=[a-zà-ÿ])[-\u00ad]\n(?=[a-zà-ÿ])", "", text)
    lines = text.split("\n")
    full = _FULL_LINE * max(map(len, lines))
    joined = lines[:1]
    for before, line in zip(lines, lines[1:], strict=False):
        runs_on = before[-1:].isalnum() or before.endswith((",", ";"))
        if runs_on and line[:1].strip() and (line[0].islower() or len(before) >= full):
            joined[-1] += " " + line
        else:
            joined.append(line)
    return "\n".join(joined)
