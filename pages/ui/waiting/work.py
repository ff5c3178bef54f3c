"""Work that a page waits for, and that is done to its end whatever is clicked meanwhile.

A click anywhere ends the script that waits, where it next draws something, and the script that the click
begins does not wait for it. So a thread does the work, and scripts only watch it. Whoever asks for it
once more while it goes on, by an impatient click or in another tab, watches the same.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from threading import Lock, Thread
from typing import Any, TypeVar

import streamlit as st

from pages.ui.errors import plain
from ragft_core.access import rights

T = TypeVar("T")

LOOK_S = 0.2
Told = Callable[[float, str], None]


class _Work:
    """One piece of work: how far it is, and its outcome."""

    def __init__(self, text: str) -> None:
        self.share, self.text = 0.0, text
        self.outcome: Future[Any] = Future()

    def tell(self, share: float, text: str) -> None:
        self.share, self.text = min(share, 1.0), text


_going_on: dict[tuple[str, str], _Work] = {}  # by who asked for it, and its key
_lock = Lock()


def goes_on(key: str) -> bool:
    """Whether somebody's work of that key is not done yet."""
    return (rights.by(), key) in _going_on


def done(key: str, work: Callable[[Told], T], text: str = "Starting") -> T:
    """Does a piece of work with a progress bar, and gives what it gives.

    Args:
        key: Names the work, with what it is done to.
        work: Touches nothing of Streamlit; calls what it is given with a share and a line of text.
        text: What is told before that.

    Raises:
        Exception: Whatever the work raises.
    """
    name = (rights.by(), key)
    with _lock:
        going = _going_on.get(name)
        if going is None:
            going = _going_on[name] = _Work(text)
            run = copy_context().run  # the thread acts as whoever asks
            Thread(target=run, args=(_do, name, going, work), daemon=True).start()
    bar = st.progress(going.share, text=plain(going.text))
    while not wait([going.outcome], LOOK_S).done:
        bar.progress(going.share, text=plain(going.text))
    bar.empty()
    outcome: T = going.outcome.result()
    return outcome


def _do(name: tuple[str, str], going: _Work, work: Callable[[Told], Any]) -> None:
    try:
        outcome = work(going.tell)
    except BaseException as error:
        _going_on.pop(name)
        going.outcome.set_exception(error)
    else:
        _going_on.pop(name)
        going.outcome.set_result(outcome)
