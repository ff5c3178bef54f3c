"""What each strategy costs."""

from ragft_core.advisor.cost.inputs import (
    PrefilledCosts,
    fill_costs,
    load_costs,
    load_currency,
    prefill_costs,
    save_costs,
    take_preset,
)
from ragft_core.advisor.cost.model import (
    BREAK_EVENS,
    CostInputs,
    break_even,
    by_volume,
    cost_table,
    cumulative,
)
from ragft_core.advisor.cost.presets import Preset, price_presets
from ragft_core.advisor.cost.ranges import CostRanges, cost_ranges
from ragft_core.advisor.cost.scenarios import (
    Scenario,
    ScenarioCost,
    load_scenarios,
    save_scenarios,
    scenario_costs,
    usual_scenarios,
)

__all__ = [
    "BREAK_EVENS",
    "CostInputs",
    "CostRanges",
    "PrefilledCosts",
    "Preset",
    "Scenario",
    "ScenarioCost",
    "break_even",
    "by_volume",
    "cost_ranges",
    "cost_table",
    "cumulative",
    "fill_costs",
    "load_costs",
    "load_currency",
    "load_scenarios",
    "prefill_costs",
    "price_presets",
    "save_costs",
    "save_scenarios",
    "scenario_costs",
    "take_preset",
    "usual_scenarios",
]
