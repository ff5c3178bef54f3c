"""A question on its way: its answers as they come, and what is kept however the script ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.compare.parts import chat
from pages.ui import state
from pages.ui.errors import plain
from pages.ui.people.visit import fragment
from ragft_core.strategies import PendingAnswer, Turn, save_turn
from ragft_core.types import Answer
from ragft_core.workspace import Workspace, new_id, now

# All sessions together draw so often: each drawing takes the processor from the answers.
REFRESH_S = 0.08
SLOWEST_S = 1.0
BLINK_S = 1.5
TURN = "chat.turn"
_watching: set[int] = set()  # the threads of this server's sessions that watch answers now
_unfinished: set[str] = set()  # the turns that are not kept yet


def question_row(question: str) -> None:
    """The question with Stop beside it.

    A button of our own, for a click on it draws the page anew: the one in ``st.chat_input`` only
    ends the script, and of a page that was half drawn by then the other half is gone.
    """
    with st.chat_message("user", avatar=":material/person:"):
        row = st.container(horizontal=True, vertical_alignment="center")
    row.markdown(plain(question), width="stretch")
    row.button("Stop", icon=":material/stop_circle:", key="chat.stop")


@contextmanager
def kept(
    workspace: Workspace, chat_id: str, question: str, order: Sequence[str], blind: bool
) -> Iterator[list[PendingAnswer]]:
    """Keeps a turn with the answers that are put into the list, however the block ends.

    Stop, a page change or a closed tab may end it while a model is still loaded: the question is
    kept then, with answers that say nothing. Only where asking fails there is no turn. A turn with
    nothing to vote on is not blind: no vote would ever tell which arm was which.
    """
    pending: list[PendingAnswer] = []
    failed = False
    turn_id = new_id("turn")
    state.put(TURN, turn_id)
    _unfinished.add(turn_id)
    try:
        yield pending
    except Exception:  # what ends a script is none
        failed = True
        raise
    finally:
        try:
            for answer in pending:
                answer.cancel()
            answers = tuple(answer.answer(timeout=30) for answer in pending)
            if not failed:
                answers = answers or tuple(
                    Answer(arm, question, finish="cancelled") for arm in order
                )
            if answers:
                blind = blind and sum(map(chat.whole, answers)) > 1
                save_turn(workspace, chat_id, Turn(turn_id, question, answers, now(), blind))
        finally:
            _unfinished.discard(turn_id)


def unfinished() -> str:
    """The turn that an earlier run of this page still asks; empty if there is none.

    A click ends a run where it next draws something, and does not wait for that.
    """
    turn_id = state.get(TURN, "")
    return turn_id if turn_id in _unfinished else ""


def draw_when_kept(turn_id: str) -> None:
    """Says that the answers are being ended, and draws the page anew once the turn is kept."""

    @fragment(run_every="0.5s")
    def look() -> None:
        if turn_id not in _unfinished:
            st.rerun()
        st.caption(":material/hourglass_empty: Stopping …")

    look()


def stream_columns(pending: Sequence[PendingAnswer], blind: bool) -> None:
    """Shows the answers as they come, all columns at once, until the last is done."""
    slots = []
    for number, column in enumerate(st.columns(len(pending))):
        with column.container(border=True, height="stretch"):
            chat.heading(pending[number].arm, number, blind)
            slots.append(st.empty())
    _watching.add(get_ident())
    try:
        _draw(pending, slots)
    finally:
        _watching.discard(get_ident())


def _draw(pending: Sequence[PendingAnswer], slots: Sequence[DeltaGenerator]) -> None:
    """Draws what has changed, seldom where many watch or nothing can have changed."""
    shown = [""] * len(pending)
    while True:
        ended = all(answer.done for answer in pending)
        for number, answer in enumerate(pending):
            # The blinking is not for show only: a click takes effect at the next call of Streamlit,
            # and while a long prompt is read there is no new text to draw.
            blink = time.monotonic() % BLINK_S < BLINK_S / 2
            cursor = "" if answer.done else " ▌" if blink else " …"
            text = plain(answer.text) + cursor
            if answer.place:  # others were first, and nothing can be drawn yet
                text = f":material/hourglass_empty: *Place {answer.place} in the line*{cursor}"
            if text != shown[number]:
                slots[number].markdown(text)
                shown[number] = text
        if ended:
            return
        waits = all(answer.done or answer.place for answer in pending)
        time.sleep(SLOWEST_S if waits else min(SLOWEST_S, REFRESH_S * max(1, len(_watching) / 4)))
