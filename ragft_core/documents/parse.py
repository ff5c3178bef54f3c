"""Reading one file into text. Runs in the parser child; ``sandbox`` is the way in for others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ragft_core.documents.detect import detect_format, title_from_name
from ragft_core.documents.encoding import reading_as
from ragft_core.documents.limits import check_archive, check_characters, check_size, damaged
from ragft_core.errors import DocumentError


@dataclass(frozen=True)
class ParsedDocument:
    """The text of a file.

    ``format`` is the id of a ``Format``, which says whether ``text`` is Markdown. ``page_starts``
    are the offsets at which its pages or slides begin, empty for formats without pages.
    ``warnings`` are sentences about what was left out or guessed.
    """

    title: str
    text: str
    format: str
    page_starts: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def n_pages(self) -> int | None:
        """How many pages or slides it has; None where the format knows none."""
        return len(self.page_starts) or None


def read_document(path: Path, file_name: str, encoding: str = "") -> ParsedDocument:
    """Reads a file in this process.

    Args:
        path: Where the bytes lie.
        file_name: What the user calls the file; its extension is held against the content.
        encoding: In which encoding to read it; empty takes what it says, or a guess.

    Raises:
        DocumentError: The file cannot become a document; the message says why.
    """
    check_size(path.stat().st_size, file_name)
    kind = detect_format(path, file_name)
    if kind.member:
        check_archive(path, file_name)
    try:
        with reading_as(encoding, file_name):
            read = kind.reader(path, file_name)
    except DocumentError:
        raise
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on a damaged file
        raise damaged(file_name, error) from error
    check_characters(len(read.text), file_name)
    if not any(char.isalnum() for char in read.text):
        raise DocumentError(f"{file_name} holds no text.", "Choose a file with text in it.")
    title = read.title[:200].strip() or title_from_name(file_name)
    return ParsedDocument(title, read.text, kind.id, read.page_starts, read.warnings)
