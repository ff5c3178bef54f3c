"""How fine-tuning is drawn: what to train, what it will take, the runs, the adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.build.parts.forms import fields_form
from pages.ui import charts, components, resources, state
from pages.ui.errors import plain, show_errors
from ragft_core.finetuning import (
    PRESETS,
    Estimate,
    RunConfig,
    estimate_run,
    start_run,
)
from ragft_core.finetuning.training import PRESET_TEXTS, curve, run_facts, with_passages
from ragft_core.jobs import Job, JobState, JobStatus
from ragft_core.knowledge import documents, texts_of
from ragft_core.strategies import training_passages
from ragft_core.types import Example
from ragft_core.workspace import Workspace

ARMS = {
    "fine-tuned": "Fine-tuned arm",
    "hybrid": "Hybrid arm",
    "both": "Both",
}
ARM_HELP = (
    "The fine-tuned arm answers without documents. The hybrid arm reads retrieved passages, so its "
    "adapter is trained with passages, the right one among others. Both trains two adapters, one "
    "after the other."
)
FORM_FIELDS = (
    "name", "steps", "epochs", "most_tokens", "learning_rate", "rank", "alpha", "targets",
    "batch_size", "eval_every", "patience", "unanswerable", "general", "refit", "seed",
)  # fmt: skip
BADGES = {
    JobState.QUEUED: "gray",
    JobState.RUNNING: "blue",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.STOPPED: "orange",
    JobState.INTERRUPTED: "orange",
}
TRAIN_COLOUR, VALIDATION_COLOUR = "#1f88d2", "#dd6b16"


def start_section(workspace: Workspace, examples: Sequence[Example]) -> None:
    """What to train and how, what it will take, and the button.

    Raises:
        ModelError: The workspace's model cannot be trained.
        TrainingDataError: The examples cannot be trained on.
    """
    has_documents = bool(documents(workspace))
    arms = list(ARMS) if has_documents else ["fine-tuned"]
    left, right = st.columns([3, 2], gap="large")
    chosen = state.get("finetune.arm")
    arm = chosen if chosen in arms else arms[0]
    times = {name: _time(workspace, PRESETS[name], arm, examples) for name in PRESETS}
    with left:
        preset = st.radio(
            "How thorough",
            list(PRESETS),
            format_func=str.capitalize,
            captions=[f"{times[name]} {PRESET_TEXTS[name]}" for name in PRESETS],
            key="finetune.preset",
        )
        arm = st.segmented_control(
            "Train for", arms, format_func=ARMS.get, default=arms[0], key="finetune.arm",
            required=True, help=ARM_HELP,
        )  # fmt: skip
        if not has_documents:
            st.caption("With documents in the workspace the hybrid arm can be trained too.")
        with st.expander("Settings", icon=":material/tune:"):
            config, half = PRESETS[preset], len(FORM_FIELDS) // 2
            first, second = st.columns(2)
            with first:
                config = fields_form(config, FORM_FIELDS[:half], f"finetune.{preset}")
            with second:
                config = fields_form(config, FORM_FIELDS[half:], f"finetune.{preset}")
    configs = _configs(config, arm)
    with right:
        estimates = [_estimate(workspace, item, examples) for item in configs]
        _show_estimates(estimates)
        if st.button(
            "Start fine-tuning", type="primary", icon=":material/play_arrow:", width="stretch"
        ):
            _start(workspace, configs)


def _time(workspace: Workspace, config: RunConfig, arm: str, examples: Sequence[Example]) -> str:
    seconds = sum(_estimate(workspace, c, examples).seconds for c in _configs(config, arm))
    return f"About {components.duration(seconds)}."


def _configs(config: RunConfig, arm: str) -> list[RunConfig]:
    kinds = {"fine-tuned": [False], "hybrid": [True], "both": [False, True]}[arm]
    return [with_passages(config) if kind else config for kind in kinds]


def _estimate(workspace: Workspace, config: RunConfig, examples: Sequence[Example]) -> Estimate:
    found = documents(workspace)
    n_chunks = sum(document.n_chunks for document in found)
    tokens = sum(document.n_tokens for document in found) / n_chunks if n_chunks else 0.0
    return estimate_run(workspace, config, examples, state.settings(), passage_tokens=tokens)


def _show_estimates(estimates: Sequence[Estimate]) -> None:
    seconds = sum(estimate.seconds for estimate in estimates)
    memory = max(estimate.memory_mb for estimate in estimates)
    first = estimates[0]
    with st.container(border=True):
        columns = st.columns(2)
        columns[0].metric("Time, about", components.duration(seconds))
        columns[1].metric("Memory, about", f"{memory / 1000:.1f} GB")
        steps = " and ".join(str(estimate.steps) for estimate in estimates)
        st.caption(
            f"{first.n_train} examples trained, {first.n_validation} watched · {steps} steps · "
            f"each example seen {first.epochs:.0f} times · {first.free_mb / 1000:.1f} GB free"
        )
        st.caption(f"The time is reckoned from {first.basis}; chatting meanwhile slows training.")
        for warning in dict.fromkeys(text for item in estimates for text in item.warnings):
            st.caption(f":orange[:material/warning:] {warning}")


def _start(workspace: Workspace, configs: Sequence[RunConfig]) -> None:
    for config in configs:
        passages = None
        if config.with_context:
            with st.spinner("Collecting the passages to train with"):
                passages = training_passages(workspace, resources.knowledge(workspace))
                start_run(workspace, config, passages, texts_of(workspace))
        else:
            start_run(workspace, config, texts=texts_of(workspace))
    state.notify("The run has started. It goes on when you leave this page.")
    st.rerun()


def runs_section(runs: Sequence[Job]) -> None:
    """All runs, newest first; those at work are drawn anew every other second."""
    active = any(job.status().active for job in runs)

    @st.fragment(run_every="2s" if active else None)
    def live() -> None:
        for number, job in enumerate(runs):
            run_card(job, expanded=number == 0)
        if active and not any(job.status().active for job in runs):
            st.rerun()  # the whole page: the adapter is there now, and the timer ends

    live()


def run_card(job: Job, *, expanded: bool) -> None:
    """One run: where it is, its curve, what can be done, and its card."""
    status = job.status()
    run = run_facts(job)
    with st.container(border=True):
        arm = "hybrid" if run.config.with_context else "fine-tuned"
        title = plain(run.config.name or f"{run.config.preset} run".capitalize())
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{title}** · {ARMS[arm].lower()}")
            st.badge(status.state.value, color=BADGES[status.state])
            st.caption(components.moment(job.created_at))
        if status.active:
            _progress(status)
        if status.error:
            # Only a failure needs a change; an interruption is a state of its own.
            show = st.error if status.state is JobState.FAILED else st.warning
            show(plain(status.error), title="The run did not finish.")
        with st.container(horizontal=True):
            _actions(job, status)
        metrics = job.metrics()
        if status.active or expanded:
            _result_line(job)
            loss_chart(metrics, f"finetune.chart.{job.id}")
            _details(job)
        elif metrics:
            with st.expander(
                "Curve and run card", on_change="rerun", key=f"finetune.{job.id}"
            ) as e:
                if e.open:
                    _result_line(job)
                    loss_chart(metrics, f"finetune.chart.{job.id}")
                    _details(job)


def _progress(status: JobStatus) -> None:
    text = plain(status.message)
    if status.eta_s:
        text += f", about {components.duration(status.eta_s)} left"
    st.progress(status.share, text=text)


def _actions(job: Job, status: JobStatus) -> None:
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
    if st.button("Delete run", icon=":material/delete:", key=f"delete.{job.id}", type="tertiary"):
        with show_errors():
            job.delete()  # its adapter stays until it is deleted itself
            st.rerun()


def _result_line(job: Job) -> None:
    result = run_facts(job).result
    if result is None:
        return
    st.markdown(
        f"Validation loss **{_loss(result.first_val_loss)}** before, **{_loss(result.val_loss)}** "
        f"after; best at step {result.best_step} of {result.steps}, "
        f"{components.duration(result.seconds)} of training."
    )
    if result.warning:
        st.caption(f":orange[:material/warning:] {plain(result.warning)}")


def _loss(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"


def loss_chart(metrics: Sequence[dict[str, Any]], key: str) -> None:
    """Training and validation loss by step."""
    import plotly.graph_objects as go

    trained, watched = curve(metrics, "loss"), curve(metrics, "val_loss")
    if not trained and not watched:
        st.caption("The curve starts with the first step.")
        return
    planned = max(step for _, step in [*curve(metrics, "steps"), *curve(metrics, "step")])
    figure = go.Figure()
    for name, points, colour, style in (
        ("Training", trained, TRAIN_COLOUR, "lines"),
        ("Validation", watched, VALIDATION_COLOUR, "lines+markers"),
    ):
        figure.add_scatter(
            x=[step for step, _ in points],
            y=[loss for _, loss in points],
            name=name,
            mode=style,
            line={"color": colour, "width": 2 if name == "Validation" else 1},
            marker={"size": 8, "symbol": "diamond"},
            cliponaxis=False,
            hovertemplate="step %{x}: %{y:.3f}<extra>" + name + "</extra>",
        )
    last = f"{watched[-1][1]:.2f} after step {watched[-1][0]}" if watched else "not measured yet"
    charts.show(
        charts.tidy(
            figure,
            height=260,
            xaxis={"title": "Step", "range": [0, planned]},
            yaxis={"title": "Loss per token (nats)", "rangemode": "tozero"},
        ),
        key,
        f"Training and validation loss by step; validation loss is {last}",
    )


def _details(job: Job) -> None:
    with st.expander("Run card and log", icon=":material/description:"):
        spec = job.spec
        st.json({"counts": spec.get("counts"), "config": spec.get("config")}, expanded=1)
        st.code(job.log_tail(30) or "The log is empty.", language=None, height=160)
