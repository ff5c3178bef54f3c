"""Makes the n-th write of this process fail, without a seam in the product: Python tells its audit
hooks of every file that is opened for writing, renamed, made or removed, and what a hook raises
comes out of that call.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHANGES = {"os.rename", "os.mkdir", "os.truncate", "os.link", "os.symlink"}


class _Hook:
    """One for the process: audit hooks cannot be taken away again."""

    def __init__(self) -> None:
        self.under = ""
        self.n = self.seen = 0
        self.code = errno.ENOSPC
        self.added = False

    def __call__(self, event: str, given: tuple) -> None:
        if not self.under:
            return
        if event == "open":
            path, mode, flags = given
            writes = (mode and set(mode) & set("wax+")) or (
                flags and flags & (os.O_WRONLY | os.O_RDWR)
            )
        elif event in _CHANGES:
            path, writes = given[0], True
        else:
            return
        if not writes or not isinstance(path, (str, bytes, os.PathLike)):
            return
        text = os.fsdecode(path)
        if not text.startswith(self.under) or text.endswith(".lock"):
            return
        self.seen += 1
        if self.seen == self.n:
            raise OSError(self.code, os.strerror(self.code), text)


_HOOK = _Hook()


@contextmanager
def failing_write(folder: Path, n: int, code: int = errno.ENOSPC) -> Iterator[_Hook]:
    """Lets the n-th write under a folder fail, counted over all threads."""
    if not _HOOK.added:
        sys.addaudithook(_HOOK)
        _HOOK.added = True
    _HOOK.under, _HOOK.n, _HOOK.seen, _HOOK.code = str(folder), n, 0, code
    try:
        yield _HOOK
    finally:
        _HOOK.under = ""
