"""What a person must look at before a workspace works: models from elsewhere, damaged files."""

from __future__ import annotations

import streamlit as st

from pages.ui import state
from pages.ui.components import damage_in
from pages.ui.errors import plain, show_errors
from ragft_core.access import Right, rights
from ragft_core.approval import approve, unapproved, what_for
from ragft_core.knowledge import version_models
from ragft_core.overview import Damage, set_aside
from ragft_core.workspace import Workspace


def consent_notice(workspace: Workspace) -> None:
    """Asks about every model that the workspace names and nobody here has chosen."""
    for number, choice in enumerate(unapproved(workspace, version_models(workspace))):
        with st.container(border=True):
            st.markdown(":orange[:material/shield:] **This workspace was not set up here**")
            st.markdown(f"It {plain(what_for(choice))}. Until you allow that, it is not used.")
            if st.button(
                "Allow it", key=f"home.allow.{workspace.id}.{number}",
                disabled=not rights.may(Right.REACH),
            ):  # fmt: skip
                approve(workspace, choice)
                state.notify("Allowed for this workspace.")
                st.rerun()


def damage_notice(workspace: Workspace) -> None:
    """Names what is damaged, each with a button that sets it aside."""
    found = damage_in(workspace)
    if not found:
        return
    with st.container(border=True):
        things = "One thing is" if len(found) == 1 else f"{len(found)} things are"
        st.markdown(f":orange[:material/warning:] **{things} damaged**")
        st.caption("The rest works without. Setting aside deletes nothing.")
        for damage in found:
            _row(workspace, damage)


def _row(workspace: Workspace, damage: Damage) -> None:
    told, button = st.columns([5, 1], vertical_alignment="center")
    place = damage.path
    if damage.rows:
        shown = ", ".join(map(str, damage.rows[:5])) + (" …" if len(damage.rows) > 5 else "")
        place += f", row {shown}" if len(damage.rows) == 1 else f", rows {shown}"
    told.markdown(f"`{place}`  \n{plain(damage.reason)}")
    if damage.newer:
        return
    if button.button("Set aside", key=f"home.damage.{damage.path}", width="stretch"):
        with show_errors():
            target = set_aside(workspace, damage)
            state.notify(f"It lies in {target.relative_to(workspace.path).as_posix()} now.")
            st.rerun()
