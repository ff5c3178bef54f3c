"""Curves of runs, and runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui import charts, components
from pages.ui.errors import plain
from ragft_core.finetuning.training import (
    ComparedRun,
    compare_runs,
    curve,
    run_metrics,
    run_title,
)
from ragft_core.jobs import Job

TRAIN_COLOUR, VALIDATION_COLOUR, GENERAL_COLOUR = "#1f88d2", "#dd6b16", "#8a63d2"
RUN_COLOURS = ("#1f88d2", "#dd6b16", "#2a9d6f", "#8a63d2")


def loss_chart(metrics: Sequence[dict[str, Any]], key: str) -> None:
    """Training and validation loss by step, and the loss on general questions."""
    import plotly.graph_objects as go

    named = {
        "Training": ("loss", TRAIN_COLOUR, "lines", "circle"),
        "Validation": ("val_loss", VALIDATION_COLOUR, "lines+markers", "diamond"),
        "General": ("general_loss", GENERAL_COLOUR, "lines+markers", "square"),
    }
    curves = {name: curve(metrics, field) for name, (field, *_) in named.items()}
    if not any(curves.values()):
        st.caption("The curve starts with the first step.")
        return
    planned = max(max(row.get("steps", 0), row["step"]) for row in metrics)
    figure = go.Figure()
    for name, (_, colour, mode, symbol) in named.items():
        if not curves[name]:
            continue
        figure.add_scatter(
            x=[step for step, _ in curves[name]],
            y=[loss for _, loss in curves[name]],
            name=name,
            mode=mode,
            line={"color": colour, "width": 1 if mode == "lines" else 2},
            marker={"size": 8, "symbol": symbol},
            cliponaxis=False,
            hovertemplate="step %{x}: %{y:.3f}<extra>" + name + "</extra>",
        )
    watched = curves["Validation"]
    last = f"{watched[-1][1]:.2f} after step {watched[-1][0]}" if watched else "not measured yet"
    charts.show(
        charts.tidy(
            figure,
            height=260,
            xaxis={"title": "Step", "range": [0, planned]},
            yaxis={"title": "Loss per token (nats)", "rangemode": "tozero"},
        ),
        key,
        f"Training, validation and general loss by step; validation loss is {last}",
    )


def speed_charts(metrics: Sequence[dict[str, Any]], job_id: str) -> None:
    """Learning rate and tokens per second by step."""
    import plotly.graph_objects as go

    places = st.columns(2)
    named = (("learning_rate", "Learning rate"), ("tokens_per_s", "Tokens per second"))
    for place, (field, title) in zip(places, named, strict=True):
        points = curve(metrics, field)
        with place:
            if not points:
                st.caption("Told from the first step on.")
                continue
            figure = go.Figure()
            figure.add_scatter(
                x=[step for step, _ in points],
                y=[value for _, value in points],
                mode="lines",
                line={"color": TRAIN_COLOUR, "width": 2},
                hovertemplate="step %{x}: %{y:.3~g}<extra></extra>",
            )
            charts.show(
                charts.tidy(
                    figure,
                    height=220,
                    xaxis={"title": "Step"},
                    yaxis={"title": title, "rangemode": "tozero"},
                ),
                f"run.{field}.{job_id}",
                f"{title} by step, {points[-1][1]:.3g} at step {points[-1][0]}",
            )


def compare_section(runs: Sequence[Job]) -> None:
    """Runs side by side: what they were made with and what came of them."""
    by_id = {job.id: job for job in runs if run_metrics(job)}
    if len(by_id) < 2:
        return
    with st.expander("Compare runs", icon=":material/compare_arrows:", expanded=False):
        titles = components.distinct({key: run_title(job) for key, job in by_id.items()})
        chosen = st.multiselect(
            "Runs", list(by_id), list(by_id)[:2], format_func=titles,
            max_selections=len(RUN_COLOURS), key="finetune.compare",
        )  # fmt: skip
        if len(chosen) < 2:
            st.caption("Choose two runs or more.")
            return
        found = compare_runs([by_id[key] for key in chosen])
        names = [titles(run.id) for run in found.runs]
        st.dataframe(
            [
                {"": label, **dict(zip(names, cells, strict=True))}
                for label, cells in _rows(found.runs)
            ],
            hide_index=True,
            width="stretch",
            alt="What came of each run",
        )
        _curves_together(found.runs, names)
        if not found.differing:
            st.caption("They were made with the same settings.")
            return
        st.caption("Settings that differ")
        st.dataframe(
            [
                {"": name.replace("_", " "), **dict(zip(names, map(str, values), strict=True))}
                for name, values in found.differing.items()
            ],
            hide_index=True,
            width="stretch",
            alt="Settings in which the runs differ",
        )


def _rows(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    def cells(text: Any) -> list[str]:
        return [text(run.scores) for run in runs]

    def pair(first: float | None, last: float | None) -> str:
        return "not measured" if first is None or last is None else f"{first:.2f} → {last:.2f}"

    return [
        (
            "Right at the best step",
            cells(lambda s: f"{s.right} of {s.asked}" if s.asked else "not measured"),
        ),
        ("Validation loss", cells(lambda s: pair(s.first_val_loss, s.val_loss))),
        ("General loss", cells(lambda s: pair(s.first_general_loss, s.general_loss))),
        (
            "Best step",
            cells(lambda s: "-" if s.best_step is None else f"{s.best_step} of {s.steps}"),
        ),
        (
            "Time",
            cells(lambda s: "-" if s.seconds is None else components.duration(s.seconds)),
        ),
        ("State", [run.state for run in runs]),
    ]


def _curves_together(runs: Sequence[ComparedRun], names: Sequence[str]) -> None:
    import plotly.graph_objects as go

    figure = go.Figure()
    for run, name, colour in zip(runs, names, RUN_COLOURS, strict=False):
        for points, dash, width, what in (
            (run.val_loss, "solid", 2, "validation"),
            (run.loss, "dot", 1, "training"),
        ):
            figure.add_scatter(
                x=[step for step, _ in points],
                y=[value for _, value in points],
                name=f"{name}, {what}",
                mode="lines+markers" if what == "validation" else "lines",
                line={"color": colour, "dash": dash, "width": width},
                marker={"size": 7},
                hovertemplate="step %{x}: %{y:.3f}<extra>" + plain(name) + "</extra>",
            )
    charts.show(
        charts.tidy(
            figure,
            height=300,
            xaxis={"title": "Step"},
            yaxis={"title": "Loss per token (nats)", "rangemode": "tozero"},
        ),
        "finetune.compare.chart",
        "Losses of the chosen runs over each other",
    )
