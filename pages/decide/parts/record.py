"""Decision records: kept, downloaded, reopened, compared."""

from __future__ import annotations

import streamlit as st

from pages.decide.parts import charts
from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from pages.ui.finished import origin
from pages.ui.people.visit import later
from ragft_core.advisor import (
    Answers,
    DecisionRecord,
    Recommendation,
    compare_records,
    load_records,
    make_record,
    parse_record,
    render_record,
    render_rfp,
    save_record,
)
from ragft_core.advisor.deciding import percent
from ragft_core.advisor.export import render_docx, render_rfp_docx, render_slides
from ragft_core.workspace import Workspace

FORMS = {
    "html": ("Printable page", "text/html", ":material/print:"),
    "docx": (
        "Word",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ":material/description:",
    ),
    "pptx": (
        "Slides",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ":material/slideshow:",
    ),
    "markdown": ("Markdown", "text/markdown", ":material/markdown:"),
    "json": ("JSON", "application/json", ":material/data_object:"),
}
ENDINGS = {"html": "html", "docx": "docx", "pptx": "pptx", "markdown": "md", "json": "json"}
BINARY = {"docx": render_docx, "pptx": render_slides}
UPLOADED = "advisor.uploaded"


def records(
    workspace: Workspace,
    answers: Answers,
    result: Recommendation,
) -> None:
    """Keeping a record, and what can be done with those kept."""
    st.header("Decision record", anchor=False)
    if not result.informed:
        components.empty_state(
            "There is no decision to keep yet.", "Answer a few questions, or measure something."
        )
    else:
        note = st.text_area(
            "Note", max_chars=2000, key="advisor.note", placeholder="Who decided, and what for"
        )
        if st.button("Keep a record", type="primary", icon=":material/bookmark_add:"):
            record = make_record(workspace, answers, note, result.certainty)
            save_record(workspace, record)
            state.notify("The record was kept.")
            st.rerun()
    opened = load_records(workspace)
    if not opened:
        st.caption("No record has been kept yet.")
        return
    chosen = st.selectbox(
        "Kept records",
        list(opened),
        format_func=components.distinct({k: _title(r) for k, r in opened.items()}),
        key="advisor.record",
    )
    origin.notice(workspace, chosen)
    _open(opened[chosen])
    _rfp(opened[chosen])
    _compare(opened, chosen)


def _title(record: DecisionRecord) -> str:
    verdict = record.result.verdict
    name = charts.title(verdict) if verdict else "no clear winner"
    return f"{components.moment(record.created_at)}: {name}, {percent(record.result.share)}"


def _open(record: DecisionRecord) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(record.result.headline.text)}**")
        if record.note:
            st.caption(plain(record.note))
        with st.container(horizontal=True):
            for form, (label, mime, icon) in FORMS.items():
                st.download_button(
                    label,
                    later(
                        lambda form=form: (  # type: ignore[misc]
                            BINARY[form](record) if form in BINARY else render_record(record, form)
                        )
                    ),
                    file_name=f"{record.id}.{ENDINGS[form]}",
                    mime=mime,
                    icon=icon,
                    key=f"advisor.get.{record.id}.{form}",
                    on_click="ignore",
                )


def _rfp(record: DecisionRecord) -> None:
    """A tender's common questions, answered from the record."""
    st.caption("Common questions of a tender (data, privacy, cost, exit, ...) answered from it:")
    with st.container(horizontal=True):
        for form, write in (("docx", render_rfp_docx), ("markdown", render_rfp)):
            label, mime, icon = FORMS[form]
            st.download_button(
                f"Questions, {label}",
                later(lambda write=write: write(record)),  # type: ignore[misc]
                file_name=f"{record.id}-questions.{ENDINGS[form]}",
                mime=mime,
                icon=icon,
                key=f"advisor.rfp.{record.id}.{form}",
                on_click="ignore",
            )


def _compare(opened: dict[str, DecisionRecord], chosen: str) -> None:
    with st.expander("What changed between two records"):
        file = st.file_uploader("A record from elsewhere, as JSON", type="json", key=UPLOADED)
        others = {key: record for key, record in opened.items() if key != chosen}
        if file is not None:
            with show_errors():
                text = file.getvalue().decode("utf-8", errors="replace")
                others[file.name] = parse_record(text, file.name)
        if not others:
            st.caption("Keep a second record, or bring one in, to compare.")
            return
        other = st.selectbox(
            "Compare with",
            list(others),
            format_func=components.distinct({k: _title(r) for k, r in others.items()}),
        )
        pair = sorted((others[other], opened[chosen]), key=lambda record: record.created_at)
        changes = compare_records(*pair)
        if not changes:
            st.caption("Nothing differs.")
            return
        st.dataframe(
            [
                {
                    "": c.topic,
                    "What": c.what,
                    "Before": c.before or "not there",
                    "After": c.after or "not there",
                }
                for c in changes
            ],
            hide_index=True,
            width="stretch",
            alt=f"{len(changes)} differences between the two records",
        )
