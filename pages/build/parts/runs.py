"""How a run is drawn: where it is, its answers, what came of it, and trying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.build.parts import curves
from pages.build.parts.training import ARMS
from pages.ui import components, resources, state
from pages.ui.errors import plain, show_errors
from pages.ui.people.visit import fragment
from ragft_core.finetuning import list_runs
from ragft_core.finetuning.training import (
    RunResult,
    rename_run,
    right_answers,
    run_facts,
    run_metrics,
    run_note,
    run_title,
    seed_spreads,
    signs,
    spread_text,
)
from ragft_core.finetuning.writing import rewordings_of
from ragft_core.jobs import Job, JobState, JobStatus
from ragft_core.strategies import add_seed_arms
from ragft_core.workspace import Workspace

BADGES = {
    JobState.QUEUED: "gray",
    JobState.RUNNING: "blue",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.STOPPED: "orange",
    JobState.INTERRUPTED: "orange",
}
WARNING = ":orange[:material/warning:]"


def runs_section(workspace: Workspace, runs: Sequence[Job]) -> None:
    """All runs, newest first; those at work are drawn anew every four seconds."""
    active = any(job.status().active for job in runs)

    @fragment(run_every="4s" if active else None)
    def live() -> None:
        now = list_runs(workspace)  # another tab may have started or deleted one
        for number, job in enumerate(now):
            run_card(workspace, job, expanded=number == 0)
        if active and not any(job.status().active for job in now):
            st.rerun()  # the whole page: the adapter is there now, and the timer ends

    live()


def seeds_section(workspace: Workspace, runs: Sequence[Job]) -> None:
    """What another seed is worth, where runs differ by it alone, and an arm for each."""
    for spread in seed_spreads(runs):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/casino: {plain(spread_text(spread))}", width="stretch")
            if st.button(
                "Make an arm of each", key=f"seeds.{spread.runs[0]}",
                help="An evaluation of them then shows the spread on your test questions.",
            ):  # fmt: skip
                with show_errors():
                    made = add_seed_arms(workspace, spread)
                    state.notify(f"{len(made)} arms can be chosen now.")
                    st.rerun()


def run_card(workspace: Workspace, job: Job, *, expanded: bool) -> None:
    """One run: where it is, its curves and answers, what can be done, and its card."""
    status = job.status()
    arm = "hybrid" if run_facts(job).config.with_context else "fine-tuned"
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(run_title(job))}** · {ARMS[arm].lower()}")
            st.badge(status.state.value, color=BADGES[status.state])
            st.caption(components.moment(job.created_at))
        notes = run_note(job).notes
        if notes:
            st.caption(plain(notes))
        if status.active:
            _progress(status)
        if status.error:
            # Only a failure needs a change; an interruption is a state of its own.
            show = st.error if status.state is JobState.FAILED else st.warning
            show(plain(status.error), title="The run did not finish.")
        with st.container(horizontal=True):
            _actions(workspace, job, status)
        if status.active or expanded:
            _inside(workspace, job, status)
        elif job.metrics():
            with st.expander(
                "Curves and answers", on_change="rerun", key=f"finetune.{job.id}"
            ) as e:
                if e.open:
                    _inside(workspace, job, status)


def _inside(workspace: Workspace, job: Job, status: JobStatus) -> None:
    metrics, result = run_metrics(job), run_facts(job).result
    if result is not None:
        _result(result)
    else:
        _now(metrics)
        for text in signs(metrics):
            st.caption(f"{WARNING} {plain(text)}")
    # What is not looked at is not drawn: drawing takes the processor from the training.
    losses, answers, speed = st.tabs(
        ["Losses", "Answers", "Learning rate and speed"],
        on_change="rerun",
        key=f"finetune.tabs.{job.id}",
    )
    if losses.open:
        with losses:
            curves.loss_chart(metrics, f"finetune.chart.{job.id}")
    if answers.open:
        with answers:
            _answers(metrics, job.id)
    if speed.open:
        with speed:
            curves.speed_charts(metrics, job.id)
    if result is not None and not status.active and result.adapter:
        _try_it(workspace, result.adapter, job.id)
    written = rewordings_of(job.folder)
    if written:
        with st.expander(
            f"{len(written)} questions in other words",
            icon=":material/edit_note:",
            on_change="rerun",
            key=f"finetune.reworded.{job.id}",
        ) as reworded:
            if reworded.open:
                st.caption("Written from your examples before training, and trained beside them.")
                st.dataframe(
                    [{"Question": e.question, "Answer": e.answer} for e in written],
                    hide_index=True,
                    height=240,
                )
    with st.expander(
        "Run card and log",
        icon=":material/description:",
        on_change="rerun",
        key=f"finetune.card.{job.id}",
    ) as card:
        if card.open:
            spec = job.spec
            st.json({"counts": spec.get("counts"), "config": spec.get("config")}, expanded=1)
            st.code(job.log_tail(30) or "The log is empty.", language=None, height=160)


def _progress(status: JobStatus) -> None:
    text = plain(status.message)
    if status.eta_s:
        text += f", about {components.duration(status.eta_s)} left"
    st.progress(status.share, text=text)


def _actions(workspace: Workspace, job: Job, status: JobStatus) -> None:
    if status.active:
        if st.button("Stop and keep the best", icon=":material/stop_circle:", key=f"stop.{job.id}"):
            job.stop()
            st.rerun()
        return
    if status.state.resumable and st.button(
        "Resume", icon=":material/play_arrow:", key=f"resume.{job.id}"
    ):
        with show_errors():
            job.resume()
            st.rerun()
    with st.popover("Rename", icon=":material/edit:"):
        note = run_note(job)
        name = st.text_input("Name", run_title(job), max_chars=80, key=f"run.name.{job.id}")
        notes = st.text_area("Notes", note.notes, key=f"run.notes.{job.id}")
        if st.button("Save", key=f"run.rename.{job.id}"):
            with show_errors():
                rename_run(workspace, job.id, name, notes)
                st.rerun()
    lost = "The run's curves, answers and log are removed for good; its adapter stays."
    if status.state.resumable:
        lost += " It cannot be resumed then."
    if components.confirmed("Delete", lost, "Delete the run", f"delete.{job.id}"):
        with show_errors():
            job.delete()
            st.rerun()


def _result(result: RunResult) -> None:
    """What came of a run: losses, right answers, what was forgotten, why it ended."""
    parts = []
    if result.held_out.asked:
        right, asked = result.held_out.right, result.held_out.asked
        parts.append(f"**{right} of {asked}** watched questions right")
    if result.val_loss is not None and result.first_val_loss is not None:
        parts.append(
            f"Validation loss **{result.first_val_loss:.2f}** before, **{result.val_loss:.2f}** "
            "after"
        )
    if result.steps is not None and result.seconds is not None:
        parts.append(
            f"best at step {result.best_step} of {result.steps}, "
            f"{components.duration(result.seconds)} of training"
        )
    if parts:
        st.markdown("; ".join(parts) + ".")
    if result.general_loss is not None and result.first_general_loss is not None:
        st.caption(
            "Loss on general questions that are not trained: "
            f"{result.first_general_loss:.2f} before, {result.general_loss:.2f} after."
        )
    if result.ended:
        st.info(plain(result.ended), icon=":material/flag:")
    if result.warning:
        st.caption(f"{WARNING} {plain(result.warning)}")


def _now(metrics: Sequence[dict[str, Any]]) -> None:
    """A run's latest numbers."""
    told = {"loss", "learning_rate", "tokens_per_s", "tokens"}
    last = next((row for row in reversed(metrics) if told <= row.keys()), None)
    if last is None:
        return
    text = (
        f"Learning rate {last['learning_rate']:.2g} · {last['tokens_per_s']:.0f} tokens/s · "
        f"{last['tokens']:,} tokens so far"
    )
    rights = right_answers(metrics)
    if rights:
        step, right, asked = rights[-1]
        text = f"**{right} of {asked}** watched questions right after step {step} · {text}"
    st.markdown(text)


