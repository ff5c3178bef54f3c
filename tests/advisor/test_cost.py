"""Costs: totals by the formulas, break-even by the right one."""

from __future__ import annotations

import datetime
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragft_core.advisor.cost import (
    PrefilledCosts,
    cost_ranges,
    fill_costs,
    load_currency,
    price_presets,
    take_preset,
)
from ragft_core.advisor.cost.inputs import load_costs, prefill_costs, save_costs
from ragft_core.advisor.cost.model import (
    CostInputs,
    break_even,
    cost_of,
    cost_table,
    cumulative,
    retrainings,
)
from ragft_core.advisor.deciding.recommendation import Measurement
from ragft_core.advisor.evidence.gather import Evidence
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

# Nothing but the price of requests and of one training: the published examples.
BARE = replace(
    CostInputs(**{f.name: 0.0 for f in fields(CostInputs) if f.name != "months"}), months=1.0
)


def example(rag: float, tuned: float, training: float, **more: float) -> CostInputs:
    """RAG and fine-tuning at so much a request, and a training at so much."""
    made = replace(
        BARE,
        price_in=rag * 1_000_000,
        rag_tokens=1.0,
        tuned_price_in=tuned * 1_000_000,
        fine_tuned_tokens=1.0,
        price_training=training * 1_000_000,
        training_tokens=1.0,
    )
    return replace(made, **more)


def test_rag_total_by_hand() -> None:
    inputs = replace(
        CostInputs(), months=10.0, requests=1000.0, price_in=2.0, price_out=4.0, rag_tokens=1500.0,
        answer_tokens=100.0, corpus_tokens=1_000_000.0, changed=0.1, price_embedding=0.5,
        index_month=20.0, price_search=1.0, rag_hours=10.0, rag_upkeep=1.0, hour=50.0,
    )  # fmt: skip
    cost = cost_of(inputs, Strategy.RAG)
    assert cost.once == pytest.approx(500 + 0.5)
    assert cost.month == pytest.approx(50 + 0.05 + 20)
    assert cost.request == pytest.approx(0.003 + 0.0004 + 0.001)
    assert cost.total == pytest.approx(500.5 + 10 * 70.05 + 10_000 * 0.0044)


def test_fine_tuning_total_by_hand() -> None:
    inputs = replace(
        CostInputs(), months=24.0, requests=1000.0, tuned_price_in=1.0, tuned_price_out=2.0,
        fine_tuned_tokens=200.0, answer_tokens=50.0, training_tokens=1_000_000.0,
        price_training=8.0, retrain_months=6.0, retrain_hours=2.0, tuning_hours=30.0,
        tuning_upkeep=0.0, hosting_month=100.0, hour=10.0,
    )  # fmt: skip
    cost = cost_of(inputs, Strategy.FINE_TUNED)
    assert cost.once == pytest.approx(300 + 3 * 20 + 4 * 8)
    assert cost.month == 100
    assert cost.request == pytest.approx(0.0003)
    assert cost.total == pytest.approx(392 + 2400 + 24_000 * 0.0003)


@pytest.mark.parametrize(
    ("months", "every", "expected"), [(24, 6, 3), (24, 7, 3), (24, 24, 0), (24, 0, 0), (1, 0.25, 3)]
)
def test_a_change_at_the_end_needs_no_retraining(
    months: float, every: float, expected: int
) -> None:
    assert retrainings(replace(BARE, months=months, retrain_months=every)) == expected


def test_break_even_divides_by_the_difference_not_by_rag_alone() -> None:
    # tokenburner.dev divides 1,000 by 0.03 and says 33,000; its own ranges give 22,000 to 100,000.
    near = break_even(example(0.05, 0.005, 1000), Strategy.FINE_TUNED, Strategy.RAG)
    far = break_even(example(0.02, 0.01, 1000), Strategy.FINE_TUNED, Strategy.RAG)
    assert near.requests == pytest.approx(22_222, rel=0.001)
    assert far.requests == pytest.approx(100_000, rel=0.001)


def test_there_is_no_break_even_where_a_tuned_request_costs_as_much() -> None:
    found = break_even(example(0.01, 0.01, 1000), Strategy.FINE_TUNED, Strategy.RAG)
    assert (found.kind, found.requests) == ("never", None)


