"""Says of what was computed on another machine where, when and with which model."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import plain
from ragft_core.jobs import made_elsewhere
from ragft_core.workspace import Workspace


def notice(workspace: Workspace, *things: str) -> None:
    """A few words where any of these adapters, evaluations or records was made elsewhere.

    Args:
        workspace: What they belong to.
        things: Their ids; without any, the workspace as a whole is meant.
    """
    origin = made_elsewhere(workspace)
    if origin is not None and (not things or any(map(origin.covers, things))):
        # On a phone the whole of it would take three lines of every page.
        st.caption(":material/public: Made elsewhere", help=plain(origin.text))


def mark(workspace: Workspace) -> set[str]:
    """The ids of all that was made elsewhere, for places that have room for two words only."""
    origin = made_elsewhere(workspace)
    return {*origin.adapters, *origin.evaluations, *origin.records} if origin else set()
