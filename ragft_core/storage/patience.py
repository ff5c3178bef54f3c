"""Waiting for a store, but never for ever: what does not answer is told within ten seconds."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
# A store that has not answered for so long is asked whether it is there; both together stay below
# the ten seconds in which a person is told.
QUIET_S, ASKED_S = 4.0, 4.5
_inside = threading.local()


class SilentError(Exception):
    """A store did not answer in time. Never seen outside this package."""


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call returns, if it does so in time; else it is left behind on a thread of its own.

    Raises:
        SilentError: It took longer.
    """
    return _waited(call, seconds, None)


def patiently(call: Callable[[], T], is_there: Callable[[], object], most_s: float | None) -> T:
    """What a call returns, as long as the store behind it is there.

    A call inside another is not watched again.

    Args:
        call: Uses the store; writing may take minutes.
        is_there: Raises where the store does not answer; asked while the call is quiet.
        most_s: The longest wait, however alive the store is; None for writing.

    Raises:
        SilentError: The store is silent, or the call took longer than ``most_s``.
    """
    if getattr(_inside, "watched", False):
        return call()
    return _waited(call, most_s, is_there)


def _waited(
    call: Callable[[], T], most_s: float | None, is_there: Callable[[], object] | None
) -> T:
    done: list[Any] = []

    def work() -> None:
        _inside.watched = True
        try:
            done.extend((call(), None))
        except BaseException as error:
            done.extend((None, error))

    # Who acts goes along: a thread of its own knows nobody.
    known = contextvars.copy_context()
    thread = threading.Thread(target=known.run, args=(work,), daemon=True)
    until = None if most_s is None else time.monotonic() + most_s
    thread.start()
    while True:
        left = QUIET_S if until is None else until - time.monotonic()
        thread.join(max(0.0, min(QUIET_S, left)))
        if not thread.is_alive():
            break
        if until is not None and time.monotonic() >= until:
            raise SilentError(f"no answer within {most_s:.0f} s")
        if is_there is not None:
            within(ASKED_S, is_there)
    value, error = done
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]
