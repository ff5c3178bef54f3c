"""Costs over the months: a table, a curve, break-evens, and every input to edit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import streamlit as st

from pages.decide.parts import charts
from pages.ui import resources, state
from pages.ui.errors import plain, show_errors
from ragft_core.advisor import Answers, Evidence
from ragft_core.advisor.cost import (
    BREAK_EVENS,
    CostInputs,
    CostRanges,
    PrefilledCosts,
    Scenario,
    ScenarioCost,
    break_even,
    cost_ranges,
    cost_table,
    fill_costs,
    load_costs,
    load_scenarios,
    price_presets,
    save_costs,
    save_scenarios,
    scenario_costs,
    take_preset,
)
from ragft_core.advisor.record import break_even_text, measured_accuracy, scenario_title
from ragft_core.types import Strategy
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
    "Own machine": ("purchase", "life_months", "utilisation", "watts", "price_kwh"),
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


def costs(workspace: Workspace, answers: Answers, evidence: Evidence) -> None:
    """The whole view."""
    filled = fill_costs(workspace, evidence, answers.choices)
    ranges = resources.worked_out(cost_ranges, filled)
    inputs = filled.inputs
    volume = ", and the requests within a factor of ten" if "requests" in ranges.assumed else ""
    st.caption(
        f"Total over {inputs.months:g} months at {inputs.requests:,.0f} requests a month, in "
        f"{plain(filled.currency) or 'your currency'}. Prices that nobody entered are round "
        f"examples; while the {len(ranges.assumed)} assumed inputs vary between half and double"
        f"{volume}, 90 % of the totals lie in the range."
    )
    rows = cost_table(inputs, measured_accuracy(evidence))
    st.dataframe(
        [
            {
                "Strategy": charts.title(row.strategy),
                "Once": row.once,
                "A month, with requests": row.month + row.request * inputs.requests,
                "A request": row.request,
                "Total": row.total,
                "90 % range": _range(ranges, row.strategy),
                "A right answer": "not measured" if row.correct is None else f"{row.correct:,.4f}",
            }
            for row in rows
        ],
        hide_index=True,
        width="stretch",
        column_config={
            "Once": st.column_config.NumberColumn(format="%,.0f"),
            "A month, with requests": st.column_config.NumberColumn(format="%,.0f"),
            "A request": st.column_config.NumberColumn(format="%.5f"),
            "Total": st.column_config.NumberColumn(format="%,.0f"),
        },
        alt="Cost of each strategy: once, a month, a request, in total, and per right answer",
    )
    beside = st.grid(2, min_column_width=560)
    with beside.container():
        charts.spending(inputs)
    with beside.container():
        charts.volumes(inputs)
    for one, other in BREAK_EVENS:
        item = break_even(inputs, one, other)
        st.markdown(f"- {break_even_text(item, inputs.requests, ranges)}")
    _scenarios(workspace, filled)
    _price_lists(workspace)
    _editor(workspace, filled)


def _scenarios(workspace: Workspace, filled: PrefilledCosts) -> None:
    """Every strategy's total in each named scenario, and the scenarios to edit."""
    scenarios = load_scenarios(workspace, filled)
    found = resources.worked_out(scenario_costs, filled, scenarios)
    st.header("From pilot to scale", anchor=False)
    st.caption("The same prices over other months and volumes: total, and its 90 % range.")
    st.dataframe(
        [
            {"Strategy": charts.title(strategy)}
            | {scenario_title(item.scenario): _total(item, strategy) for item in found}
            for strategy in Strategy
        ],
        hide_index=True,
        width="stretch",
        column_config={"Strategy": st.column_config.TextColumn(pinned=True)},
        alt="Total cost of each strategy in each scenario",
    )
    told = [f"{plain(i.scenario.title)}: {charts.title(i.cheapest).lower()}" for i in found]
    st.caption(f"Cheapest, whatever it answers: {'; '.join(told)}.")
    with st.expander("Change the scenarios", icon=":material/edit_calendar:"):
        key = f"advisor.scenarios.{workspace.id}.{state.get(ROUND, 0)}"
        edited = st.data_editor(
            [
                {"Scenario": s.title, "Months": s.months, "Requests a month": s.requests}
                for s in scenarios
            ],
            num_rows="dynamic",
            hide_index=True,
            width="stretch",
            key=key,
        )
        with st.container(horizontal=True):
            if st.button("Keep these", key=f"{key}.keep"):
                with show_errors():
                    save_scenarios(workspace, [_scenario(row) for row in edited])
                    _reread()
            if st.button("The usual three", key=f"{key}.usual", type="tertiary"):
                with show_errors():
                    save_scenarios(workspace, [])
                    _reread()


def _scenario(row: dict[str, Any]) -> Scenario:
    """A row of the editor; what was left empty is refused by the core."""
    return Scenario(
        str(row["Scenario"] or ""), float(row["Months"] or 0), float(row["Requests a month"] or 0)
    )


def _total(item: ScenarioCost, strategy: Strategy) -> str:
    total = next(cost.total for cost in item.costs if cost.strategy == strategy)
    return f"{total:,.0f} ({_range(item.ranges, strategy)})"


def _reread() -> None:
    state.put(ROUND, state.get(ROUND, 0) + 1)
    st.rerun()


def _range(ranges: CostRanges, strategy: Strategy) -> str:
    span = ranges.of(strategy)
    return f"{span.low:,.0f} to {span.high:,.0f}" if span else ""


def _price_lists(workspace: Workspace) -> None:
    """Dated prices with their source, to be taken over with one click."""
    presets = price_presets()
    with st.expander("Take prices from a list", icon=":material/sell:"):
        chosen = st.selectbox(
            "Price list", list(presets), format_func=lambda key: presets[key].title,
            key=f"advisor.prices.{workspace.id}",
        )  # fmt: skip
        preset = presets[chosen]
        fields_of = {field.name: field.metadata["label"] for field in fields(CostInputs)}
        told = ", ".join(f"{fields_of[name]} {price:g}" for name, price in preset.prices.items())
        st.markdown(f"{told}, in {preset.currency}.")
        st.caption(plain(f"Read {preset.read}: {preset.source}. {preset.note}"))
        if st.button("Take these prices", icon=":material/download_done:"):
            with show_errors():
                take_preset(workspace, chosen)
                _reread()


def _editor(workspace: Workspace, filled: PrefilledCosts) -> None:
    by_name = {field.name: field for field in fields(CostInputs)}
    entered = load_costs(workspace)
    key = f"advisor.cost.{workspace.id}.{state.get(ROUND, 0)}"
    with st.form(key, border=True):
        st.markdown("**What it depends on**")
        currency = st.text_input(
            "Currency", filled.currency, max_chars=12, key=f"{key}.currency",
            placeholder="EUR, USD, ...", help="All amounts are in it; every record names it.",
        )  # fmt: skip
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
            save_costs(workspace, {**entered, **changed}, currency)
            st.rerun()
    if (entered or filled.currency) and st.button(
        "Forget what I entered", icon=":material/restart_alt:"
    ):
        save_costs(workspace, {}, "")
        _reread()
