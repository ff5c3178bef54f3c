"""Zip archives of documents: each file inside is taken in as if it had been added alone.

No name in an archive becomes a path, nothing is unpacked that its declared size or the limits
forbid, and what cannot be taken is refused member by member, so that the rest goes in.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from ragft_core.documents.encoding import decode
from ragft_core.documents.formats import FORMATS
from ragft_core.documents.limits import (
    MAX_RATIO,
    MAX_UNPACKED_BYTES,
    MAX_ZIP_MEMBERS,
    RATIO_FLOOR,
    check_size,
    damaged,
)
from ragft_core.errors import DocumentError

ARCHIVE = ".zip"
_LITTER = {"__macosx", "thumbs.db", "desktop.ini"}
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
# The record at an archive's end; behind it stands a comment of 65,535 bytes at most.
_END, _END_BYTES, _MOST_COMMENT = b"PK\x05\x06", 22, 2**16
_LARGE_END, _LARGE_END_BYTES = b"PK\x06\x07", 20
# A member's entry in the list at the end takes 46 bytes, its name and what programs add.
_MOST_LIST_BYTES = MAX_ZIP_MEMBERS * 1024
_UNREADABLE = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error)


@dataclass(frozen=True)
class Member:
    """A file in an archive: what it is called, its size, and why it is refused, if it is."""

    name: str
    size: int
    info: zipfile.ZipInfo
    refused: DocumentError | None = None


def is_archive(file_name: str) -> bool:
    """Whether a file is called an archive whose files are to be taken in."""
    return file_name.lower().endswith(ARCHIVE)


def is_litter(path: str) -> bool:
    """Whether a file of a folder or an archive is hidden, or one that a system leaves behind."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return any(
        (part.startswith(".") and part not in (".", "..")) or part.lower() in _LITTER
        for part in parts
    )


def open_archive(file: IO[bytes], file_name: str) -> zipfile.ZipFile:
    """Opens an archive that may be looked into.

    Raises:
        DocumentError: It is none, holds too many files, or is an Office document or a workspace.
    """
    _check_end(file, file_name)
    try:
        archive = zipfile.ZipFile(file)
    except _UNREADABLE as error:
        raise damaged(file_name, error) from None
    names = set(archive.namelist())
    if len(names) > MAX_ZIP_MEMBERS:
        raise _too_many(file_name)
    if "workspace.json" in names:
        raise DocumentError(
            f"{file_name} is a workspace, and no archive of documents.",
            "Bring it in on Home, or with 'workspaces --import'.",
        )
    for kind in FORMATS:
        if kind.member in names:
            raise DocumentError(
                f"{file_name} is {kind.words}.", f"Rename it to end in {kind.extensions[0]}."
            )
    return archive


def members(archive: zipfile.ZipFile, archive_name: str) -> list[Member]:
    """The files of an archive, without folders and litter; each may be refused for itself.

    Raises:
        DocumentError: There is none.
    """
    found, total = [], 0
    for info, path in _named(archive, archive_name):
        if info.is_dir() or path.endswith("/") or is_litter(path):
            continue
        total += info.file_size
        refused = None
        try:
            _check(info, path, f"{path} in {archive_name}", total)
        except DocumentError as error:
            refused, total = error, total - info.file_size
        found.append(Member(path, info.file_size, info, refused))
    if not found:
        raise DocumentError(f"{archive_name} holds no files.", "Choose one with documents in it.")
    return found


@contextmanager
def open_member(archive: zipfile.ZipFile, member: Member) -> Iterator[IO[bytes]]:
    """Opens a member for reading; no more comes out than its declared size.

    Raises:
        DocumentError: It is refused, or turns out to be damaged.
    """
    if member.refused:
        raise member.refused
    try:
        with archive.open(member.info) as stream:
            yield stream
    except OSError as error:
        if error.errno:
            raise  # the disk's fault: a damaged member has no number
        raise damaged(member.name, error) from None
    except _UNREADABLE as error:
        raise damaged(member.name, error) from None


def _check_end(file: IO[bytes], file_name: str) -> None:
    """Looks at the record at the end before a library reads the whole list that it announces."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES - _LARGE_END_BYTES - _MOST_COMMENT))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_BYTES:
        raise damaged(file_name, zipfile.BadZipFile("it is no zip archive, or its end is missing"))
    (list_bytes,) = struct.unpack("<L", tail[place + 12 : place + 16])
    large = tail[max(0, place - _LARGE_END_BYTES) : place].startswith(_LARGE_END)
    if large or list_bytes > _MOST_LIST_BYTES:
        raise _too_many(file_name)


def _too_many(file_name: str) -> DocumentError:
    return DocumentError(
        f"{file_name} is an archive of more than {MAX_ZIP_MEMBERS:,} files, or made for more than "
        "4 GB.",
        "Make several smaller archives of it.",
    )


def _named(archive: zipfile.ZipFile, archive_name: str) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """Each entry with its path; names in another encoding than the format's are guessed together."""
    infos = archive.infolist()
    unsaid = [info for info in infos if not info.flag_bits & _UTF8_NAME]
    raw = [info.orig_filename.encode("cp437", "replace") for info in unsaid]
    paths = {id(info): info.orig_filename for info in infos}
    if not all(name.isascii() for name in raw):
        try:
            text, _ = decode(b"\n".join(name.replace(b"\n", b" ") for name in raw), archive_name)
        except DocumentError:
            text = ""
        for info, name in zip(unsaid, text.split("\n"), strict=False):
            paths[id(info)] = name or info.orig_filename
    for info in infos:
        yield info, paths[id(info)].replace("\\", "/")


def _check(info: zipfile.ZipInfo, path: str, called: str, total: int) -> None:
    """Refuses a member that may not be unpacked; ``total`` is what is unpacked with it."""
    if path.startswith("/") or ".." in path.split("/") or re.match(r"[A-Za-z]:", path):
        raise DocumentError(
            f"{called} is named to land outside of the archive, which no ordinary program does.",
            "Leave it out, or pack it again from where it lies.",
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DocumentError(f"{called} is a link.", "Pack the file that it leads to.")
    if info.flag_bits & _ENCRYPTED:
        raise DocumentError(
            f"{called} is encrypted with a password.", "Pack it again without a password."
        )
    if is_archive(path):
        raise DocumentError(
            f"{called} is an archive in an archive, and is not opened.",
            "Unpack it and add the files inside, or add it by itself.",
        )
    check_size(info.file_size, called)
    if info.file_size > max(MAX_RATIO * info.compress_size, RATIO_FLOOR):
        raise DocumentError(
            f"{called} unpacks to more than {MAX_RATIO} times its size.",
            "Add the file by itself, if it is yours.",
        )
    if total > MAX_UNPACKED_BYTES:
        raise DocumentError(
            f"{called} was left out: the files before it unpack to the limit of "
            f"{MAX_UNPACKED_BYTES // 2**20} MB an archive.",
            "Make several smaller archives.",
        )
