"""How documents come in: the form, the jobs at work, and what became of the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import fragment
from ragft_core.documents import EXTENSIONS, MAX_FILE_BYTES, is_litter
from ragft_core.jobs import Job, JobState, JobStatus, list_jobs
from ragft_core.knowledge import FileReport, ingest_state, start_ingest
from ragft_core.workspace import Workspace

SHOWN_FILES = 4
WAYS = {"files": "Files", "folder": "A folder"}
_ICONS = {
    "added": ":green[:material/check_circle:]",
    "replaced": ":green[:material/sync:]",
    "already there": ":gray[:material/drive_file_move:]",
    "refused": ":red[:material/error:]",
}
_WORDS = {
    "added": "added",
    "replaced": "added; it replaces the older version",
    "already there": "already there, nothing to do",
}


def form(workspace: Workspace) -> None:
    """Takes files or a folder and starts the job; the page need not stay open."""
    way = st.segmented_control(
        "Add documents", list(WAYS), format_func=WAYS.get, default="files", required=True,
        key="documents.way",
    )  # fmt: skip
    with st.form("documents.upload", clear_on_submit=True):
        chosen = st.file_uploader(
            "Files" if way == "files" else "Every file of a folder and of the folders in it",
            accept_multiple_files=True if way == "files" else "directory",
            max_upload_size=MAX_FILE_BYTES // 2**20,
            key=f"documents.{way}",
        )
        kinds = ", ".join(sorted({kind.upper() for kind in EXTENSIONS.values()}))
        st.caption(
            f"{kinds}, and zips of them. A file added again changes nothing. Two files of one name "
            "in one upload both stay."
        )
        keep_names = st.checkbox(
            "Keep documents of the same name",
            key="documents.keep",
            help="Off: a file whose name is known is taken for the new version of that document, "
            "and replaces it. On: both stay, the new one under another name.",
        )
        submitted = st.form_submit_button("Add to the knowledge base", type="primary")
    if submitted and chosen:
        files = [
            (upload.name, upload)
            for upload in chosen
            if way == "files" or not is_litter(upload.name)
        ]
        start_ingest(workspace, files, keep_names=keep_names)
        state.notify("The files are kept; they are being added. You may leave this page.")
        st.rerun()
    elif submitted:
        st.caption("Choose one or more files first.")


def jobs(workspace: Workspace) -> None:
    """Ingest jobs that wait, run or did not end well, and the outcome of the last that did."""
    found = [(job, job.status()) for job in list_jobs(workspace, "ingest")]
    active = any(status.active for _, status in found)
    ended_well = [job for job, status in found if status.state is JobState.SUCCEEDED]

    @fragment(run_every="1s" if active else None)
    def live() -> None:
        statuses = [(job, job.status()) for job, _ in found]
        if any(before.active and not now.active
               for (_, before), (_, now) in zip(found, statuses, strict=True)):  # fmt: skip
            st.rerun()  # the whole page: there are new documents
        for job, status in statuses:
            if status.state is not JobState.SUCCEEDED:
                _card(job, status)

    live()
    if ended_well:
        show_reports(ingest_state(ended_well[0]).reports)
        if st.button("Dismiss", key="documents.dismiss", type="tertiary"):
            for job in ended_well:
                job.delete()
            st.rerun()


def _card(job: Job, status: JobStatus) -> None:
    """A job that has not ended well: how far it is and what can be done."""
    with st.container(border=True), show_errors():
        left = f", about {components.duration(status.eta_s)} left" if status.eta_s else ""
        st.progress(status.share, text=f"{plain(status.message)}{left}")
        if status.active:
            if st.button(
                "Stop and keep what is in", icon=":material/stop_circle:", key=f"stop.{job.id}"
            ):
                job.stop()
                st.rerun()
            return
        done = ingest_state(job)
        st.markdown(f"{len(done.reports)} of {done.n_files} files were settled; nothing is lost.")
        if status.error:
            st.warning(plain(status.error), title="Not all files were added.")
        with st.container(horizontal=True):
            if st.button("Go on", icon=":material/play_arrow:", key=f"resume.{job.id}"):
                job.resume()
                st.rerun()
            if st.button("Forget the rest", type="tertiary", key=f"delete.{job.id}"):
                job.delete()
                st.rerun()


def show_reports(reports: Sequence[FileReport]) -> None:
    """The outcome of an upload, file by file, refusals first and with their reason."""
    refused = [report for report in reports if report.document is None]
    taken = [report for report in reports if report.document is not None]
    with st.container(border=True):
        if refused:
            verb = "was" if len(refused) == 1 else "were"
            st.markdown(f"**{len(refused)} of {len(reports)} files {verb} refused**")
            st.markdown(
                "  \n".join(
                    f"{_ICONS['refused']} {plain(f'{item.error} {item.remedy}')}"
                    for item in refused
                )
            )
        counts = Counter(report.outcome for report in taken)
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        place = st.container()
        if len(taken) > SHOWN_FILES:
            place = st.expander(f"{_ICONS['added']} {summary}")
        lines = []
        for item in taken:
            lines.append(f"{_ICONS[item.outcome]} {plain(item.file_name)}: {_WORDS[item.outcome]}")
            if item.warnings:
                lines.append(f":small[:material/warning: {plain(' '.join(item.warnings))}]")
        if lines:
            place.markdown("  \n".join(lines))
