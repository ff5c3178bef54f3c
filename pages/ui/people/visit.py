"""Who acts, named at the start of every rerun, every fragment and every download.

Outside of these blocks nobody acts, and the core refuses: a fragment, a dialog or a download that
was made with Streamlit's own decorators can read no workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal

import streamlit as st

from pages.ui import state
from pages.ui.errors import show_errors
from ragft_core.access import rights
from ragft_core.errors import NotAllowedError
from ragft_core.people import Visit, by_claims, by_headers, seen_again

VISIT = "people.visit"
NOTED = "people.noted"


@contextmanager
def visit() -> Iterator[NotAllowedError | None]:
    """Names who acts inside the block; gives what keeps them out, where nobody may."""
    if state.settings().sign_in == "none":
        yield None
        return
    rights.close_doors()
    try:
        person = _visit().person
    except NotAllowedError as refusal:
        if state.get(NOTED) != refusal.message and refusal.remedy:
            rights.note("sign in", about=refusal.message, refused=True)
        state.put(NOTED, refusal.message)
        state.drop(VISIT)
        yield refusal
        return
    with rights.acting_as(person):
        if state.get(NOTED) != person.id:
            rights.note("sign in")
            state.put(NOTED, person.id)
        yield None


def fragment(run_every: str | None = None) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """``st.fragment`` for parts of a page: asks anew who acts whenever the part is drawn."""

    def make(draw: Callable[[], None]) -> Callable[[], None]:
        return st.fragment(_asking(draw), run_every=run_every)

    return make


def dialog(
    title: str, width: Literal["medium", "large"]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``st.dialog`` on the right; asks anew who acts whenever it is drawn."""

    def make(draw: Callable[..., None]) -> Callable[..., None]:
        return st.dialog(title, position="right", width=width)(_asking(draw))

    return make


def later(make: Callable[[], Any]) -> Callable[[], Any]:
    """What makes a download when its button is pressed, as whoever was shown the button."""
    if not rights.doors_are_closed():
        return make
    known, settings = _visit(), state.settings()

    def made() -> Any:  # noqa: ANN401 - bytes or text
        with rights.acting_as(seen_again(known, settings)):
            return make()

    return made


def sign_out() -> None:
    """Ends the visit; a provider's is ended in its cookie, too."""
    rights.note("sign out")
    state.forget_all()
    if state.settings().sign_in == "oidc":
        st.logout()
    st.rerun()


def _asking(draw: Callable[..., None]) -> Callable[..., None]:
    @wraps(draw)
    def drawn(*given: Any) -> None:  # noqa: ANN401 - whatever the part takes
        with visit() as refusal:
            if refusal is not None:
                st.rerun()  # the whole page, which is the sign-in now
            with show_errors():
                draw(*given)

    return drawn


def _visit() -> Visit:
    """Who the browser belongs to, by the table as it is now.

    Raises:
        NotAllowedError: Nobody, or somebody who may not come in; the remedy is empty where nobody
            has tried yet.
    """
    mode = state.settings().sign_in
    if mode == "header":
        headers = st.context.headers
        return by_headers({name.lower(): headers.get_all(name) for name in headers})
    if mode == "oidc":
        if not st.user.is_logged_in:
            raise NotAllowedError("You are not signed in.")
        return by_claims(st.user.to_dict())
    known = state.get(VISIT)
    if known is None:
        raise NotAllowedError("You are not signed in.")
    return Visit(seen_again(known, state.settings()), known.stamp)
