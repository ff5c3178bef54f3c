"""Heavy jobs take turns: one at a time on this machine, first come, first served.

Each waiting worker leaves a ticket; the oldest ticket whose process lives is next. The turn itself
is a file lock, which the operating system releases whenever the holder ends, in whatever way. Of
tickets of other machines that share the folder nothing is known here: there the lock alone decides.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ragft_core.jobs.process import is_alive, mark_of, read_mark, write_mark

POLL_S = 0.3


class GaveUpError(Exception):
    """The job was told to end while it waited. Never seen outside the worker."""


@contextmanager
def turn(
    queue: Path, *, waiting: Callable[[int], None], give_up: Callable[[], bool]
) -> Iterator[None]:
    """Waits for this process's turn and holds it.

    Args:
        queue: The folder of the queue, shared by all who take turns.
        waiting: Called while waiting with the number of jobs in front, at least 1.
        give_up: Asked while waiting; True ends the wait.

    Raises:
        GaveUpError: ``give_up`` said so.
    """
    queue.mkdir(parents=True, exist_ok=True)
    ticket = queue / f"{time.time_ns():020d}-{os.getpid()}.json"
    mine = mark_of(os.getpid())
    assert mine is not None  # this very process
    write_mark(ticket, mine)
    lock = FileLock(queue / "turn.lock")
    try:
        while True:
            in_front = _living_before(queue, ticket)
            if not in_front:
                try:
                    lock.acquire(timeout=0)
                    break
                except Timeout:
                    in_front = 1
            if give_up():
                raise GaveUpError
            waiting(in_front)
            time.sleep(POLL_S)
        yield
    finally:
        lock.release()
        ticket.unlink(missing_ok=True)


def _living_before(queue: Path, ticket: Path) -> int:
    """How many living processes came earlier; tickets of dead ones are thrown away."""
    count = 0
    for other in sorted(queue.glob("*.json")):
        if other.name >= ticket.name:
            break
        mark = read_mark(other)
        if is_alive(mark):
            count += 1
        elif mark is None or mark.host == platform.node():
            other.unlink(missing_ok=True)
    return count