def _answers(metrics: Sequence[dict[str, Any]], job_id: str) -> None:
    """What the model answers on its way to questions it is not trained on."""
    looked = [row for row in metrics if row.get("answers")]
    if not looked:
        st.caption("The first answers come with the first evaluation.")
        return
    steps = [row["step"] for row in looked]
    chosen = steps[-1]
    if len(steps) > 1:
        chosen = st.select_slider(
            "After step", steps, value=steps[-1], key=f"run.answers.{job_id}.{len(steps)}"
        )
    row = next(row for row in looked if row["step"] == chosen)
    st.dataframe(
        [
            {
                "": "✓" if answer["right"] else "✗",
                "Question": answer["question"],
                "Answer": answer["answer"],
                "Right answer": answer["gold"],
            }
            for answer in row["answers"]
        ],
        hide_index=True,
        width="stretch",
        column_config={"": st.column_config.TextColumn(width=30)},
        alt=f"Answers after step {chosen} beside the right ones",
    )
    right = sum(answer["right"] for answer in row["answers"])
    text = f"{right} of {len(row['answers'])} right by the evaluation's scorer, decoded greedily."
    if row.get("phase") == "refit":
        text += " At the end of the refit these questions have been trained: this is no test."
    st.caption(text)


def _try_it(workspace: Workspace, adapter_id: str, job_id: str) -> None:
    """One question to this run's adapter, beside the model without it."""
    with st.expander("Try it", icon=":material/chat:"):
        with st.form(f"run.try.{job_id}", border=False):
            question = st.text_input("A question", key=f"run.question.{job_id}")
            asked = st.form_submit_button("Ask", icon=":material/send:")
        if not asked or not question.strip():
            return
        with show_errors(), st.spinner("Answering"):
            pending = resources.lab(workspace).try_adapter(question, adapter_id)
            places = st.columns(len(pending))
            for place, title, one in zip(
                places, ("With this adapter", "Without"), pending, strict=True
            ):
                answer = one.answer(timeout=120)
                with place:
                    st.caption(title)
                    st.markdown(plain(answer.text or answer.error or "(nothing)"))
