"""What each strategy costs."""

from ragft_core.advisor.cost.inputs import PrefilledCosts, load_costs, prefill_costs, save_costs
from ragft_core.advisor.cost.model import (
    BREAK_EVENS,
    CostInputs,
    break_even,
    cost_table,
    cumulative,
)

__all__ = [
    "BREAK_EVENS",
    "CostInputs",
    "PrefilledCosts",
    "break_even",
    "cost_table",
    "cumulative",
    "load_costs",
    "prefill_costs",
    "save_costs",
]
