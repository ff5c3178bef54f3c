"""The document formats that can be read, one row each. A new format is a row here and its reader.

Binary formats are told by their content: by ``magic`` bytes, or by a ``member`` of the zip archive
that an Office file is. A format with neither is text, and its extension decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragft_core.documents.readers import mail, markup, packed, pdf, sheets, slides, text, word
from ragft_core.documents.readers.text import Reading
from ragft_core.errors import DocumentError


@dataclass(frozen=True)
class Format:
    """A document format.

    Attributes:
        id: Name of the format; also the extension under which the original file is stored.
        words: What people call it, with an article.
        extensions: File name endings, lower case with the point.
        reader: Reads a file, given its path and its name for messages.
        markdown: Whether the reader's text is Markdown, to be split at its headings.
        magic: Bytes that stand at the beginning of such a file; empty where there are none.
        member: A file that the zip archive holds; empty where the format is no archive.
    """

    id: str
    words: str
    extensions: tuple[str, ...]
    reader: Callable[[Path, str], Reading]
    markdown: bool = False
    magic: bytes = b""
    member: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the content alone cannot tell this format from other texts."""
        return not (self.magic or self.member)


FORMATS = (
    Format("pdf", "a PDF", (".pdf",), pdf.read_pdf, markdown=True, magic=b"%PDF-"),
    Format(
        "docx",
        "a Word document",
        (".docx",),
        word.read_docx,
        markdown=True,
        member="word/document.xml",
    ),
    Format(
        "pptx",
        "a PowerPoint presentation",
        (".pptx",),
        slides.read_pptx,
        markdown=True,
        member="ppt/presentation.xml",
    ),
    Format(
        "xlsx",
        "an Excel workbook",
        (".xlsx",),
        sheets.read_xlsx,
        markdown=True,
        member="xl/workbook.xml",
    ),
    Format(
        "epub",
        "a book in EPUB",
        (".epub",),
        packed.read_epub,
        markdown=True,
        member=packed.CONTAINER,
    ),
    Format(
        "odt",
        "an OpenDocument file",
        (".odt", ".ods", ".odp"),
        packed.read_opendocument,
        markdown=True,
        member="content.xml",
    ),
    Format("rtf", "a Rich Text document", (".rtf",), mail.read_rtf, magic=b"{\\rtf"),
    Format("eml", "an e-mail message", (".eml",), mail.read_eml),
    Format("html", "a web page", (".html", ".htm"), markup.read_html, markdown=True),
    Format("md", "a Markdown text", (".md", ".markdown"), markup.read_markdown, markdown=True),
    Format("txt", "a plain text", (".txt", ".text"), text.read_plain),
    Format("csv", "a table of comma-separated values", (".csv", ".tsv"), sheets.read_csv),
    Format("rst", "a reStructuredText", (".rst",), text.read_plain),
    Format("log", "a log", (".log",), text.read_plain),
    Format("json", "a JSON file", (".json", ".jsonl"), text.read_plain),
    Format("yaml", "a YAML file", (".yaml", ".yml"), text.read_plain),
    Format("xml", "an XML file", (".xml",), text.read_plain),
    Format("py", "a Python program", (".py",), text.read_plain),
)
EXTENSIONS = {extension: kind.id for kind in FORMATS for extension in kind.extensions}
_BY_ID = {kind.id: kind for kind in FORMATS}


def format_of(format_id: str) -> Format:
    """The format with this id.

    Raises:
        DocumentError: There is none.
    """
    found = _BY_ID.get(format_id)
    if found is None:
        raise DocumentError(
            f"There is no document format called {format_id!r}.",
            f"The formats are {', '.join(_BY_ID)}; a newer version of this program may know more.",
        )
    return found


def format_by_name(file_name: str) -> Format:
    """The format that a file's name claims.

    Raises:
        DocumentError: No format has this extension.
    """
    suffix = Path(file_name).suffix.lower()
    if suffix not in EXTENSIONS:
        raise DocumentError(
            f"{file_name} is of a kind that cannot be read.",
            f"Supported are {', '.join(sorted(EXTENSIONS))}.",
        )
    return _BY_ID[EXTENSIONS[suffix]]
