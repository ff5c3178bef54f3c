"""What a file really is: told from its first bytes, then held against its name.

A name is only a claim. A file whose content is another format than its extension says is refused
in words, because guessing would hide a mistake of whoever named it.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from ragft_core.documents.formats import FORMATS, Format, format_by_name
from ragft_core.documents.limits import damaged
from ragft_core.errors import DocumentError

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
)
_HEAD = 4096
_DEEPEST, _LONGEST_PART = 16, 80  # of a folder's name, which is only shown and compared


def detect_format(path: Path, file_name: str) -> Format:
    """Tells the format of a file.

    Args:
        path: Where the bytes lie; its own name is not looked at.
        file_name: What the user calls it.

    Raises:
        DocumentError: The format is not supported, encrypted, or not the one that the name says.
    """
    found = _from_content(path, file_name)
    claimed = format_by_name(file_name)
    if found == claimed or (found is None and claimed.is_text):
        return claimed
    raise DocumentError(
        f"{file_name} is named like {claimed.words}, but it is "
        f"{found.words if found else 'not one: it holds plain text or unknown data'}.",
        f"Rename it to end in {found.extensions[0]}."
        if found
        else "Export it again, or correct its name.",
    )


def _from_content(path: Path, file_name: str) -> Format | None:
    """The format for which the bytes stand by themselves; None where any text format may be."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for kind in FORMATS:
        # Some programs write a line or two before a PDF's mark.
        if kind.magic and kind.magic in head[:1024]:
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _from_members(path, file_name)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_office(path, file_name)
    for magic, words in _OTHERS:
        if head.startswith(magic):
            raise DocumentError(
                f"{file_name} is {words}, which cannot be read as a document.",
                "Export it as PDF, DOCX or text.",
            )
    return None


def _from_members(path: Path, file_name: str) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise damaged(file_name, error) from None
    for kind in FORMATS:
        if kind.member and kind.member in names:
            return kind
    raise DocumentError(
        f"{file_name} is a zip archive, and not one of an Office document.",
        "Rename it to end in .zip, and the files inside are taken in.",
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


def clean_folder(path: str) -> str:
    """The folder of a file inside what was added, as ``a/b``; empty where there is none.

    Parts that lead elsewhere are left out, and of a path from a machine's root nothing is kept. It is
    shown and compared, never used as a path.
    """
    path = path.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return ""
    above = ("".join(filter(str.isprintable, part)).strip() for part in path.split("/")[:-1])
    parts = [part[:_LONGEST_PART] for part in above if part.strip(".")]
    return "/".join(parts[:_DEEPEST])


def title_from_name(file_name: str) -> str:
    """A title for a document that has none: its name without the extension and underscores."""
    stem = PurePosixPath(file_name).stem or file_name
    return re.sub(r"[_\s]+", " ", stem).strip() or file_name
