"""Page one of a record: what a board reads. Values come in, lines and rows go out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from ragft_core.advisor.cost.model import BreakEven, Cost, CostInputs
from ragft_core.advisor.cost.ranges import CostRanges
from ragft_core.advisor.cost.scenarios import Scenario
from ragft_core.advisor.deciding.recommendation import Measurement, Recommendation, Sentence
from ragft_core.advisor.deciding.voice import main_shares
from ragft_core.advisor.deciding.words import name, percent
from ragft_core.advisor.record.cards import Card, strategy_cards
from ragft_core.advisor.record.recipes import Step
from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.types import Strategy

REASONS = 3
DEFAULT = "default"
LIST = "price list"
GUESSES = 4
# A comparison of costs is settled where this share of the draws agrees.
SURE = 0.9


@dataclass(frozen=True)
class InputLine:
    """One input of the costs: its value with its unit, and where it is from."""

    label: str
    value: str
    unit: str
    origin: str


def money(value: float) -> str:
    """An amount: whole from 100 on, else three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.6f}".rstrip("0").rstrip(".")


def confidence_text(record: DecisionRecord) -> str:
    """How firmly the inputs point to the leader, and what that is not."""
    result = record.result
    if result.leader is None or not result.informed:
        return f"Confidence: {result.confidence}."
    if result.outside:
        return (
            f"Among the five alone, {name(result.leader)} would come first in "
            f"{percent(result.share)} of {result.simulations:,} trials of the weights and guesses."
        )
    return (
        f"Confidence: {result.confidence}. Weights and guesses were varied {result.simulations:,} "
        f"times within what is not known about them, and {name(result.leader)} came first in "
        f"{percent(result.share)} of these trials. That says how firmly the inputs point one way, "
        "not how likely it is to work."
    )


def share_rows(record: DecisionRecord) -> list[dict[str, Any]]:
    """The measured share of right answers of every strategy, the best first, then the unmeasured."""
    found = main_shares(record.result.measurements)
    order = sorted(Strategy, key=lambda s: -found[s].value if s in found else 1.0)
    return [_share_row(strategy, found.get(strategy)) for strategy in order]


def _share_row(strategy: Strategy, item: Measurement | None) -> dict[str, Any]:
    share, low, high = (
        (f"{x:.0%}".replace("%", " %") for x in (item.value, item.low, item.high))
        if item
        else ("not measured", "", "")
    )
    return {
        "strategy": name(strategy, start=True),
        "share": share,
        "interval": f"{low} to {high}" if item else "",
        "n": item.n if item else "",
    }


def cost_rows(record: DecisionRecord) -> list[dict[str, Any]]:
    """What every strategy costs, as text, with the range of its total."""
    return [_cost_row(record, cost) for cost in record.costs]


def _cost_row(record: DecisionRecord, cost: Cost) -> dict[str, Any]:
    inputs, span = record.cost_inputs, record.ranges.of(cost.strategy)
    right = "not measured"
    if cost.correct is not None and cost.correct_low is not None:
        high = money(cost.correct_high) if cost.correct_high is not None else "no end"
        right = f"{money(cost.correct)} ({money(cost.correct_low)} to {high})"
    return {
        "strategy": name(cost.strategy, start=True),
        "leads": record.result.informed and cost.strategy == record.result.leader,
        "once": money(cost.once),
        "month": money(cost.month + cost.request * inputs.requests),
        "request": money(cost.request),
        "total": money(cost.total),
        "range": f"{money(span.low)} to {money(span.high)}" if span else "",
        "cheapest": percent(span.cheapest) if span else "",
        "right": right,
    }


def scenario_title(scenario: Scenario) -> str:
    """A scenario with its months and its volume."""
    return f"{scenario.title}: {scenario.months:g} months, {scenario.requests:,.0f} a month"


def scenario_rows(record: DecisionRecord) -> list[dict[str, Any]]:
    """One row a strategy: its total with the range in every scenario, in their order."""
    rows = []
    for strategy in Strategy:
        cells = []
        for item in record.scenarios:
            cost = next(cost for cost in item.costs if cost.strategy == strategy)
            span = item.ranges.of(strategy)
            ends = f" ({money(span.low)} to {money(span.high)})" if span else ""
            cells.append(f"{money(cost.total)}{ends}")
        rows.append({"strategy": name(strategy, start=True), "cells": cells})
    return rows


def money_title(record: DecisionRecord) -> str:
    """What amounts are in, also where nobody named a currency."""
    return f"Money, in {record.currency}" if record.currency else "Money (no currency named)"


def origin(record: DecisionRecord, field_name: str) -> str:
    """Where an input comes from, in a word or two."""
    return record.cost_origin.get(field_name, DEFAULT)


def input_rows(record: DecisionRecord) -> list[InputLine]:
    """Every input of the costs; those that somebody gave or measured first."""
    lines = [
        InputLine(
            item.metadata["label"],
            f"{getattr(record.cost_inputs, item.name):,.6g}",
            _unit(record, item.metadata["unit"]),
            origin(record, item.name),
        )
        for item in fields(CostInputs)
    ]
    return sorted(lines, key=lambda line: line.origin == DEFAULT)


def _unit(record: DecisionRecord, unit: str) -> str:
    return record.currency if unit == "money" else unit


def given_inputs(record: DecisionRecord) -> list[InputLine]:
    """The inputs that somebody gave or measured."""
    return [line for line in input_rows(record) if line.origin != DEFAULT]


