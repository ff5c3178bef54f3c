"""CPU threads of torch: who may use how many.

libgomp gives every thread that runs parallel code a team of its own, and lets teams sleep between
parallel regions as soon as all of them together outnumber the cores. A decoding step has more than
a hundred such regions: beside a second team it took 26 ms instead of 11 (measured on two cores). So
the engine's thread has all cores, and what runs beside it in the same process has one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_usual = 0


def usual_threads(wanted: int = 0) -> int:
    """How many threads heavy work gets; ``wanted`` above 0 sets it for this process."""
    import torch

    global _usual
    with _lock:
        # Read before anybody has changed it: later, torch tells what another thread has set.
        _usual = wanted or _usual or torch.get_num_threads()
        return _usual


def use_threads(count: int) -> None:
    """Lets the calling thread use so many from now on."""
    import torch

    usual_threads()
    # A thread takes over what any other has set last when it first asks, so it asks before.
    torch.get_num_threads()
    torch.set_num_threads(count)


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs light work without a team of its own."""
    use_threads(1)
    try:
        yield
    finally:
        use_threads(usual_threads())


class FreeProcessors:
    """Keeps the calling thread's team to the processors that others leave free.

    The members of a team meet after every product, so that one which has to share its processor
    holds up all: on two processors with one of them busy, training with two threads read 10 tokens
    a second, with one 100. What else runs in this process counts among the others.

    Args:
        most: Threads where nothing else runs.
    """

    LOOK_EVERY_S = 3.0

    def __init__(self, most: int) -> None:
        self._most = self._team = most
        self._look = (0.0, 0.0, 0.0)

    def adjust(self, wait_s: float = 0.0) -> None:
        """Sets the number of threads anew, every few seconds.

        Args:
            wait_s: Looks for so long first, at the beginning of long work.
        """
        if self._most < 2 or time.monotonic() - self._look[0] < self.LOOK_EVERY_S:
            return
        if wait_s:
            self._look = self._usage()
            time.sleep(wait_s)
        before, self._look = self._look, self._usage()
        passed, busy, own = (now - then for now, then in zip(self._look, before, strict=True))
        if before[0] and passed < 10 * self.LOOK_EVERY_S:  # what was long ago says nothing
            free = (os.cpu_count() or 1) - max(0.0, busy - own * self._team) / passed
            self._team = max(1, min(self._most, round(free)))
            use_threads(self._team)

    @staticmethod
    def _usage() -> tuple[float, float, float]:
        """Seconds by the clock, of all processors at work, and of the calling thread."""
        import psutil

        times = psutil.cpu_times()
        # Time of guests is part of the user's, and waiting for disks is none.
        unused = ("idle", "iowait", "guest", "guest_nice")
        busy = sum(times) - sum(getattr(times, name, 0.0) for name in unused)
        return time.monotonic(), busy, time.thread_time()
