"""A fact changed in a document: every arm's answer before and after, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import components, resources, state
from pages.ui.arms import label
from pages.ui.errors import plain, show_errors
from ragft_core.documents import format_of
from ragft_core.strategies import Change, change_and_ask, list_changes, undo
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
    with show_errors(), st.spinner("Asking, changing, asking again"):
        change_and_ask(
            resources.lab(workspace), chosen, question.strip(), old, None if delete else new
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
