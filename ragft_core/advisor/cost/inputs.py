"""Cost inputs filled from what was measured and answered, and kept in the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from ragft_core.advisor.cost.model import CostInputs
from ragft_core.advisor.evidence.gather import Evidence
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, read_json, write_json

FILE = "costs.json"
# Requests a month and months between retrainings that an answer stands for: the middle of its
# range on a logarithmic scale.
REQUESTS = {"low": 300.0, "medium": 10_000.0, "high": 300_000.0}
RETRAIN_MONTHS = {"rarely": 0.0, "monthly": 2.0, "weekly": 0.25, "live": 0.25}


@dataclass(frozen=True)
class PrefilledCosts:
    """Inputs, and for each field that was filled where its number comes from."""

    inputs: CostInputs
    origin: dict[str, str]


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
    written = [m.value for m in evidence.measurements if m.id == "completion_tokens"]
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
    file = workspace.path / "advisor" / FILE
    if not file.exists():
        return {}
    try:
        data = read_json(file)
        known = {f.name for f in fields(CostInputs)}
        return {key: float(value) for key, value in data.items() if key in known}
    except (ValueError, TypeError, AttributeError) as error:
        raise AdvisorError(f"advisor/{FILE} is damaged: {error}.", "Delete it.") from None


def save_costs(workspace: Workspace, entered: Mapping[str, float]) -> None:
    """Keeps the inputs that the user entered."""
    with workspace.lock("advisor"):
        write_json(workspace.path / "advisor" / FILE, to_dict(dict(entered)))
