"""How many requests an endpoint gets at once: as many as its answers show that it takes.

Additive increase, multiplicative decrease, as TCP finds what a line carries (RFC 5681): each round of
answers allows one more at a time, a refusal for too much work (429, 503) or a timeout halves it. When
a server names a time to wait, all wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST, MOST = 8, 64
LOOK_S = 0.2


class Pace:
    """The number of requests that may run at the same time. Safe to use from several threads."""

    def __init__(self, first: int = FIRST, most: int = MOST) -> None:
        self._changed = threading.Condition()
        self._limit = float(first)
        self._most = most
        self._running = 0
        self._lowered_at = self._until = 0.0
        self._answers = 0
        self._ended = False

    @property
    def limit(self) -> int:
        """How many may run now."""
        return int(self._limit)

    @property
    def answers(self) -> int:
        """How many were answered since the beginning."""
        return self._answers

    def enter(self, give_up: Callable[[], bool] | None = None) -> None:
        """Waits for a place, or until ``give_up`` says so; either way the place is to be left."""
        with self._changed:
            while not (self._ended or (give_up and give_up())):
                pause = self._until - time.monotonic()
                if pause <= 0 and self._running < self.limit:
                    break
                longest = LOOK_S if give_up else None
                self._changed.wait(min(pause, LOOK_S) if pause > 0 else longest)
            self._running += 1

    def leave(self) -> None:
        """Gives the place back."""
        with self._changed:
            self._running -= 1
            self._changed.notify()

    def answered(self) -> None:
        """A request was answered: one more at a time after as many as now run at once."""
        with self._changed:
            self._answers += 1
            if self._running >= self.limit:  # a limit that is not reached says nothing
                self._limit = min(float(self._most), self._limit + 1 / self._limit)
                self._changed.notify()

    def refused(self, sent_at: float, pause: float = 0.0) -> None:
        """A request was refused for too much work, or timed out.

        Args:
            sent_at: When it was sent, ``time.monotonic()``. Those sent before the last decrease
                belong to the same overload and lower nothing more.
            pause: For how many seconds the server wants no more.
        """
        with self._changed:
            now = time.monotonic()
            self._until = max(self._until, now + pause)
            if sent_at > self._lowered_at:
                self._lowered_at = now
                self._limit = max(1.0, self._limit / 2)

    def end(self) -> None:
        """Lets everybody in, to find that it is over."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
