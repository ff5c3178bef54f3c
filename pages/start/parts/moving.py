"""A workspace renamed, shared, taken away as a file, archived, deleted, and brought in from a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from pages.ui import state
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import later
from pages.ui.waiting import work
from ragft_core.access import Right, rights
from ragft_core.overview import (
    archive_workspace,
    export_workspace,
    import_workspace,
    remove_workspace,
    rename_workspace,
    restore_workspace,
)
from ragft_core.people import share_workspace
from ragft_core.workspace import Workspace, list_archived


def moving_section(workspace: Workspace) -> None:
    """What can be done with the workspace as a whole, by whoever may."""
    name = workspace.settings().name
    own = rights.may(Right.OWN, workspace.path)
    if rights.doors_are_closed():
        _members(workspace, own)
    rename, away, delete = st.columns(3, gap="large")
    if own:
        with rename, st.form(f"home.rename.{workspace.id}", border=False):
            st.markdown("**Its name**")
            wanted = st.text_input("Name", name, max_chars=64, label_visibility="collapsed")
            if st.form_submit_button("Rename"):
                with show_errors():
                    rename_workspace(workspace, wanted)
                    st.rerun()
    if rights.may(Right.CHANGE, workspace.path):
        with away:
            st.markdown("**Take it away**")
            st.caption("Documents, index, examples, adapters, evaluations and records in one zip.")
            st.download_button(
                "Download", later(lambda: _packed(workspace)), f"{workspace.id}.zip",
                "application/zip", key=f"home.export.{workspace.id}", icon=":material/download:",
            )  # fmt: skip
    if own:
        with delete:
            _put_away(workspace, name)


def _put_away(workspace: Workspace, name: str) -> None:
    st.markdown("**Archive or delete it**")
    if st.button(
        "Archive", icon=":material/archive:", key=f"home.archive.{workspace.id}",
        help="Out of the lists, and nobody changes it, until it is brought back at the foot of Home.",
    ):  # fmt: skip
        with show_errors():
            archive_workspace(workspace)
            state.notify(f"The workspace {plain(name)} is archived.")
            st.rerun()
    typed = st.text_input(
        "Type its name to delete it for good", key=f"home.delete.{workspace.id}.name"
    )
    # Not greyed out until the name is right: the click that ends the typing would be lost.
    if not st.button("Delete", icon=":material/delete:", key=f"home.delete.{workspace.id}"):
        return
    if typed.strip() != name:
        st.warning(f"Nothing was deleted. Type {plain(name)} above first.")
    else:
        with show_errors():
            remove_workspace(workspace)
            state.notify(f"The workspace {plain(name)} is gone.")
            st.rerun()


def _members(workspace: Workspace, own: bool) -> None:
    """Whose it is and who works in it; its owner and administrators change that."""
    known = rights.members_of(workspace.path)
    st.markdown("**Whose it is**")
    if not own:
        with_them = f", with {plain(', '.join(known.members))}" if known.members else ""
        st.caption(f"{plain(known.owner or 'Nobody')}{with_them}.")
        return
    with st.form(f"home.share.{workspace.id}", border=False):
        left, right = st.columns([1, 2])
        owner = left.text_input("Owner", known.owner, max_chars=200)
        members = right.text_input(
            "Members", ", ".join(known.members), max_chars=4000,
            help="Mail addresses, parted by commas. Editors change the workspace, viewers read it.",
        )  # fmt: skip
        if st.form_submit_button("Share"):
            with show_errors():
                listed = [one.strip() for one in members.split(",") if one.strip()]
                share_workspace(workspace, owner=owner, members=listed)
                state.notify("Saved.")
                st.rerun()


def _packed(workspace: Workspace) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workspace.zip"
        export_workspace(workspace, file)
        return file.read_bytes()


def bring_in() -> None:
    """A workspace from a file that this lab made, here or elsewhere."""
    file = st.file_uploader(
        "A workspace from a file", type="zip", key="home.import", max_upload_size=2000
    )
    if file is not None and st.button("Bring it in", key="home.import.go", width="stretch"):
        with show_errors():
            made = work.done(
                f"import.{file.file_id}",
                lambda _: import_workspace(state.settings(), file),
                "Unpacking",
            )
            state.open_workspace(made.id)
            state.notify(f"The workspace {plain(made.settings().name)} is here.")
            st.rerun()


def archived_section() -> None:
    """The archived workspaces, each with a button that brings it back; nothing where there is none."""
    found = list_archived(state.settings())
    if not found:
        return
    with st.expander(f"Archived: {len(found)}", icon=":material/archive:"):
        for workspace in found:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(plain(workspace.settings().name), width="content")
                if rights.may(Right.OWN, workspace.path) and st.button(
                    "Bring it back", key=f"home.restore.{workspace.id}", type="tertiary"
                ):
                    with show_errors():
                        restore_workspace(workspace)
                        state.open_workspace(workspace.id)
                        st.rerun()
