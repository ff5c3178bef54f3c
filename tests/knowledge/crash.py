"""A program that adds or removes documents and kills itself at the n-th fault point.

    python -m tests.knowledge.crash WORKSPACE N add NAME=PATH...
    python -m tests.knowledge.crash WORKSPACE N remove ID

Fault points are before and after every step that writes. Kill -9 leaves nothing to clean up with:
no exception handlers, no ``finally``, no buffers. Prints each acknowledged file, and ``survived``
when there was no n-th point.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragft_core.knowledge import KnowledgeBase, ingest, store
from ragft_core.knowledge.index import ChunkIndex
from ragft_core.workspace import Workspace
from tests.knowledge.hashing import HashEmbedder

STEPS: list[tuple[Any, str]] = [
    (store, "begin"),
    (store, "put"),
    (store, "sync"),
    (store, "finish"),
    (store, "sync_file"),
    (store, "forget"),
    (store, "clear"),
    (ChunkIndex, "upsert"),
    (ChunkIndex, "delete"),
    (ChunkIndex, "settle"),
]


class FaultPoints:
    """Counts the points that are passed and calls ``fault`` at the n-th."""

    def __init__(self, n: int, fault: Callable[[], None]) -> None:
        self.n = n
        self.passed = 0
        self.fault = fault

    def wrap(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.point()
            result = act(*args, **kwargs)
            self.point()
            return result

        return wrapped

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.n:
            self.fault()


def main() -> None:
    folder, n, action, *rest = sys.argv[1:]
    points = FaultPoints(int(n), lambda: os.kill(os.getpid(), signal.SIGKILL))
    for owner, name in STEPS:
        setattr(owner, name, points.wrap(getattr(owner, name)))
    base = KnowledgeBase(Workspace(Path(folder)), HashEmbedder())
    if action == "remove":
        base.remove(rest[0])
    else:
        files = [(name, Path(path)) for name, _, path in (item.partition("=") for item in rest)]
        base.add_files(files, acknowledge)
    print("survived", points.passed, flush=True)


def acknowledge(name: str, stage: str, share: float) -> None:
    if stage in ingest.OUTCOMES:
        print("acknowledged", name, flush=True)


if __name__ == "__main__":
    main()