def test_hosting_can_push_the_break_even_out_of_reach() -> None:
    plain = break_even(example(0.02, 0.01, 1000), Strategy.FINE_TUNED, Strategy.RAG)
    hosted = break_even(
        example(0.02, 0.01, 1000, hosting_month=2000.0), Strategy.FINE_TUNED, Strategy.RAG
    )
    assert hosted.requests == pytest.approx(3 * (plain.requests or 0))


def test_what_costs_less_in_every_way_always_wins() -> None:
    found = break_even(example(0.05, 0.01, 0), Strategy.FINE_TUNED, Strategy.RAG)
    assert found.kind == "always"


def test_what_costs_the_same_is_never_cheaper() -> None:
    free = replace(CostInputs(), hour=0.0, price_in=0.0, price_out=0.0, price_embedding=0.0)
    assert break_even(free, Strategy.RAG, Strategy.PROMPT).kind == "never"
    dear = replace(free, price_search=5.0)  # dearer by request, nothing saved elsewhere
    assert break_even(dear, Strategy.RAG, Strategy.PROMPT).kind == "never"
    assert break_even(dear, Strategy.PROMPT, Strategy.RAG).kind == "always"


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        lambda a, b, training, hosting, months: replace(
            example(a, b, training, hosting_month=hosting), months=months
        ),
        st.integers(1, 100).map(lambda n: n / 1000), st.integers(1, 100).map(lambda n: n / 1000),
        st.integers(0, 5000), st.integers(0, 500),
        st.floats(1, 48),
    )
)  # fmt: skip
def test_at_the_break_even_both_cost_the_same(inputs: CostInputs) -> None:
    found = break_even(inputs, Strategy.FINE_TUNED, Strategy.RAG)
    if found.requests is not None:
        level = replace(inputs, requests=found.requests)
        tuned, rag = (cost_of(level, s).total for s in (Strategy.FINE_TUNED, Strategy.RAG))
        assert tuned == pytest.approx(rag, rel=1e-6, abs=1e-6)
    else:
        for volume in (0.0, 1e3, 1e9):
            level = replace(inputs, requests=volume)
            tuned, rag = (cost_of(level, s).total for s in (Strategy.FINE_TUNED, Strategy.RAG))
            cheaper = tuned <= rag if found.kind == "always" else tuned >= rag
            assert cheaper, (found.kind, tuned, rag)


def test_the_last_month_of_the_curve_is_the_total() -> None:
    inputs = CostInputs()
    for strategy in Strategy:
        curve = cumulative(inputs, strategy)
        assert len(curve) == 25
        assert curve[-1] == pytest.approx(cost_of(inputs, strategy).total)
        assert curve == sorted(curve)


def test_a_right_answer_costs_more_the_fewer_are_right() -> None:
    rows = cost_table(CostInputs(), {Strategy.RAG: (0.5, 0.4, 0.8)})
    rag = next(row for row in rows if row.strategy is Strategy.RAG)
    answer = rag.total / (5000 * 24)
    assert rag.correct == pytest.approx(answer / 0.5)
    assert (rag.correct_low, rag.correct_high) == (
        pytest.approx(answer / 0.8),
        pytest.approx(answer / 0.4),
    )
    assert all(row.correct is None for row in rows if row is not rag)


def test_measured_numbers_come_before_defaults_and_entered_ones_before_both() -> None:
    tokens = Measurement("prompt_tokens", 812.0, 800.0, 820.0, 20, "chat", Strategy.RAG)
    evidence = Evidence({"corpus_tokens": 9000.0}, (tokens,))
    filled = prefill_costs(evidence, {"volume": "high"}, (0.3, 0.0), {"hour": 120.0})
    assert filled.inputs.rag_tokens == 812
    assert filled.inputs.corpus_tokens == 9000
    assert filled.inputs.requests == 300_000
    assert filled.inputs.price_in == 0.3
    assert filled.inputs.hour == 120
    assert filled.inputs.price_out == CostInputs().price_out
    assert filled.origin["rag_tokens"] == "measured, chat"
    assert "price_out" not in filled.origin


