"""Which documents are searched: ``handbook* type:pdf since:2026-01-31`` names those that fit all of it.

    handbook* notes.md    file names or titles, with * and ?; without them, a part of the name
    folder:rules/2026     in that folder or below it, wherever it lies; * and ? as in names
    type:pdf,docx         formats
    since:2026-01-31      added on that day or later
    before:2026-02-28     added before that day

Names fit where one of them does, and so do folders. Quotation marks hold a name with spaces together.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from ragft_core.errors import RetrievalError
from ragft_core.types import Document

_HELP = "Write names, folder:rules, type:pdf, since:2026-01-31 or before:2026-02-28, with spaces between."


@dataclass(frozen=True)
class Filter:
    """What a document must be to be searched; an empty part asks for nothing."""

    names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    since: str = ""
    before: str = ""

    def fits(self, document: Document) -> bool:
        """Whether a document is searched."""
        day = document.added_at[:10]
        return (
            (not self.names or any(_called(document, name) for name in self.names))
            and (not self.folders or any(_lies_in(document, folder) for folder in self.folders))
            and (not self.formats or document.format in self.formats)
            and (not self.since or day >= self.since)
            and (not self.before or day < self.before)
        )


def those_that_fit(text: str, documents: Sequence[Document]) -> list[Document]:
    """The documents that a filter leaves; all where it is empty.

    Raises:
        RetrievalError: It cannot be read, or leaves none.
    """
    chosen = read_filter(text)
    kept = [document for document in documents if chosen.fits(document)]
    if documents and not kept:
        raise RetrievalError(
            f"No document fits {text.strip()[:80]!r}.",
            "The list of documents shows their names, folders, formats and days.",
        )
    return kept


def read_filter(text: str) -> Filter:
    """A filter as people write it; an empty text leaves nothing out.

    Raises:
        RetrievalError: A part of it says nothing that a document could be.
    """
    try:
        parts = shlex.split(text)
    except ValueError:
        raise RetrievalError("The filter has a quotation mark without its second.", _HELP) from None
    found: dict[str, list[str]] = {"names": [], "folder": [], "type": [], "since": [], "before": []}
    for part in parts:
        key, colon, value = part.partition(":")
        if colon and key.lower() in found and key.lower() != "names":
            found[key.lower()].append(value.casefold())
        else:
            found["names"].append(part.casefold())
    folders = tuple(folder.strip("/") for folder in found["folder"])
    if "" in folders:
        raise RetrievalError("folder: names no folder.", _HELP)
    return Filter(
        tuple(found["names"]),
        folders,
        tuple(form.lstrip(".") for value in found["type"] for form in value.split(",") if form),
        _day("since", found["since"]),
        _day("before", found["before"]),
    )


def _day(word: str, values: list[str]) -> str:
    if not values:
        return ""
    try:
        return date.fromisoformat(values[-1]).isoformat()
    except ValueError:
        raise RetrievalError(f"{word}:{values[-1][:40]} is no day.", _HELP) from None


def _lies_in(document: Document, folder: str) -> bool:
    """Whether a document's folder is this one or lies below it, from whichever folder it is named."""
    wanted, parts = folder.split("/"), document.folder.casefold().split("/")
    return any(
        all(map(fnmatchcase, parts[start:], wanted))
        for start in range(len(parts) - len(wanted) + 1)
    )


def _called(document: Document, name: str) -> bool:
    pattern = name if set(name) & set("*?") else f"*{name}*"
    return any(
        fnmatchcase(text.casefold(), pattern) for text in (document.file_name, document.title)
    )
