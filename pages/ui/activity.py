"""What goes on in the open workspace: the part of the sidebar that stands on every page."""

from __future__ import annotations

import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain
from pages.ui.people.visit import fragment
from ragft_core.jobs import KINDS, Job, JobState, JobStatus, activity, get_job
from ragft_core.workspace import Workspace

PAGES = {
    "ingest": components.DOCUMENTS,
    "train": components.FINETUNE,
    "generate": components.EXAMPLES,
    "evaluate": components.EVALUATION,
}
ICONS = {
    JobState.SUCCEEDED: ":material/check_circle:",
    JobState.FAILED: ":material/error:",
    JobState.STOPPED: ":material/stop_circle:",
    JobState.INTERRUPTED: ":material/warning:",
}
# Whoever watches a job wants to see it move; whoever works wants the processor.
WATCHING, IDLE = "2s", "5s"


def section() -> None:
    """Running and waiting jobs, each leading to its page, and a notice when one ends.

    Reads files only, so jobs that were started elsewhere are seen like the others.
    """
    workspace = state.current_workspace()
    if workspace is None:
        return

    @fragment(run_every=WATCHING if activity(workspace).active else IDLE)
    def live() -> None:
        now = activity(workspace)
        _notices(workspace, now.ended)
        for job, status in now.active:
            _row(job, status)

    with st.sidebar:
        live()


def _notices(workspace: Workspace, ended: frozenset[str]) -> None:
    """Tells once of each job that has ended since the last look."""
    key = f"activity.ended.{workspace.id}"
    known = state.get(key)
    state.put(key, ended)
    for job_id in sorted(ended - known) if known is not None else ():
        job = get_job(workspace, job_id)
        end = job.status()
        st.toast(f"{_title(job)}: {end.message.lower()}", icon=ICONS[end.state])


def _row(job: Job, status: JobStatus) -> None:
    waits = status.state is JobState.QUEUED
    icon = ":material/schedule:" if waits else ":material/play_circle:"
    if st.button(_title(job), icon=icon, type="tertiary", key=f"activity.{job.id}"):
        st.switch_page(PAGES.get(job.kind, components.HOME))
    text = plain(status.message)
    if job.where:
        text += f" ({plain(job.where)})"
    if status.eta_s:
        text += f", about {components.duration(status.eta_s)} left"
    st.progress(status.share, text=text)


def _title(job: Job) -> str:
    return KINDS[job.kind].title if job.kind in KINDS else "A job"