def test_of_a_strategys_lengths_the_last_measured_counts() -> None:
    chat = Measurement("completion_tokens", 100.0, 90.0, 110.0, 3, "chat", Strategy.RAG)
    evaluated = Measurement("completion_tokens", 20.0, 19.0, 21.0, 60, "evaluation", Strategy.RAG)
    other = replace(evaluated, value=40.0, strategy=Strategy.PROMPT)
    filled = prefill_costs(Evidence(measurements=(chat, evaluated, other)), {})
    assert filled.inputs.answer_tokens == 30


def test_entered_inputs_are_kept_with_the_workspace(workspace: Workspace) -> None:
    save_costs(workspace, {"hour": 95.0})
    assert load_costs(workspace) == {"hour": 95.0}
    (workspace.path / "advisor" / "costs.json").write_text("[")
    with pytest.raises(AdvisorError, match="damaged"):
        load_costs(workspace)


def test_every_input_explains_itself() -> None:
    for item in fields(CostInputs):
        assert item.metadata["label"], item.name
        assert item.metadata["help"].endswith("."), item.name


def test_ranges_hold_the_point_and_shrink_with_what_is_entered() -> None:
    wide = cost_ranges(PrefilledCosts())
    inputs = CostInputs()
    entered = {f.name: "entered" for f in fields(CostInputs) if f.name != "hour"}
    narrow = cost_ranges(PrefilledCosts(inputs, entered))
    assert narrow.assumed == ("hour",)
    for strategy in Strategy:
        point, one, other = cost_of(inputs, strategy).total, wide.of(strategy), narrow.of(strategy)
        assert one is not None
        assert other is not None
        assert one.low < other.low < point < other.high < one.high
    assert sum(item.cheapest for item in wide.totals) == pytest.approx(1)


def test_what_was_entered_or_measured_never_varies() -> None:
    every = {f.name: "measured, chat" for f in fields(CostInputs)}
    ranges = cost_ranges(PrefilledCosts(CostInputs(), every))
    assert ranges.assumed == ()
    for item in ranges.totals:
        assert item.low == item.high == cost_of(CostInputs(), item.strategy).total


def test_an_own_machine_costs_its_wear_and_its_electricity() -> None:
    inputs = CostInputs(
        purchase=7305, life_months=10, utilisation=0.5, watts=1000, price_kwh=0.25, machine_hour=0.1
    )
    # 7,305 over 10 months of 730.5 hours, half of them in use: 2 an hour.
    assert inputs.hour_of_machine == pytest.approx(0.1 + 2 + 0.25)
    assert replace(inputs, purchase=0).hour_of_machine == 0.1
    assert "watts" not in cost_ranges(PrefilledCosts()).assumed
    assert "watts" in cost_ranges(PrefilledCosts(CostInputs(purchase=1000))).assumed


def test_every_price_list_is_dated_sourced_and_names_inputs() -> None:
    known = {f.name for f in fields(CostInputs)}
    for preset in price_presets().values():
        assert datetime.date.fromisoformat(preset.read).isoformat() == preset.read
        assert preset.source
        assert preset.currency
        assert set(preset.prices) <= known
        assert CostInputs(**preset.prices)


def test_a_price_list_is_taken_over_with_its_currency_and_source(workspace: Workspace) -> None:
    save_costs(workspace, {"hour": 95.0})
    take_preset(workspace, "haiku-5-5")
    assert load_costs(workspace) == {"hour": 95.0, "price_in": 0.1, "price_out": 0.5}
    filled = fill_costs(workspace, Evidence(), {})
    assert filled.currency == "USD"
    assert filled.origin["hour"] == "entered"
    assert "2026-10-24" in filled.origin["price_in"]
    save_costs(workspace, load_costs(workspace) | {"price_in": 0.2})
    changed = fill_costs(workspace, Evidence(), {})
    assert changed.origin["price_in"] == "entered"
    assert "2026-10-24" in changed.origin["price_out"]


def test_a_price_list_in_another_currency_is_refused(workspace: Workspace) -> None:
    save_costs(workspace, {"hour": 95.0}, "EUR")
    with pytest.raises(AdvisorError, match="EUR"):
        take_preset(workspace, "haiku-5-5")
    with pytest.raises(AdvisorError, match="sonnet-5-5"):
        take_preset(workspace, "nobody")
    assert load_costs(workspace) == {"hour": 95.0}
    assert load_currency(workspace) == "EUR"