def default_inputs(record: DecisionRecord) -> list[InputLine]:
    """The inputs that were taken as they stood."""
    return [line for line in input_rows(record) if line.origin == DEFAULT]


def origin_text(record: DecisionRecord) -> str:
    """How many of the inputs were entered, measured, answered or taken as they stood."""
    origins = [line.origin for line in input_rows(record)]
    given = sum(item in ("entered", "answer") or item.startswith(LIST) for item in origins)
    defaults = origins.count(DEFAULT)
    known = len(origins) - given - defaults
    return (
        f"Of {len(origins)} inputs {given} were entered, taken from a price list or answered, {known} "
        f"measured or read from the workspace, {defaults} are defaults: round examples, no vendor's prices."
    )


def range_text(record: DecisionRecord) -> str:
    """What the ranges of the costs hold."""
    if not record.ranges.assumed:
        return ""
    return (
        "Ranges hold 90 % of the draws in which every default lies anywhere between half and double "
        "its value, and the requests within a factor of ten unless they were entered."
    )


def volume_text(record: DecisionRecord) -> str:
    """The user's own volume, and where it comes from."""
    return f"{record.cost_inputs.requests:,.0f} requests a month ({origin(record, 'requests')})"


def break_even_text(
    item: BreakEven, requests: float | None = None, ranges: CostRanges | None = None
) -> str:
    """A break-even in words: beside the user's own volume, and how often it holds while inputs vary."""
    text = _at_volume(item, requests)
    shares = {(p.strategy, p.other): p.share for p in ranges.pairs} if ranges else {}
    share = shares.get((item.strategy, item.other))
    if share is None or ranges is None or not ranges.assumed:
        return text
    return f"{text} {_settled(share)}"


def _at_volume(item: BreakEven, requests: float | None) -> str:
    one, other = name(item.strategy, start=True), name(item.other)
    if item.kind == "always":
        return f"{one} is cheaper than {other} at any volume."
    if item.kind == "never" or item.requests is None:
        return f"{one} never becomes cheaper than {other}: no break-even."
    text = f"{one} is cheaper than {other} {item.kind} {item.requests:,.0f} requests a month"
    if requests is None:
        return f"{text}."
    cheaper = (requests > item.requests) is (item.kind == "above")
    return f"{text}; at your {requests:,.0f} it is {'cheaper' if cheaper else 'dearer'}."


def break_even_lines(record: DecisionRecord) -> list[str]:
    """Every break-even beside the own volume, and how often it holds while inputs vary."""
    requests = record.cost_inputs.requests
    return [break_even_text(item, requests, record.ranges) for item in record.break_evens]


def _settled(share: float) -> str:
    """What becomes of a comparison while the assumed inputs vary."""
    if share >= SURE or share <= 1 - SURE:
        held = percent(max(share, 1 - share))
        return (
            f"That holds in {held} of the draws."
            if share >= SURE
            else f"Dearer in {held} of the draws."
        )
    return f"Open while so much is assumed: cheaper in {percent(share)} of the draws."


def leading_break_evens(record: DecisionRecord) -> list[str]:
    """The break-evens that the leader is part of; all of them where it is part of none."""
    lines = break_even_lines(record)
    mine = [
        line
        for item, line in zip(record.break_evens, lines, strict=True)
        if record.result.informed and record.result.leader in (item.strategy, item.other)
    ]
    return mine or lines


def guessed(record: DecisionRecord) -> list[str]:
    """What the decision took from answers and literature alone, the weightiest first."""
    return [weight_text(record.result), *_guessed_criteria(record)]


def weight_text(result: Recommendation) -> str:
    """How much of the decision was measured, guessed and left open: one notion everywhere."""
    measured, guess, unknown = (
        f"{share:.0%}".replace("%", " %") for share in result.rests_on.values()
    )
    return (
        f"Of all weight {measured} rests on measurements, {guess} on answers and literature, "
        f"{unknown} on questions that nobody answered."
    )


def _guessed_criteria(record: DecisionRecord) -> Iterator[str]:
    leader = record.result.leader or next(iter(Strategy))
    answers = {line.criterion: line.label for line in record.lines}
    rows = sorted(
        (c for c in record.result.contributions if c.strategy == leader and c.basis != "measured"),
        key=lambda c: -c.weight,
    )
    for item in rows[:GUESSES]:
        said = answers.get(item.criterion) or "not answered"
        yield f"{record.question(item.criterion)} {said[:1].upper()}{said[1:]} ({percent(item.weight)})."


def main_reasons(record: DecisionRecord) -> tuple[Sentence, ...]:
    """The strongest reasons."""
    return record.result.reasons[:REASONS]


def other_reasons(record: DecisionRecord) -> tuple[Sentence, ...]:
    """The reasons for which page one has no room."""
    return record.result.reasons[REASONS:]


def assigned(step: Step) -> str:
    """Who does a step, and by which day; empty where nobody said."""
    parts = [step.owner, f"by {step.due}" if step.due else ""]
    told = ", ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def cards(record: DecisionRecord) -> list[tuple[Strategy, Card]]:
    """The cards of the two that lead, of all where nothing leads."""
    result = record.result
    chosen = [s for s in (result.leader, result.runner_up) if s and result.informed]
    return [(strategy, strategy_cards()[strategy]) for strategy in chosen or list(Strategy)]
