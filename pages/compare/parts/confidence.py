"""How sure the arms are against how often they are right, and the adaptive arm calibrated by it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import arms, charts, state
from pages.ui.errors import show_errors
from ragft_core.evaluation import Results
from ragft_core.evaluation.running import (
    CalibrationReport,
    Outcome,
    Reliability,
    calibrate,
    reliability,
)


def confidence(results: Results) -> None:
    """The reliability plot with its table, and the button that calibrates."""
    found = reliability(results)
    if not found:
        st.caption("No answer of this run tells how sure the model was; endpoints do not say.")
        return
    plot(found, f"eval.reliability.{results.plan.id}")
    st.caption(
        "An arm that knows what it knows lies on the dotted line: of the answers it is 70 % sure of, "
        "70 % are right. Below it, the arm is surer than it should be. Declined questions are left out."
    )
    st.dataframe(
        [
            {
                "Arm": arms.label(one.arm),
                "Answers": one.n,
                "Mean distance from the line": f"{100 * one.error:.0f} points",
            }
            for one in found
        ],
        hide_index=True,
    )
    _calibration(results)


def _calibration(results: Results) -> None:
    st.markdown("**The adaptive arm**")
    own = results.workspace.settings()
    fitted = own.calibration
    st.caption(
        f"It answers from passages or from memory, whichever is likelier to be right, and declines below "
        f"a chance of {100 * own.caution:.0f} %. "
        + (f"Calibrated on {fitted.n} questions." if fitted else "Not yet calibrated here.")
    )
    key = f"eval.calibration.{results.plan.id}"
    if st.button("Calibrate it on this run", icon=":material/tune:", key=f"{key}.go"):
        with show_errors():
            state.put(key, calibrate(results.workspace, results))
            st.rerun()
    report: CalibrationReport | None = state.get(key)
    if report is not None:
        rows = [_row("Always reading (RAG)", report.reading), _row("Adaptive", report.adaptive)]
        st.dataframe(rows, hide_index=True)
        told = "Each half of the questions was decided by a calibration on the other half."
        if report.unknown:
            told += (
                f" {report.unknown} of the answers do not tell how sure the model was; a middling "
                "confidence was taken for them."
            )
        st.caption(told)


def _row(name: str, outcome: Outcome) -> dict[str, object]:
    return {
        "": name, "Right": outcome.right, "Wrong": outcome.wrong, "Declined": outcome.declined
    }  # fmt: skip


def plot(found: Sequence[Reliability], key: str) -> None:
    """Confidence across, share of right answers up, one line an arm."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"dash": "dot", "color": "gray", "width": 1},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    for one in found:
        look = arms.look(one.arm)
        figure.add_scatter(
            x=[100 * b.confidence for b in one.bins], y=[100 * b.right for b in one.bins],
            mode="lines+markers", name=arms.label(one.arm),
            marker={"color": look.colour, "symbol": look.symbol, "size": 9},
            line={"color": look.colour}, customdata=[b.n for b in one.bins],
            hovertemplate="%{x:.0f} % sure, %{y:.0f} % right, n = %{customdata}",
        )  # fmt: skip
    figure.update_xaxes(title="how sure, %", range=[0, 102])
    figure.update_yaxes(title="right, %", range=[-2, 102])
    parts = [f"{arms.label(one.arm)} {100 * one.error:.0f} points off" for one in found]
    charts.show(
        charts.tidy(figure, 360), key, f"Confidence against right answers: {', '.join(parts)}."
    )
