"""What a file really is: told from its first bytes, then held against its name.

A name is only a claim. A file whose content is another format than its extension says is refused
in words, because guessing would hide a mistake of whoever named it.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from ragft_core.documents.limits import damaged
from ragft_core.errors import DocumentError

# What the user may add: extension -> format. The format is also the stored file's extension.
EXTENSIONS = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".markdown": "md",
    ".txt": "txt",
    ".text": "txt",
    ".csv": "csv",
    ".tsv": "csv",
}
_TEXT_FORMATS = {"html", "md", "txt", "csv"}
_OFFICE = {
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.xml": "xlsx",
}
_WORDS = {
    "pdf": "a PDF",
    "docx": "a Word document",
    "pptx": "a PowerPoint presentation",
    "xlsx": "an Excel workbook",
    "html": "a web page",
    "md": "a Markdown text",
    "txt": "a plain text",
    "csv": "a table of comma-separated values",
}
_OTHERS = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"{\\rtf", "a Rich Text document"),
)
_HEAD = 4096


def detect_format(path: Path, file_name: str) -> str:
    """Tells the format of a file: one of the values of ``EXTENSIONS``.

    Args:
        path: Where the bytes lie; its own name is not looked at.
        file_name: What the user calls it.

    Raises:
        DocumentError: The format is not supported, encrypted, or not the one that the name says.
    """
    claimed = EXTENSIONS.get(PurePosixPath(file_name).suffix.lower())
    found = _from_content(path, file_name)
    if claimed is None:
        raise DocumentError(
            f"{file_name} is of a kind that cannot be read.",
            f"Supported are {', '.join(sorted(set(EXTENSIONS)))}.",
        )
    if found is None and claimed in _TEXT_FORMATS:
        return claimed
    if found == claimed:
        return claimed
    raise DocumentError(
        f"{file_name} is named like {_WORDS[claimed]}, but it is "
        f"{_WORDS[found] if found else 'not one: it holds plain text or unknown data'}.",
        f"Rename it to end in .{found}." if found else "Export it again, or correct its name.",
    )


def _from_content(path: Path, file_name: str) -> str | None:
    """The format for which the bytes stand by themselves; None where any text format may be."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _office_format(path, file_name)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_office(path, file_name)
    for magic, words in _OTHERS:
        if head.startswith(magic):
            raise DocumentError(
                f"{file_name} is {words}, which cannot be read as a document.",
                "Export it as PDF, DOCX or text.",
            )
    return None


def _office_format(path: Path, file_name: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise damaged(file_name, error) from None
    for member, found in _OFFICE.items():
        if member in names:
            return found
    raise DocumentError(
        f"{file_name} is a zip archive, and not one of an Office document.",
        "Unpack it and add the files inside.",
    )


def _old_office(path: Path, file_name: str) -> DocumentError:
    # An encrypted .docx is an old-style container around a stream of this (UTF-16) name.
    with path.open("rb") as file:
        encrypted = "EncryptedPackage".encode("utf-16-le") in file.read()
    if encrypted:
        return DocumentError(
            f"{file_name} is encrypted with a password.",
            "Save a copy without a password and add that.",
        )
    return DocumentError(
        f"{file_name} is in the Office format of before 2007.",
        "Open it and save it as .docx, .pptx or .xlsx.",
    )


def clean_name(file_name: str) -> str:
    """The display name of an upload: its last part, without control characters, 200 long.

    It is shown and compared, never used as a path.
    """
    last = file_name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = "".join(char for char in last if char.isprintable()).strip()
    if len(visible) > 200:
        stem, dot, suffix = visible.rpartition(".")
        visible = stem[:190] + dot + suffix[:9] if dot else visible[:200]
    return visible or "unnamed"


def title_from_name(file_name: str) -> str:
    """A title for a document that has none: its name without the extension and underscores."""
    stem = PurePosixPath(file_name).stem or file_name
    return re.sub(r"[_\s]+", " ", stem).strip() or file_name
