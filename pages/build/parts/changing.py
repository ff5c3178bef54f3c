"""What changes: a fact with every arm's answer before and after, and named versions to go back to."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import components, resources, state
from pages.ui.arms import label
from pages.ui.errors import plain, show_errors
from pages.ui.waiting import work
from ragft_core.documents import format_of
from ragft_core.knowledge import (
    Version,
    delete_version,
    list_versions,
    name_version,
    restore_version,
    shelf_of,
)
from ragft_core.knowledge import documents as documents_of
from ragft_core.strategies import Change, arms_on, change_and_ask, list_changes, undo
from ragft_core.types import Document
from ragft_core.workspace import Workspace

SHOWN = 5


def section(workspace: Workspace, documents: Sequence[Document]) -> None:
    """The form, and the newest changes with what the arms said."""
    st.caption(
        "What is retrieved follows the documents at once; what was trained stays as it was. Ask a "
        "question, change the fact that answers it, and see who follows. Nothing is lost: each change "
        "can be undone."
    )
    _form(workspace, documents)
    for change in list_changes(workspace)[:SHOWN]:
        _shown(workspace, change)


def _form(workspace: Workspace, documents: Sequence[Document]) -> None:
    titles = {d.id: f"{d.title} ({d.file_name})" for d in documents}
    with st.form("documents.change", border=False):
        chosen = st.selectbox(
            "Document", list(titles), format_func=components.distinct(titles),
            key="documents.change.document",
        )  # fmt: skip
        question = st.text_input(
            "Question", key="documents.change.question", placeholder="How long is the warranty?"
        )
        before, after = st.columns(2)
        old = before.text_input(
            "Text that stands there", key="documents.change.old", placeholder="24 months"
        )
        new = after.text_input(
            "Text instead of it", key="documents.change.new", placeholder="36 months"
        )
        delete = st.checkbox("Delete the whole document instead", key="documents.change.delete")
        asked = st.form_submit_button("Change it and ask", icon=":material/published_with_changes:")
    if not asked:
        return
    if not question.strip():
        st.warning("Ask a question that the document answers.")
        return
    kind = format_of(next(d.format for d in documents if d.id == chosen))
    if not delete and not kind.is_text:
        st.warning(
            f"The text of {kind.words} cannot be changed here. Choose a text document, or delete it."
        )
        return
    with show_errors():
        lab = resources.lab(workspace)
        work.done(
            f"change.{workspace.path}",
            lambda _: change_and_ask(lab, chosen, question.strip(), old, None if delete else new),
            "Asking, changing, asking again",
        )
        st.rerun()


def _shown(workspace: Workspace, change: Change) -> None:
    what = "deleted" if change.new is None else f"“{change.old}” became “{change.new}”"
    with st.container(border=True):
        st.markdown(f"**{plain(change.document)}**: {plain(what)}")
        st.markdown(plain(change.question))
        st.dataframe(
            {
                "Arm": [label(told.arm) for told in change.answers],
                "Before": [told.before for told in change.answers],
                "After": [told.error or told.after for told in change.answers],
                "Says now": [change.says_now(told) for told in change.answers],
            },
            hide_index=True,
            width="stretch",
            alt=f"Answers of {len(change.answers)} arms before and after the change",
        )
        if change.undone:
            st.caption("Undone: the document is as it was before.")
        elif st.button("Undo", icon=":material/undo:", key=f"documents.change.undo.{change.id}"):
            with show_errors():
                undo(resources.knowledge(workspace), change)
                state.notify(f"{change.document} is as it was.")
                st.rerun()


def versions_section(workspace: Workspace) -> None:
    """Names the present state, and lists, restores and deletes the named ones."""
    st.caption(
        "Keeps the documents and their index as they are now under a name: to come back to, or to run "
        "an evaluation on. A version stays whatever is added, deleted or embedded anew, until it is "
        "deleted itself. It takes the disk space of texts and vectors once more."
    )
    base = resources.knowledge(workspace)
    with st.form("documents.version", border=False, clear_on_submit=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name", key="documents.version.name", placeholder="Spring prices")
            asked = st.form_submit_button("Keep the present state", icon=":material/bookmark_add:")
    if asked:
        with show_errors():
            kept = work.done(
                f"version.{workspace.path}", lambda told: name_version(base, name, told), "Copying"
            )
            state.notify(f"Kept as {kept.name}.")
            st.rerun()
    versions = {version.id: version for version in list_versions(workspace)}
    if not versions:
        return
    present = base.version
    st.dataframe(
        {
            "Name": [version.name for version in versions.values()],
            "Of": [components.moment(version.at) for version in versions.values()],
            "Documents": [version.n_documents for version in versions.values()],
            "Chunks": [version.n_chunks for version in versions.values()],
            "Is what there is now": [
                "yes" if version.index_version == present else None for version in versions.values()
            ],
        },
        hide_index=True,
        width="stretch",
        placeholder="–",
        alt=f"Table of the {len(versions)} named versions of the documents",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Version", list(versions), format_func=lambda key: versions[key].name,
            key=f"documents.version.chosen.{len(versions)}",
        )  # fmt: skip
        version = versions[chosen]
        with st.popover("Restore", icon=":material/history:"):
            _restoring(workspace, version)
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown(f"Delete the version **{plain(version.name)}**?")
            st.caption("The documents of this workspace stay. An evaluation on it cannot go on.")
            if read_by := [arm.name for arm in arms_on(workspace, version)]:
                st.caption(f"Read by {plain(', '.join(read_by))}, which cannot be asked then.")
            if st.button("Delete it", type="primary", key=f"documents.version.delete.{chosen}"):
                with show_errors():
                    delete_version(workspace, version)
                    state.notify(f"The version {version.name} was deleted.")
                    st.rerun()


def _restoring(workspace: Workspace, version: Version) -> None:
    now = {d.id: d.file_name for d in documents_of(workspace)}
    then = {d.id: d.file_name for d in documents_of(shelf_of(workspace, version))}
    come = [name for key, name in then.items() if key not in now]
    go = [name for key, name in now.items() if key not in then]
    if not come and not go:
        st.caption("These are the documents that there are now.")
        return
    for what, names in (("Comes back", come), ("Goes", go)):
        if names:
            st.markdown(f"{what}: " + ", ".join(map(plain, names)))
    st.caption("The present state is kept as a version first, so that this can be taken back.")
    if st.button("Restore it", type="primary", key=f"documents.version.restore.{version.id}"):
        with show_errors():
            base = resources.knowledge(workspace)
            restored = work.done(
                f"restore.{workspace.path}",
                lambda told: restore_version(
                    base, version, lambda name, stage, share: told(share, f"{name}: {stage}")
                ),
                "Restoring",
            )
            kept = f" The state before is {restored.before.name}." if restored.before else ""
            state.notify(f"The documents are those of {version.name}.{kept}")
            st.rerun()
