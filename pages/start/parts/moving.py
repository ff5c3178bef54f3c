"""A workspace renamed, taken away as a file, deleted, and brought in from a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from pages.ui import state
from pages.ui.errors import plain, show_errors
from ragft_core.overview import (
    export_workspace,
    import_workspace,
    remove_workspace,
    rename_workspace,
)
from ragft_core.workspace import Workspace


def moving_section(workspace: Workspace) -> None:
    """What can be done with the workspace as a whole."""
    name = workspace.settings().name
    rename, away, delete = st.columns(3, gap="large")
    with rename, st.form(f"home.rename.{workspace.id}", border=False):
        st.markdown("**Its name**")
        wanted = st.text_input("Name", name, max_chars=64, label_visibility="collapsed")
        if st.form_submit_button("Rename"):
            with show_errors():
                rename_workspace(workspace, wanted)
                st.rerun()
    with away:
        st.markdown("**Take it away**")
        st.caption("Documents, index, examples, adapters, evaluations and records in one zip file.")
        st.download_button(
            "Download", lambda: _packed(workspace), f"{workspace.id}.zip", "application/zip",
            key=f"home.export.{workspace.id}", icon=":material/download:",
        )  # fmt: skip
    with delete:
        st.markdown("**Delete it**")
        typed = st.text_input(
            "Type its name to delete it for good", key=f"home.delete.{workspace.id}.name"
        )
        if st.button(
            "Delete", icon=":material/delete:", disabled=typed.strip() != name,
            key=f"home.delete.{workspace.id}",
        ):  # fmt: skip
            with show_errors():
                remove_workspace(workspace)
                state.notify(f"The workspace {plain(name)} is gone.")
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
        with show_errors(), st.spinner("Unpacking"):
            made = import_workspace(state.settings(), file)
            state.open_workspace(made.id)
            state.notify(f"The workspace {plain(made.settings().name)} is here.")
            st.rerun()
