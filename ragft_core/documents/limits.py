"""What a file may cost before it is refused, and the checks that need no parser.

An upload is data from somebody else: a few kilobytes can unpack to gigabytes (a "zip bomb"), and
a document type declaration can make an XML parser expand entities without end. Both are looked
for here, before a parser sees the file. Every limit is named in the message that refuses.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO

from ragft_core.errors import DocumentError

MAX_FILE_BYTES = 50 * 2**20
MAX_PAGES = 2_000
MAX_CHARACTERS = 5_000_000
MAX_COLUMNS = 200
MAX_ZIP_MEMBERS = 2_000
MAX_UNPACKED_BYTES = 200 * 2**20
MAX_RATIO = 100
# pypdf, lxml and openpyxl take 60 to 120 MB of address space, the largest allowed inputs another
# few hundred. A parser that needs more is out of hand.
PARSER_MEMORY_BYTES = 1536 * 2**20
PARSER_CPU_S = 120
PARSER_WALL_S = 240.0
# Below this, a high ratio harms nobody: a small form with one long empty table reaches 200.
RATIO_FLOOR = 2 * 2**20
_BLOCK = 2**16


def check_size(n_bytes: int, name: str) -> None:
    """Refuses an empty file and one above ``MAX_FILE_BYTES``.

    Raises:
        DocumentError: The size is out of bounds.
    """
    if n_bytes == 0:
        raise DocumentError(f"{name} is empty.", "Choose a file with text in it.")
    if n_bytes > MAX_FILE_BYTES:
        raise DocumentError(
            f"{name} has {n_bytes / 2**20:.0f} MB; the limit is {MAX_FILE_BYTES // 2**20} MB.",
            "Split it, or leave out its pictures.",
        )


def check_pages(n_pages: int, name: str, unit: str = "pages") -> None:
    """Refuses a document with more than ``MAX_PAGES`` pages or slides.

    Raises:
        DocumentError: It has more.
    """
    if n_pages > MAX_PAGES:
        raise DocumentError(
            f"{name} has {n_pages:,} {unit}; the limit is {MAX_PAGES:,}.", "Split it into parts."
        )


def check_characters(n_characters: int, name: str) -> None:
    """Refuses a text of more than ``MAX_CHARACTERS``.

    Raises:
        DocumentError: It is longer.
    """
    if n_characters > MAX_CHARACTERS:
        raise DocumentError(
            f"{name} holds more than {MAX_CHARACTERS:,} characters of text, which is the limit.",
            "Split it into parts.",
        )


def check_archive(path: Path, name: str) -> None:
    """Checks an Office file, which is a zip archive of XML, without trusting what it declares.

    Every member is unpacked block by block and counted, nothing is kept.

    Raises:
        DocumentError: It is damaged, encrypted, unpacks to too much, or declares XML entities.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_declared(members, name)
            allowed = min(MAX_UNPACKED_BYTES, max(MAX_RATIO * path.stat().st_size, RATIO_FLOOR))
            total = 0
            for member in members:
                with archive.open(member) as stream:
                    total += _count(stream, allowed - total, name)
                if member.filename.endswith((".xml", ".rels", ".vml")):
                    with archive.open(member) as stream:
                        _check_declarations(stream, name)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise damaged(name, error) from None
    except zlib.error as error:
        raise damaged(name, error) from None


def _check_declared(members: list[zipfile.ZipInfo], name: str) -> None:
    if len(members) > MAX_ZIP_MEMBERS:
        raise DocumentError(
            f"{name} is an archive of {len(members):,} parts; the limit is {MAX_ZIP_MEMBERS:,}.",
            "Save it again from the program that made it.",
        )
    if any(member.flag_bits & 0x1 for member in members):
        raise DocumentError(f"{name} is encrypted.", "Save a copy without a password and add that.")
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise _bomb(name)


def _count(stream: IO[bytes], allowed: int, name: str) -> int:
    total = 0
    while block := stream.read(_BLOCK):
        total += len(block)
        if total > allowed:
            raise _bomb(name)
    return total


def _bomb(name: str) -> DocumentError:
    return DocumentError(
        f"{name} unpacks to far more than its size: the limits are "
        f"{MAX_UNPACKED_BYTES // 2**20} MB and {MAX_RATIO} times the file.",
        "Save it again from the program that made it, without large empty tables.",
    )


def _check_declarations(stream: IO[bytes], name: str) -> None:
    """Reads an XML member up to its root element; a DOCTYPE can only stand before that."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    try:
        next(iter(iterparse(stream, events=("start",), forbid_dtd=True)), None)
    except DefusedXmlException:
        raise DocumentError(
            f"{name} declares XML entities, which no office program does and which can be used "
            "to attack the reader.",
            "Save it again from the program that made it.",
        ) from None
    except ParseError as error:
        raise damaged(name, error) from None


def damaged(name: str, error: Exception) -> DocumentError:
    """The refusal of a file that a parser cannot read."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return DocumentError(
        f"{name} is damaged or not what its name says: {reason}.",
        "Open it in the program that made it and save it again.",
    )
