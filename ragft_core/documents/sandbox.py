"""Parsing of untrusted files, outside this process.

One child reads a whole batch, so that twelve small files cost one interpreter start. When a file
brings the child down (memory, CPU time, a crash in native code) or takes too long, that file is
refused and a fresh child goes on with the next one.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from ragft_core.documents.detect import clean_name
from ragft_core.documents.limits import (
    PARSER_CPU_S,
    PARSER_WALL_S,
    check_size,
)
from ragft_core.documents.ocr import memory_bytes
from ragft_core.documents.parse import ParsedDocument
from ragft_core.errors import DocumentError
from ragft_core.values import from_dict

log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV")


def parse_file(path: Path, file_name: str) -> ParsedDocument:
    """Reads one file, in a child process with limits.

    Args:
        path: Where the bytes lie.
        file_name: What the user calls the file; its extension is held against the content.

    Raises:
        DocumentError: The file cannot become a document; message and remedy say why.
    """
    result = next(parse_files([(file_name, path)]))
    if isinstance(result, DocumentError):
        raise result
    return result


def parse_files(
    files: Iterable[tuple[str, Path]], wall_s: float = PARSER_WALL_S, encoding: str = ""
) -> Iterator[ParsedDocument | DocumentError]:
    """Reads files one after the other and yields each result as soon as it is there.

    Args:
        files: (name, path) pairs.
        wall_s: Seconds after which a file is given up.
        encoding: Of all of them; empty takes what each says, or a guess.

    Yields:
        The document or the reason of its refusal, in the order of ``files``.
    """
    child: _Child | None = None
    try:
        for name, path in files:
            name = clean_name(name)
            try:
                check_size(path.stat().st_size, name)
                child = child or _Child()
                result: ParsedDocument | DocumentError = child.parse(name, path, wall_s, encoding)
            except DocumentError as error:
                result = error
            except _ChildLostError as lost:
                result, child = lost.reason, None
            yield result
    finally:
        if child is not None:
            child.close()


class _ChildLostError(Exception):
    """The child ended or had to be ended while it read a file."""

    def __init__(self, reason: DocumentError) -> None:
        super().__init__(reason.message)
        self.reason = reason


class _Child:
    """A running parser process. A thread reads its answers, so that waiting can time out."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ragft-parse-")
        self._complaints = tempfile.TemporaryFile()
        environment = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
        environment |= {"PYTHONPATH": str(_ROOT), "PYTHONIOENCODING": "utf-8"}
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "ragft_core.documents.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            cwd=self._folder.name,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def parse(self, name: str, path: Path, wall_s: float, encoding: str) -> ParsedDocument:
        """Has the child read a file.

        Raises:
            DocumentError: The file is refused; the child is fine.
            _ChildLostError: The child is gone.
        """
        assert self._process.stdin is not None
        request = {"name": name, "path": str(path.resolve()), "encoding": encoding}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=wall_s)
        except queue.Empty:
            raise self._lost(name, f"took longer than {wall_s:g} seconds") from None
        except BrokenPipeError:
            line = ""
        if not line:
            raise self._lost(name, "")
        data = json.loads(line)
        if "document" in data:
            return from_dict(ParsedDocument, data["document"])
        raise DocumentError(data["message"], data["remedy"])

    def _lost(self, name: str, what: str) -> _ChildLostError:
        if not what:
            code = self._process.wait()
            log.warning("The parser ended with %s: %s", code, self._said())
            what = f"broke its reader (code {code}; memory is limited to {memory_bytes() >> 20} MB)"
            if code == -getattr(signal, "SIGXCPU", 0):
                what = f"took more than {PARSER_CPU_S} seconds of computing"
        self.close()
        return _ChildLostError(
            DocumentError(
                f"{name} could not be read: it {what}.",
                "Open it in the program that made it and save it again, or split it.",
            )
        )

    def _said(self) -> str:
        """The end of what the child complained about."""
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - 2000))
        return self._complaints.read().decode("utf-8", errors="replace").strip()

    def close(self) -> None:
        """Ends the child at once; it holds nothing worth keeping."""
        self._complaints.close()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass  # a request the dead child did not take
        self._folder.cleanup()
