"""What answers cost: time, memory, the prices that the user pays, and what training did beside its aim."""

from __future__ import annotations

import streamlit as st

from pages.compare.parts import charts
from pages.compare.parts.charts import shown, signed
from pages.ui import arms, components
from ragft_core.advisor.cost import load_costs, save_costs
from ragft_core.evaluation import EvaluationReport, Prices, Results, price_arms
from ragft_core.evaluation.reports import ArmPrice, Summary
from ragft_core.evaluation.scoring import BY_NAME
from ragft_core.workspace import Workspace

# The fields of ``Prices`` by the names that the advisor's cost inputs have for them.
FIELDS = {"token_in": "price_in", "token_out": "price_out", "machine_hour": "machine_hour"}
LABELS = {
    "token_in": "Million tokens read",
    "token_out": "Million tokens written",
    "machine_hour": "An hour of this machine",
}


def costs(results: Results, report: EvaluationReport) -> None:
    """Times, memory, prices, forgetting, overfitting and variety."""
    known = _known(results.workspace)
    priced = {item.arm: item for item in price_arms(report, known)}
    if report.latency:
        st.markdown("**Time per answer** · each arm asked alone, one question at a time")
        charts.times(report.latency, "eval.times")
    times = {item.arm: item for item in report.latency}
    st.dataframe(
        [
            {
                "Arm": arms.label(item.arm),
                "Tokens read": round(item.prompt_tokens),
                "Tokens written": round(item.completion_tokens),
                "First token": f"{times[item.arm].first_token_s:.2f} s"
                if item.arm in times
                else "",
                "Whole answer": _time(report, item.arm),
                "Training, once": components.duration(item.training_s) if item.training_s else "",
                "Memory": components.size(int(item.memory_bytes)) if item.memory_bytes else "",
                **_prices(priced[item.arm], known),
            }
            for item in report.costs
        ],
        hide_index=True,
    )
    st.caption("Memory: what one answer holds beside the base model, which all arms share.")
    _editor(results.workspace, known)
    _side_effects(report)


def _side_effects(report: EvaluationReport) -> None:
    if report.forgetting:
        st.markdown("**Forgetting** · right answers to general questions, against the bare model")
        st.dataframe(
            [
                {
                    "Arm": arms.label(item.arm),
                    "Change (points)": signed(100 * item.difference.mean),
                    "95 % interval": f"{signed(100 * item.difference.low)} to "
                    f"{signed(100 * item.difference.high)}",
                    "n": item.difference.n,
                    "Verdict": item.difference.undecided or "clear",
                }
                for item in report.forgetting
            ],
            hide_index=True,
        )
    if report.overfitting:
        st.markdown("**Overfitting** · right in the trained wording, and in a new one")
        for item in report.overfitting:
            st.caption(f"{arms.label(item.arm)}: {_share(item.trained)} and {_share(item.new)}")
        st.caption(
            "Arms without an adapter show what the wording alone does; what an adapter loses "
            "beyond that is overfitting."
        )
    if report.diversity:
        st.markdown("**Variety** · several answers drawn for one question")
        st.dataframe(
            [
                {
                    "Arm": arms.label(item.arm),
                    "Questions": item.questions,
                    "Answers each": item.samples,
                    "Distinct words": item.distinct_1,
                    "Distinct word pairs": item.distinct_2,
                    "Self-BLEU (less is more varied)": item.self_bleu,
                }
                for item in report.diversity
            ],
            hide_index=True,
        )


def _share(item: Summary) -> str:
    """Right answers with their 95 % interval."""
    mean, low, high = (shown(BY_NAME["correct"], x) for x in (item.mean, item.low, item.high))
    return f"{mean} ({low} to {high}, n = {item.n})" if item.n else "not scored"


def _prices(item: ArmPrice, prices: Prices) -> dict[str, str]:
    if not prices.known:
        return {}
    return {
        "Price of 1,000 answers": f"{1000 * item.answer:.4g}",
        "Of 1,000 right ones": f"{1000 * item.right_answer:.4g}" if item.right_answer else "n/a",
        "Of the training": f"{item.training:.4g}" if item.training else "",
    }


def _time(report: EvaluationReport, arm: str) -> str:
    found = next((item for item in report.latency if item.arm == arm), None)
    if found is None:
        return ""
    return f"{found.median_s:.2f} s ({found.low_s:.2f} to {found.high_s:.2f}, n = {found.n})"


def _known(workspace: Workspace) -> Prices:
    """What was entered; an endpoint's token prices come from the model's settings."""
    model = workspace.settings().model
    entered = load_costs(workspace)
    found = {"token_in": model.price_in, "token_out": model.price_out}
    found |= {name: entered[key] for name, key in FIELDS.items() if key in entered}
    return Prices(**found)


def _editor(workspace: Workspace, prices: Prices) -> None:
    """The form."""
    with (
        st.popover("Enter prices", icon=":material/payments:"),
        st.form(f"eval.prices.{workspace.id}", border=False),
    ):
        st.caption("In your currency; 0 where nothing is paid. The advisor uses them, too.")
        key = f"eval.price.{workspace.id}"
        values = {
            name: st.number_input(label, 0.0, value=getattr(prices, name), key=f"{key}.{name}")
            for name, label in LABELS.items()
        }
        if st.form_submit_button("Save", type="primary"):
            # What was left as it is stays unentered: the advisor has examples in its place.
            changed = {
                FIELDS[n]: value for n, value in values.items() if value != getattr(prices, n)
            }
            save_costs(workspace, load_costs(workspace) | changed)
            st.rerun()
