"""CPU threads of torch: who may use how many.

libgomp gives every thread that runs parallel code a team of its own, and lets teams sleep between
parallel regions as soon as all of them together outnumber the cores. A decoding step has more than
a hundred such regions: beside a second team it took 26 ms instead of 11 (measured on two cores). So
the engine's thread has all cores, and what runs beside it in the same process has one.
"""

from __future__ import annotations

import threading
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
