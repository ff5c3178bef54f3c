"""Cost inputs filled from what was measured and answered, and kept in the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ragft_core.advisor.cost.model import CostInputs
from ragft_core.advisor.cost.presets import price_presets
from ragft_core.advisor.evidence.gather import Evidence
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace, read_json, write_json

FILE = "costs.json"
CURRENCY = "currency"
MOST_CURRENCY = 12
# The price lists that were taken over, by id.
LISTS = "lists"
SCENARIOS = "scenarios"
# Requests a month and months between retrainings that an answer stands for: the middle of its
# range on a logarithmic scale.
REQUESTS = {"low": 300.0, "medium": 10_000.0, "high": 300_000.0}
RETRAIN_MONTHS = {"rarely": 0.0, "monthly": 2.0, "weekly": 0.25, "live": 0.25}


@dataclass(frozen=True)
class PrefilledCosts:
    """Inputs, for each field that was filled where its number comes from, and the currency.

    A field without an origin has its default. The currency is empty where nobody named one.
    """

    inputs: CostInputs = CostInputs()
    origin: dict[str, str] = field(default_factory=dict)
    currency: str = ""


def fill_costs(
    workspace: Workspace, evidence: Evidence, answers: Mapping[str, str]
) -> PrefilledCosts:
    """What the workspace knows of its costs: entered first, then measured, answered, defaults.

    Raises:
        AdvisorError: The file of what was entered is damaged.
    """
    model = workspace.settings().model
    prices = (model.price_in, model.price_out)
    entered = load_costs(workspace)
    filled = prefill_costs(evidence, answers, prices, entered)
    listed = {
        name: preset.origin
        for key, preset in price_presets().items()
        if key in _stored(workspace).get(LISTS, [])
        for name, price in preset.prices.items()
        if entered.get(name) == price
    }
    return PrefilledCosts(filled.inputs, filled.origin | listed, load_currency(workspace))


def prefill_costs(
    evidence: Evidence,
    answers: Mapping[str, str],
    prices: tuple[float, float] = (0.0, 0.0),
    entered: Mapping[str, float] | None = None,
) -> PrefilledCosts:
    """Fills in what is known.

    Args:
        evidence: Measured tokens, times and training.
        answers: Choice id by criterion id.
        prices: The workspace's prices per million tokens, in and out; 0 is not known.
        entered: What the user typed, which counts before everything else.
    """
    found = _measured(evidence)
    for name, price in zip(("price_in", "price_out"), prices, strict=True):
        if price > 0:
            found[name] = price, "workspace's model settings"
    if answers.get("volume") in REQUESTS:
        found["requests"] = REQUESTS[answers["volume"]], "answer"
    if answers.get("change_rate") in RETRAIN_MONTHS:
        found["retrain_months"] = RETRAIN_MONTHS[answers["change_rate"]], "answer"
    found |= {name: (value, "entered") for name, value in (entered or {}).items()}
    inputs = replace(CostInputs(), **{name: value for name, (value, _) in found.items()})
    return PrefilledCosts(inputs, {name: origin for name, (_, origin) in found.items()})


def _measured(evidence: Evidence) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    for strategy in Strategy:
        key = strategy.value.replace("-", "_")
        for kind, part in (("prompt_tokens", "tokens"), ("total_s", "seconds")):
            item = evidence.measured(kind, strategy)
            if item:
                found[f"{key}_{part}"] = round(item.value, 2), f"measured, {item.source}"
    counted = (evidence.measured("completion_tokens", strategy) for strategy in Strategy)
    written = [item.value for item in counted if item]
    if written:
        found["answer_tokens"] = round(sum(written) / len(written), 1), "measured"
    for name, origin in (
        ("corpus_tokens", "counted in the documents"),
        ("training_tokens", "run card"),
    ):
        if evidence.facts.get(name):
            found[name] = evidence.facts[name], origin
    return found


def load_costs(workspace: Workspace) -> dict[str, float]:
    """The inputs that the user entered.

    Raises:
        AdvisorError: The file is damaged.
    """
    known = {f.name for f in fields(CostInputs)}
    try:
        return {key: float(value) for key, value in _stored(workspace).items() if key in known}
    except (ValueError, TypeError) as error:
        raise _damaged(error) from None


def load_currency(workspace: Workspace) -> str:
    """The currency that the user named, empty where none was.

    Raises:
        AdvisorError: The file is damaged.
    """
    return str(_stored(workspace).get(CURRENCY, ""))[:MOST_CURRENCY]


def save_costs(
    workspace: Workspace, entered: Mapping[str, float], currency: str | None = None
) -> None:
    """Keeps the inputs that the user entered, and the currency; the one of before where None."""
    with workspace.lock("advisor"):
        stored = _stored(workspace)
        named = stored.get(CURRENCY, "") if currency is None else currency.strip()[:MOST_CURRENCY]
        _write(workspace, entered, named, stored.get(LISTS, []))


def take_preset(workspace: Workspace, preset_id: str) -> None:
    """Enters a price list's prices and its currency; what else was entered stays.

    Raises:
        AdvisorError: There is no such list, or amounts were entered in another currency.
    """
    preset = price_presets().get(preset_id)
    if preset is None:
        known = ", ".join(price_presets())
        raise AdvisorError(f"There is no price list {preset_id!r}.", f"Choose one of: {known}.")
    with workspace.lock("advisor"):
        named = load_currency(workspace)
        if named not in ("", preset.currency):
            raise AdvisorError(
                f"{preset.title} is in {preset.currency}, what you entered is in {named}.",
                "Enter its prices converted, or forget what you entered.",
            )
        lists = sorted({*_stored(workspace).get(LISTS, []), preset_id})
        _write(workspace, load_costs(workspace) | preset.prices, preset.currency, lists)


def load_scenario_rows(workspace: Workspace) -> list[Any]:
    """The scenarios that the user entered, as they were written.

    Raises:
        AdvisorError: The file is damaged.
    """
    rows = _stored(workspace).get(SCENARIOS, [])
    if not isinstance(rows, list):
        raise _damaged(TypeError(f"{SCENARIOS} is no list"))
    return rows


def save_scenario_rows(workspace: Workspace, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the scenarios that the user entered; what else was entered stays."""
    with workspace.lock("advisor"):
        data = {**_stored(workspace), SCENARIOS: list(rows)}
        write_json(workspace.path / "advisor" / FILE, data)


def _write(
    workspace: Workspace, entered: Mapping[str, float], currency: str, lists: Sequence[str]
) -> None:
    rows = _stored(workspace).get(SCENARIOS, [])
    data = {**entered, CURRENCY: currency, LISTS: list(lists), SCENARIOS: rows}
    write_json(
        workspace.path / "advisor" / FILE, {key: x for key, x in data.items() if x not in ("", [])}
    )


def _stored(workspace: Workspace) -> dict[str, Any]:
    file = workspace.path / "advisor" / FILE
    try:
        return dict(read_json(file)) if file.exists() else {}
    except (ValueError, TypeError, AttributeError) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> AdvisorError:
    return AdvisorError(f"advisor/{FILE} is damaged: {error}.", "Delete it.")
