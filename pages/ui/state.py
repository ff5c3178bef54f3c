"""Every key of the session state, behind typed functions. Ids only; the truth lies on disk."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st

from ragft_core.errors import RagftError
from ragft_core.jobs import made_elsewhere
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, list_workspaces

WORKSPACE = "workspace"
NOTICE = "notice"


def settings() -> Settings:
    """The product's settings, from the environment."""
    return Settings()


def settle_workspace() -> None:
    """Decides which workspace is open: the one in the URL, else the session's, else the newest.

    The choice is written back to both, so that a link to any page can be shared or refreshed. Where the
    open one is gone, deleted in another tab perhaps, the page is drawn from the start: what was clicked
    was meant for the one that is gone.
    """
    ids = [workspace.id for workspace in workspaces()]
    known = st.session_state.get(WORKSPACE)
    wanted = (st.query_params.get(WORKSPACE), known, *ids)
    chosen = next((candidate for candidate in wanted if candidate in ids), None)
    if chosen is None:
        st.session_state.pop(WORKSPACE, None)
        st.query_params.pop(WORKSPACE, None)
    else:
        open_workspace(chosen)
    if known and known not in ids:
        if NOTICE not in st.session_state:
            notify(f"The workspace {known} is not here any more.")
        st.rerun()


def workspaces() -> list[Workspace]:
    """All workspaces, most recently changed first."""
    found = list_workspaces(settings())
    return sorted(found, key=lambda workspace: workspace.path.stat().st_mtime, reverse=True)


def opened_samples() -> set[tuple[str, str]]:
    """The samples that have a workspace already: name, and the finished case's model or nothing."""
    found = set()
    for workspace in workspaces():
        with suppress(RagftError):  # a damaged workspace is named on its own pages
            origin = made_elsewhere(workspace)
            found.add((workspace.settings().sample, origin.model if origin else ""))
    return found


def open_workspace(workspace_id: str) -> None:
    """Makes a workspace the open one."""
    st.session_state[WORKSPACE] = workspace_id
    if st.query_params.get(WORKSPACE) != workspace_id:
        st.query_params[WORKSPACE] = workspace_id


def current_workspace() -> Workspace | None:
    """The open workspace, or None when there is none yet."""
    workspace_id = st.session_state.get(WORKSPACE)
    return Workspace(settings().workspaces / workspace_id) if workspace_id else None


def get(name: str, default: Any = None) -> Any:
    """A page's own value; ``name`` is ``page.value``, for example ``chat.question``."""
    return st.session_state.get(name, default)


def put(name: str, value: Any) -> None:
    """Keeps a page's own value: an id, a number or a short text."""
    st.session_state[name] = value


def follow(key: str, kept: Any) -> None:
    """Lets a widget show what is kept, also where another tab, or somebody else, changes it.

    What the widget was changed to here just now stays, for the page to keep.

    Args:
        key: Of the widget, which is drawn next, without a value of its own.
        kept: What it shows of the value on disk.
    """
    before = st.session_state.get(f"{key}.before")  # what it showed, and what was kept
    if key not in st.session_state or (
        before and before[0] == st.session_state[key] and before[1] != kept
    ):
        st.session_state[key] = kept
    st.session_state[f"{key}.before"] = (st.session_state[key], kept)


def drop(name: str) -> None:
    """Forgets a page's own value."""
    st.session_state.pop(name, None)


def forget_all() -> None:
    """Forgets everything: somebody else may use this browser next."""
    st.session_state.clear()


def notify(text: str) -> None:
    """Leaves a message that is shown once, after the next rerun."""
    st.session_state[NOTICE] = text


def show_notice() -> None:
    """Shows the message left by ``notify``, if any."""
    text = st.session_state.pop(NOTICE, None)
    if text:
        st.toast(text, icon=":material/check_circle:")
