"""How searches over settings are drawn: the trials as a table, and the button to train the best."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.build.parts.training import ARMS, train_as
from pages.ui import components
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import fragment
from ragft_core.finetuning.training import best_config, best_trial, list_sweeps, trials_of
from ragft_core.jobs import Job
from ragft_core.workspace import Workspace


def sweeps_section(workspace: Workspace, sweeps: Sequence[Job]) -> None:
    """All searches, newest first; one at work is drawn anew every few seconds."""
    active = any(job.status().active for job in sweeps)

    @fragment(run_every="4s" if active else None)
    def live() -> None:
        now = list_sweeps(workspace)  # another tab may have started or deleted one
        for job in now:
            _card(workspace, job)
        if active and not any(job.status().active for job in now):
            st.rerun()

    live()


def _card(workspace: Workspace, job: Job) -> None:
    status, trials = job.status(), trials_of(job)
    best = best_trial(trials)
    arm = "hybrid" if job.spec.get("config", {}).get("with_context") else "fine-tuned"
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**Search of {job.spec.get('minutes', 0):g} minutes** · {ARMS[arm].lower()}"
            )
            st.badge(status.state.value, color="blue" if status.active else "gray")
            st.caption(components.moment(job.created_at))
        if status.active:
            st.progress(status.share, text=plain(status.message))
        if status.error:
            st.warning(plain(status.error))
        if trials:
            st.dataframe(
                [
                    {
                        "": "★" if best and trial.number == best.number else "",
                        "Trial": trial.number + 1,
                        "Learning rate": f"{trial.learning_rate:.2g}",
                        "Rank": trial.rank,
                        "Steps": trial.steps,
                        "Right": f"{trial.right} of {trial.asked}",
                        "Validation loss": trial.val_loss,
                        "End": trial.state,
                        "Time": components.duration(trial.seconds),
                    }
                    for trial in trials
                ],
                hide_index=True,
                width="stretch",
                column_config={"Validation loss": st.column_config.NumberColumn(format="%.3f")},
                alt="The trials of the search",
            )
        if best and best.number and best.asked < 30:
            st.caption(
                f"{best.asked} questions are a rough measure, and the best of {len(trials)} trials "
                "looks better than it is: let an evaluation decide."
            )
        if not status.active and trials and best is None:
            st.caption("No trial came to its end. Search again, with more minutes.")
        with st.container(horizontal=True):
            _actions(workspace, job)


def _actions(workspace: Workspace, job: Job) -> None:
    status, config = job.status(), best_config(job)
    if status.active:
        if st.button("Stop the search", icon=":material/stop_circle:", key=f"sweep.stop.{job.id}"):
            job.stop()
            st.rerun()
        return
    if config and st.button(
        "Train the best on all rows", type="primary", icon=":material/play_arrow:",
        key=f"sweep.train.{job.id}",
    ):  # fmt: skip
        with show_errors():
            train_as(workspace, config)
    if status.state.resumable and st.button(
        "Resume", icon=":material/play_arrow:", key=f"sweep.resume.{job.id}"
    ):
        with show_errors():
            job.resume()
            st.rerun()
    lost = "The search's trials are removed for good; what was trained by them stays."
    if components.confirmed("Delete", lost, "Delete the search", f"sweep.delete.{job.id}"):
        with show_errors():
            job.delete()
            st.rerun()
