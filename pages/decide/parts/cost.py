"""Costs over the months: a table, a curve, break-evens, and every input to edit."""

from __future__ import annotations

from dataclasses import fields

import streamlit as st

from pages.decide.parts import charts
from pages.ui import state
from pages.ui.errors import plain
from ragft_core.advisor import Answers, Evidence
from ragft_core.advisor.cost import (
    BREAK_EVENS,
    CostInputs,
    PrefilledCosts,
    break_even,
    cost_table,
    load_costs,
    prefill_costs,
    save_costs,
)
from ragft_core.advisor.record import break_even_text, measured_accuracy
from ragft_core.workspace import Workspace

ROUND = "advisor.cost_round"
SECTIONS = {
    "Use": ("months", "requests", "answer_tokens", "machine_hour", "cached"),
    "Prices of tokens, per million": (
        "price_in", "price_out", "tuned_price_in", "tuned_price_out", "price_embedding",
        "price_training",
    ),
    "Tokens read for one answer": (
        "prompt_tokens", "long_context_tokens", "rag_tokens", "fine_tuned_tokens", "hybrid_tokens",
    ),
    "Machine seconds for one answer": (
        "prompt_seconds", "long_context_seconds", "rag_seconds", "fine_tuned_seconds",
        "hybrid_seconds",
    ),
    "Documents and index": ("corpus_tokens", "changed", "index_month", "price_search"),
    "Training and hosting": ("training_tokens", "retrain_months", "hosting_month"),
    "People": (
        "hour", "prompt_hours", "long_context_hours", "rag_hours", "tuning_hours", "retrain_hours",
        "prompt_upkeep", "rag_upkeep", "tuning_upkeep",
    ),
}  # fmt: skip


def filled_costs(workspace: Workspace, answers: Answers, evidence: Evidence) -> PrefilledCosts:
    """The inputs: entered ones first, then measured and answered ones, then examples."""
    model = workspace.settings().model
    prices = (model.price_in, model.price_out)
    return prefill_costs(evidence, answers.choices, prices, load_costs(workspace))


def costs(workspace: Workspace, answers: Answers, evidence: Evidence) -> None:
    """The whole view."""
    filled = filled_costs(workspace, answers, evidence)
    inputs = filled.inputs
    st.caption(
        f"Total over {inputs.months:g} months at {inputs.requests:,.0f} requests a month, in your "
        "currency. Prices that you have not entered are round examples, not a vendor's list."
    )
    rows = cost_table(inputs, measured_accuracy(evidence))
    st.dataframe(
        [
            {
                "Strategy": charts.title(row.strategy),
                "Once": row.once,
                "A month": row.month,
                "A request": row.request,
                "Total": row.total,
                "A right answer": "not measured" if row.correct is None else f"{row.correct:,.4f}",
            }
            for row in rows
        ],
        hide_index=True,
        width="stretch",
        column_config={
            "Once": st.column_config.NumberColumn(format="%,.0f"),
            "A month": st.column_config.NumberColumn(format="%,.0f"),
            "A request": st.column_config.NumberColumn(format="%.5f"),
            "Total": st.column_config.NumberColumn(format="%,.0f"),
        },
        alt="Cost of each strategy: once, a month, a request, in total, and per right answer",
    )
    charts.spending(inputs)
    for one, other in BREAK_EVENS:
        st.markdown(f"- {break_even_text(break_even(inputs, one, other))}")
    _editor(workspace, filled)


def _editor(workspace: Workspace, filled: PrefilledCosts) -> None:
    by_name = {field.name: field for field in fields(CostInputs)}
    entered = load_costs(workspace)
    key = f"advisor.cost.{workspace.id}.{state.get(ROUND, 0)}"
    with st.form(key, border=True):
        st.markdown("**What it depends on**")
        values = {}
        for section, names in SECTIONS.items():
            with st.expander(section):
                columns = st.columns(3)
                for number, name in enumerate(names):
                    meta = by_name[name].metadata
                    origin = filled.origin.get(name, "an example")
                    values[name] = columns[number % 3].number_input(
                        meta["label"],
                        min_value=float(meta["min"]),
                        max_value=meta.get("max"),
                        value=float(getattr(filled.inputs, name)),
                        key=f"{key}.{name}",
                        help=f"{meta['help']} In {meta['unit']}. Now: {plain(origin)}.",
                    )
        if st.form_submit_button("Work it out", type="primary"):
            changed = {k: v for k, v in values.items() if v != getattr(filled.inputs, k)}
            save_costs(workspace, {**entered, **changed})
            st.rerun()
    if entered and st.button("Forget what I entered", icon=":material/restart_alt:"):
        save_costs(workspace, {})
        state.put(ROUND, state.get(ROUND, 0) + 1)
        st.rerun()
