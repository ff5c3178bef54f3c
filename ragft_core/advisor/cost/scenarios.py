"""Named scenarios of use (pilot, year one, scale): the same inputs over other months and volumes."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt

from ragft_core.advisor.cost.inputs import (
    PrefilledCosts,
    load_scenario_rows,
    save_scenario_rows,
)
from ragft_core.advisor.cost.model import Cost, cost_table
from ragft_core.advisor.cost.ranges import CostRanges, cost_ranges
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, slug

FILE = Path(__file__).with_name("scenarios.toml")
MOST = 6
MOST_TITLE = 40


@dataclass(frozen=True)
class Scenario:
    """So many ``requests`` a month over so many ``months``."""

    title: str
    months: Annotated[float, Ge(1)]
    requests: Annotated[float, Ge(0)]


@dataclass(frozen=True)
class ScenarioCost:
    """What every strategy costs in a scenario; the ranges' volume is the scenario's and never varies."""

    scenario: Scenario
    costs: tuple[Cost, ...]
    ranges: CostRanges

    @property
    def cheapest(self) -> Strategy:
        """The strategy with the lowest total."""
        return min(self.costs, key=lambda cost: cost.total).strategy


@dataclass(frozen=True)
class _Named:
    """A scenario of the file: its volume is a multiple of the user's own."""

    title: str
    months: Annotated[float, Ge(1)]
    volume: Annotated[float, Gt(0)]


@cache
def _named() -> dict[str, _Named]:
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {key: from_dict(_Named, row, f"{FILE.name} {key}") for key, row in data.items()}


def load_scenarios(workspace: Workspace, filled: PrefilledCosts) -> list[Scenario]:
    """The workspace's own scenarios; the usual three, at its volume, where it has none.

    Raises:
        AdvisorError: The file of what was entered is damaged.
    """
    own = load_scenario_rows(workspace)
    if own:
        try:
            return [from_dict(Scenario, row, "scenario") for row in own]
        except ValueError as error:
            raise AdvisorError(f"advisor/costs.json is damaged: {error}.", "Delete it.") from None
    return usual_scenarios(filled.inputs.requests)


def usual_scenarios(requests: float) -> list[Scenario]:
    """Pilot, year one and scale at multiples of a volume, in requests a month."""
    return [Scenario(row.title, row.months, row.volume * requests) for row in _named().values()]


def save_scenarios(workspace: Workspace, scenarios: Sequence[Scenario]) -> None:
    """Keeps a workspace's own scenarios; none brings the usual ones back.

    Raises:
        AdvisorError: There are too many, two share a name, or a number means nothing.
    """
    titles = [slug(item.title) for item in scenarios]
    if len(titles) > MOST or len(set(titles)) < len(titles):
        raise AdvisorError(f"Use at most {MOST} scenarios, each with a name of its own.")
    for item in scenarios:
        if not item.title.strip() or len(item.title) > MOST_TITLE:
            raise AdvisorError(f"A scenario needs a name of at most {MOST_TITLE} characters.")
        if not (1 <= item.months <= 600 and 0 <= item.requests < 1e12):
            raise AdvisorError(
                f"The scenario {item.title!r} cannot last {item.months:g} months at "
                f"{item.requests:g} requests a month.",
                "Use 1 to 600 months and 0 requests or more.",
            )
    save_scenario_rows(workspace, [to_dict(item) for item in scenarios])


def scenario_costs(filled: PrefilledCosts, scenarios: Sequence[Scenario]) -> list[ScenarioCost]:
    """The costs of every strategy in each scenario, with the range of its total."""
    return [_scenario_cost(filled, scenario) for scenario in scenarios]


def _scenario_cost(filled: PrefilledCosts, scenario: Scenario) -> ScenarioCost:
    inputs = replace(filled.inputs, months=scenario.months, requests=scenario.requests)
    known = {**filled.origin, "months": "scenario", "requests": "scenario"}
    there = replace(filled, inputs=inputs, origin=known)
    return ScenarioCost(scenario, tuple(cost_table(inputs)), cost_ranges(there))
