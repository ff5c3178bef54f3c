"""How fine-tuning is drawn: what to train, what it will take, and the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.build.parts import check
from pages.build.parts.forms import fields_form
from pages.ui import components, resources, state
from pages.ui.errors import show_errors
from ragft_core.finetuning import (
    PRESETS,
    Estimate,
    RunConfig,
    estimate_run,
    start_run,
)
from ragft_core.finetuning.training import (
    MOST_SEEDS,
    PRESET_TEXTS,
    start_sweep,
    with_passages,
    with_seeds,
)
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
    "name", "steps", "epochs", "most_tokens", "learning_rate", "rank", "alpha", "rslora", "lora_plus", "targets",
    "batch_size", "eval_every", "patience", "rewordings", "unanswerable", "general", "refit", "seed",
)  # fmt: skip


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
    times = {
        name: components.duration(_seconds(workspace, PRESETS[name], arm, examples))
        for name in PRESETS
    }
    with left:
        preset = st.radio(
            "How thorough",
            list(PRESETS),
            format_func=str.capitalize,
            captions=[f"About {times[name]}. {PRESET_TEXTS[name]}" for name in PRESETS],
            key="finetune.preset",
        )
        arm = st.segmented_control(
            "Train for", arms, format_func=ARMS.get, default=arms[0], key="finetune.arm",
            required=True, help=ARM_HELP,
        )  # fmt: skip
        if has_documents:
            told = ", ".join(
                f"{ARMS[kind].lower()} about {components.duration(_seconds(workspace, PRESETS[preset], kind, examples))}"
                for kind in ("fine-tuned", "hybrid")
            )
            st.caption(
                f"{told.capitalize()}. One is enough to begin with; the other can follow later."
            )
        else:
            st.caption("With documents in the workspace the hybrid arm can be trained too.")
        with st.expander("Settings", icon=":material/tune:"):
            config, half = PRESETS[preset], len(FORM_FIELDS) // 2
            first, second = st.columns(2)
            with first:
                config = fields_form(config, FORM_FIELDS[:half], f"finetune.{preset}")
            with second:
                config = fields_form(config, FORM_FIELDS[half:], f"finetune.{preset}")
    with right:
        seeds = st.number_input(
            "Seeds", 1, MOST_SEEDS, 1, key="finetune.seeds",
            help="So many runs that differ by their seed alone, one after the other. Their spread "
            "shows how much of a result is chance.",
        )  # fmt: skip
    configs = [each for one in _configs(config, arm) for each in with_seeds(one, int(seeds))]
    with right:
        estimates = [_estimate(workspace, item, examples) for item in configs]
        _show_estimates(estimates)
        check.summary(workspace, examples)
        if st.button(
            "Start fine-tuning", type="primary", icon=":material/play_arrow:", width="stretch"
        ):
            _start(workspace, configs)
        with st.popover("Search for settings", icon=":material/manage_search:", width="stretch"):
            _search(workspace, configs)


def _seconds(
    workspace: Workspace, config: RunConfig, arm: str, examples: Sequence[Example]
) -> float:
    return sum(_estimate(workspace, c, examples).seconds for c in _configs(config, arm))


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
            f"each example seen {first.epochs:.0f} times · {first.free_mb / 1000:.1f} GB free on {first.device.text}"
        )
        st.caption(f"The time is reckoned from {first.basis}; chatting meanwhile slows training.")
        for warning in dict.fromkeys(text for item in estimates for text in item.warnings):
            st.caption(f":orange[:material/warning:] {warning}")


def _search(workspace: Workspace, configs: Sequence[RunConfig]) -> None:
    """Many short runs with other learning rates, ranks and steps, for some minutes."""
    st.caption(
        "Tries learning rates, ranks and numbers of steps around these settings, ends hopeless "
        "trials early, and judges by right answers to the watched questions."
    )
    minutes = st.number_input("Minutes", 1, 24 * 60, 20, key="finetune.sweep.minutes")
    if len(configs) > 1:
        st.caption("A search is for one arm and one seed: choose them above.")
    elif st.button("Start the search", icon=":material/manage_search:", key="finetune.sweep"):
        with show_errors():
            start_sweep(workspace, configs[0], minutes, *_rows_of(workspace, configs[0]))
            state.notify("The search has started. It goes on when you leave this page.")
            st.rerun()


def train_as(workspace: Workspace, config: RunConfig) -> None:
    """Starts a run with settings that a search found."""
    start_run(workspace, config, *_rows_of(workspace, config))
    state.notify("The run has started. It goes on when you leave this page.")
    st.rerun()


def _rows_of(workspace: Workspace, config: RunConfig) -> tuple[Any, list[str]]:
    """The passages to train with, where the settings ask for them, and the documents' texts."""
    if not config.with_context:
        return None, texts_of(workspace)
    with st.spinner("Collecting the passages to train with"):
        return training_passages(workspace, resources.knowledge(workspace)), texts_of(workspace)


def _start(workspace: Workspace, configs: Sequence[RunConfig]) -> None:
    rows = [_rows_of(workspace, config) for config in configs]
    for config, found in zip(configs, rows, strict=True):  # nothing is drawn: all start, or none
        start_run(workspace, config, *found)
    state.notify("The run has started. It goes on when you leave this page.")
    st.rerun()
