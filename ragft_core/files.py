"""How the product reads and writes its files: a reader sees the old or the new text, never half.

What cannot be read as what it should hold raises ``DamagedFileError``, whatever is wrong with it,
so that lists can leave it out, ``overview`` can name it, and nobody sees a traceback.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from io import RawIOBase
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from ragft_core.access.rights import require_write
from ragft_core.errors import WorkspaceError
from ragft_core.schema import bring_forward, stamp
from ragft_core.values import from_dict

T = TypeVar("T")
REMEDY = "Set it aside on Home or with 'doctor W --mend', or restore it from a copy."


class DamagedFileError(WorkspaceError, ValueError):
    """A file cannot be read as what it should hold; the message names it and says why."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old or the new text, never half of one.

    Raises:
        NotAllowedError: It lies in a workspace that the person who acts may not change.
    """
    require_write(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:  # noqa: ANN401 - JSON is any
    """Writes JSON atomically, indented, with a final newline and the schema's version."""
    text = json.dumps(stamp(path.name, data), indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def read_text(path: Path) -> str:
    """Reads a file of text as it is, its line ends untouched.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: It is no text, or the system does not let it be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        why = f"it is no UTF-8 text from byte {error.start} on"
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
    raise DamagedFileError(f"{path.name} cannot be read: {why}.", REMEDY)


def read_json(path: Path) -> dict[str, Any]:
    """Reads what ``write_json`` wrote of an object, in today's form.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: It holds no JSON object, or not what a file of that name holds.
        WorkspaceError: It was written by a newer version of the lab.
    """
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        where = f"from line {error.lineno}, column {error.colno} on"
        raise DamagedFileError(f"{path.name} is no JSON {where}.", REMEDY) from None
    except RecursionError:
        raise DamagedFileError(f"{path.name} is nested too deep.", REMEDY) from None
    if not isinstance(data, dict):
        raise DamagedFileError(f"{path.name} holds no JSON object.", REMEDY)
    try:
        return bring_forward(path.name, data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"it does not hold what version {data.get('schema', 1)} holds ({error!r})"
        raise DamagedFileError(f"{path.name} cannot be read: {why}.", REMEDY) from None


def read_values(path: Path, kind: type[T]) -> list[T]:
    """Reads JSON lines as values of one kind.

    Raises:
        InvalidValueError: A row does not fit; the message names the file, the line and the field.
        WorkspaceError: A line is no JSON.
    """
    rows = enumerate(read_jsonl(path), start=1)
    return [from_dict(kind, row, f"{path.name}, row {number}") for number, row in rows]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Replaces a file of JSON lines atomically; see ``write_text``."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def append_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Appends JSON lines, each in one write, so that a crash damages at most the last line.

    A line that a crash cut short is dropped first: a row written behind it would be lost with it.

    Raises:
        NotAllowedError: The file lies in a workspace that the person who acts may not change.
        OSError: A row could not be written whole.
    """
    require_write(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:  # a row is one write, whole for other processes
        _drop_cut_line(file)
        for row in rows:
            line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
            if file.write(line) != len(line):  # a full disk takes a part, and says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _drop_cut_line(file: RawIOBase) -> None:
    """Cuts off what stands behind the last end of a line, unless that is a whole row."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    whole = file.read()
    start = whole.rfind(b"\n") + 1
    try:
        json.loads(whole[start:])
        file.write(b"\n")
    except ValueError:
        file.truncate(start)


def read_jsonl(path: Path, *, skip_damaged: bool = False) -> Iterator[dict[str, Any]]:
    """Reads JSON lines one by one; a last line that a crash cut short is left out.

    Raises:
        DamagedFileError: Another line holds no JSON object, and ``skip_damaged`` does not leave it
            out; or the file cannot be read at all.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        for number in count(1):
            try:
                raw = file.readline()
                last = not file.peek(1)
            except OSError as error:
                raise _unreadable(path, error) from None
            if not raw:
                return
            line = raw.decode("utf-8", errors="replace")
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("it is no JSON object")
            except (ValueError, RecursionError) as error:
                if isinstance(error, json.JSONDecodeError) and last:
                    return
                if skip_damaged:
                    continue
                raise DamagedFileError(
                    f"Line {number} of {path.name} is damaged: {error}.",
                    "Set it aside on Home or with 'doctor W --mend', or restore the file from a "
                    "copy.",
                ) from None
            yield row


def _unreadable(path: Path, error: OSError) -> DamagedFileError:
    why = (error.strerror or type(error).__name__).lower()
    return DamagedFileError(f"{path.name} cannot be read: {why}.", REMEDY)


def sync_folder(folder: Path) -> None:
    """Flushes every file of a folder, and the folders themselves, to the disk."""
    for path in [folder, *folder.rglob("*")]:
        sync_file(path)


def sync_file(path: Path) -> None:
    """Flushes a file, or a folder's list of names, to the disk; nothing where it is gone."""
    if os.name == "nt" and path.is_dir():
        return  # Windows syncs no folders
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # tidied away meanwhile
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
