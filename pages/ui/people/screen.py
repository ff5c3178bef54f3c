"""The sign-in screen, and the line of the sidebar that says who one is."""

from __future__ import annotations

import streamlit as st

from pages.ui import state
from pages.ui.errors import plain, show_error, show_errors
from pages.ui.people import visit
from ragft_core.access import Right, rights
from ragft_core.errors import NotAllowedError
from ragft_core.people import by_password

MAY = {
    "viewer": "You may read, ask and vote.",
    "editor": "You may change what is yours or shared with you.",
    "admin": "You are an administrator.",
}


def sign_in_screen(refusal: NotAllowedError) -> None:
    """What stands in the place of every page until somebody has signed in; ends the run."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Strategy lab", anchor=False)
        st.caption(
            "A better prompt, RAG, a LoRA fine-tune or both: measured on your own documents."
        )
        if refusal.remedy:
            show_error(refusal)
        mode = state.settings().sign_in
        if mode == "password":
            _ask_password()
        elif mode == "oidc":
            _ask_provider()
    st.stop()


def _ask_password() -> None:
    with st.form("people.sign_in", border=True):
        name = st.text_input(
            "Your name", max_chars=60, help="Kept with your votes and answers. Nobody checks it."
        )
        password = st.text_input("The password of this lab", type="password", max_chars=200)
        if st.form_submit_button("Sign in", type="primary", width="stretch"):
            with show_errors():
                try:
                    known = by_password(name, password)
                except NotAllowedError:
                    rights.note("sign in", about=name, refused=True)
                    raise
                state.put(visit.VISIT, known)
                st.rerun()


def _ask_provider() -> None:
    if not st.user.is_logged_in:
        if st.button("Sign in", type="primary", icon=":material/login:", width="stretch"):
            st.login()
    elif st.button("Sign in as somebody else", icon=":material/logout:", width="stretch"):
        visit.sign_out()


def manages_people() -> bool:
    """Whether people sign in here, and this one says who may."""
    return rights.doors_are_closed() and rights.may(Right.MANAGE)


def who_line() -> None:
    """Who one is, what that allows, and the way out; nothing on one person's machine."""
    if not rights.doors_are_closed():
        return
    person = rights.acting()
    with st.sidebar:
        workspace = state.current_workspace()
        reads = workspace is not None and not rights.may(Right.CHANGE, workspace.path)
        told = MAY["viewer" if reads else person.role]
        st.caption(f":material/person: **{plain(person.name)}**  \n{told}")
        if state.settings().sign_in != "header" and st.button(
            "Sign out", icon=":material/logout:", type="tertiary", key="people.sign_out"
        ):
            visit.sign_out()
