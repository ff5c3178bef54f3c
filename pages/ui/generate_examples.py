"""Writing examples from the documents: the form, the running job, and the review of its result."""

from __future__ import annotations

import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import fragment
from ragft_core.finetuning.writing import (
    DROPPED,
    REASONS,
    Candidate,
    accept,
    discard,
    edit,
    latest_generation,
    read_candidates,
    start_generation,
    writer_ready,
)
from ragft_core.jobs import Job, JobStatus
from ragft_core.knowledge import chunks_of, documents
from ragft_core.workspace import Workspace


def generate_examples_section(workspace: Workspace) -> None:
    """The whole section: whichever of form, progress and review is due."""
    job = latest_generation(workspace)
    status = job.status() if job else None
    if job is None or status is None:
        writing_form(workspace)
    elif status.active:
        writing_progress(job)
    else:
        _review(workspace, job, status)


def writing_form(workspace: Workspace) -> None:
    """How many to write, and the start."""
    if not documents(workspace):
        components.empty_state(
            "There are no documents to write examples from.",
            "Questions are written about what they say.",
            components.DOCUMENTS,
        )
        return
    st.caption(
        "A question is written for each fact found in the documents. It is kept only when the "
        "reader finds the same answer in the passage and the bare model does not know it without. "
        "You review everything before it is used."
    )
    if not writer_ready(workspace):
        st.caption(
            ":material/info: The question-writing adapter belongs to the bundled model; the "
            "model of this workspace writes by itself, which works well from about 3 billion "
            "parameters on."
        )
    with st.form("examples.generate", border=False):
        target = st.number_input(
            "How many to keep", 10, 1000, 100, 10, help="Several wordings of one fact count each."
        )
        if st.form_submit_button("Write examples", type="primary", icon=":material/edit_note:"):
            with show_errors():
                chunks = [
                    (document.title, chunk)
                    for document in documents(workspace)
                    for chunk in chunks_of(workspace, document.id)
                ]
                start_generation(workspace, chunks, int(target))
                st.rerun()


def writing_progress(job: Job) -> None:
    """A running job, live."""

    @fragment(run_every="2s")
    def live() -> None:
        status = job.status()
        if not status.active:
            st.rerun()
        left = f", about {components.duration(status.eta_s)} left" if status.eta_s else ""
        st.progress(status.share, text=f"{status.message}{left}")
        kept, dropped = read_candidates(job.folder), read_candidates(job.folder, DROPPED)
        if kept or dropped:
            _counts(kept, dropped)
            _sample(kept[-5:])
        if st.button("Stop and keep what there is", icon=":material/stop_circle:"):
            job.stop()

    live()


def _sample(kept: list[Candidate]) -> None:
    for candidate in reversed(kept):
        with st.container(border=True):
            st.markdown(f"**{plain(candidate.question)}** {plain(candidate.answer)}")
            st.caption(f"“{plain(candidate.evidence)}”")


def _counts(kept: list[Candidate], dropped: list[Candidate]) -> None:
    facts = len({candidate.fact for candidate in kept})
    counts: dict[str, int] = {}
    for candidate in dropped:
        counts[candidate.reason] = counts.get(candidate.reason, 0) + 1
    st.markdown(
        f"**{len(kept)}** kept, about **{facts}** facts in "
        f"**{len({c.document_id for c in kept})}** documents; **{len(dropped)}** dropped"
    )
    if counts:
        parts = sorted(counts.items(), key=lambda item: -item[1])
        st.caption(
            "Dropped: " + "; ".join(f"{REASONS.get(key, key)} ({count})" for key, count in parts)
        )


def _review(workspace: Workspace, job: Job, status: JobStatus) -> None:
    kept, dropped = read_candidates(job.folder), read_candidates(job.folder, DROPPED)
    if status.error:
        st.error(plain(status.error), title="The writing ended early.")
    note = (job.result() or {}).get("note", "")
    if note:
        st.caption(f":material/info: {note}")
    _counts(kept, dropped)
    if kept:
        chosen = _table(workspace, job, kept)
        if st.button(f"Add {len(chosen)} examples", type="primary", disabled=not chosen):
            with show_errors():
                added = accept(workspace, job, chosen)
                state.notify(f"{added} examples were added.")
                state.put("examples.added", True)
                st.rerun()
    with st.container(horizontal=True):
        if status.state.resumable and st.button("Go on writing", icon=":material/play_arrow:"):
            with show_errors():
                job.resume()
                st.rerun()
        lost = f"The {len(kept)} examples that were written are removed for good."
        if (
            components.confirmed("Discard all", lost, "Discard them", "examples.discard")
            if kept
            else st.button("Close", icon=":material/close:")
        ):
            discard(job)
            st.rerun()
    if dropped:
        with st.expander(f"What was dropped, and why ({len(dropped)})"):
            st.dataframe(
                [
                    {
                        "Why": REASONS.get(c.reason, c.reason),
                        "Question": c.question,
                        "Answer": c.answer,
                    }
                    for c in dropped
                ],
                width="stretch",
            )


def _table(workspace: Workspace, job: Job, kept: list[Candidate]) -> list[Candidate]:
    """The rows with their evidence, to keep, edit or drop; returns those kept, as edited."""
    titles = {document.id: document.title for document in documents(workspace)}
    rows = [
        {
            "keep": True,
            "question": candidate.question,
            "answer": candidate.answer,
            "evidence": candidate.evidence,
            "document": titles.get(candidate.document_id, candidate.document_id),
        }
        for candidate in kept
    ]
    edited = st.data_editor(
        rows,
        key=f"examples.review.{job.id}.{len(rows)}",
        hide_index=True,
        num_rows="fixed",
        width="stretch",
        height=420,
        column_config={
            "keep": st.column_config.CheckboxColumn("Keep", width="small"),
            "question": st.column_config.TextColumn("Question", width="medium"),
            "answer": st.column_config.TextColumn("Answer", width="small"),
            "evidence": st.column_config.TextColumn("Evidence", width="large", disabled=True),
            "document": st.column_config.TextColumn("Document", disabled=True),
        },
    )
    return [
        edit(candidate, row["question"] or "", row["answer"] or "")
        for candidate, row in zip(kept, edited, strict=True)
        if row["keep"]
    ]
