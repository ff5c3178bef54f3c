"""A decision record as Markdown, JSON or one printable HTML file.

The HTML stands alone: no script, no font, no picture from elsewhere; charts are SVG inside it.
Everything that people or files wrote is escaped, by Jinja in HTML and by ``_plain`` in Markdown.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragft_core.advisor.criteria.values import GRADE_WORDS
from ragft_core.advisor.deciding.recommendation import Reference
from ragft_core.advisor.deciding.tornado import TornadoBar, tornado
from ragft_core.advisor.deciding.words import format_value, name
from ragft_core.advisor.record import svg
from ragft_core.advisor.record.article import interval_text
from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.arms import STRATEGY_NAMES
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.values import to_dict

TEMPLATES = Path(__file__).with_name("templates")
FORMATS = ("markdown", "json", "html")
BASIS_WORDS = {
    "answer": "guess from the answer",
    "measured": "measured",
    "adjusted": "guess moved by measurements",
    "unknown": "don't know",
}


def render_record(record: DecisionRecord, form: str = "markdown") -> str:
    """The record as text.

    Args:
        record: What to render.
        form: ``markdown``, ``json`` or ``html``.

    Raises:
        AdvisorError: There is no such form.
    """
    if form == "json":
        return json.dumps(_finite(to_dict(record)), indent=2, ensure_ascii=False) + "\n"
    if form not in FORMATS:
        raise AdvisorError(
            f"A record cannot be written as {form!r}.", "Use markdown, json or html."
        )
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=form == "html",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _filters(record, html=form == "html")
    template = environment.get_template("record.html" if form == "html" else "record.md")
    text = template.render(_context(record, html=form == "html"))
    return text if form == "html" else re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _finite(value: Any) -> Any:
    """JSON has no infinity; what is unbounded becomes nothing."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _filters(record: DecisionRecord, *, html: bool) -> dict[str, Callable[..., Any]]:
    kinds = {kind.id: kind for kind in record.kinds}

    def value(number: float, measurement: str) -> str:
        kind = kinds.get(measurement)
        return format_value(kind, number) if kind else f"{number:.3g}"

    return {
        "plain": (lambda text: str(text)) if html else _plain,
        "share": lambda x: f"{x:.0%}".replace("%", " %"),
        "strategy": lambda s: name(Strategy(s), start=True) if s else "none",
        "value": value,
        "money": lambda x: f"{x:,.0f}" if abs(x) >= 100 else f"{x:,.4g}",
        "grade": lambda grade: GRADE_WORDS[grade],
        "basis": lambda basis: BASIS_WORDS[basis],
        "day": lambda stamp: stamp[:10],
    }


def _plain(text: object) -> str:
    """Text in Markdown that shows as it is, on one line."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", line)


def _context(record: DecisionRecord, *, html: bool) -> dict[str, Any]:
    result = record.result
    labels = {line.criterion: line.label for line in record.lines}
    cited = {source for line in record.lines for source in line.sources}
    context: dict[str, Any] = {
        "record": record,
        "result": result,
        "labels": labels,
        "measured": _measured_table(record),
        "sources": [source for source in record.sources if source.id in cited],
        "bars": tornado(result),
        "break_evens": [break_even_text(item) for item in record.break_evens],
        "contributions": _contributions(record),
        "names": STRATEGY_NAMES,
        "link": _link,
    }
    if html:
        context |= _charts(record)
    return context


def _link(reference: Reference) -> tuple[str, str]:
    """The anchor that a reference leads to, and its word: a source goes by its own name."""
    anchors = {"weight": f"answer-{reference.id}", "simulation": "scores"}
    anchor = anchors.get(reference.kind, f"{reference.kind}-{reference.id}")
    return anchor, reference.id if reference.kind == "source" else reference.kind


def _measured_table(record: DecisionRecord) -> list[dict[str, Any]]:
    """One row a measurement, one text a strategy; empty where it was not measured."""
    rows = []
    for kind in record.kinds:
        found = {m.strategy: m for m in record.result.measurements if m.id == kind.id}
        if found:
            cells = {strategy: interval_text(kind, item) for strategy, item in found.items()}
            sources = ", ".join(dict.fromkeys(item.source for item in found.values()))
            rows.append({"title": kind.title, "cells": cells, "sources": sources})
    return rows


def _contributions(record: DecisionRecord) -> list[dict[str, Any]]:
    """One row a criterion: weight, utilities by strategy with their basis, the weightiest first."""
    rows: dict[str, dict[str, Any]] = {}
    for item in record.result.contributions:
        row = rows.setdefault(
            item.criterion,
            {"criterion": item.criterion, "weight": item.weight, "utility": {}, "basis": {}},
        )
        row["utility"][item.strategy.value] = item.utility
        row["basis"][item.strategy.value] = item.basis
    for row in rows.values():
        row["question"] = record.question(row["criterion"])
    return sorted(rows.values(), key=lambda row: -row["weight"])


def break_even_text(item: Any) -> str:
    """A break-even in words."""
    one, other = name(item.strategy, start=True), name(item.other)
    if item.kind == "always":
        return f"{one} is cheaper than {other} at any volume."
    if item.kind == "never":
        return f"{one} never becomes cheaper than {other}: no break-even."
    return f"{one} is cheaper than {other} {item.kind} {item.requests:,.0f} requests a month."


def flip_text(leader: Strategy | None, bar: TornadoBar) -> str:
    """What the worst answer of a tornado's bar does."""
    if leader is None or not bar.flips:
        return "no other answer changes the leader"
    winner = name(bar.winner) if bar.winner else "no strategy"
    if bar.vetoes:
        return f"“{bar.low_label}” rules {name(leader)} out, {winner} leads"
    return f"“{bar.low_label}”: {winner} overtakes"


def _charts(record: DecisionRecord) -> dict[str, Any]:
    from markupsafe import Markup

    result = record.result
    rows = [
        svg.Bar(
            name(score.strategy, start=True),
            score.score,
            svg.COLOURS[score.strategy],
            "out by a must"
            if score.vetoed
            else "measured behind"
            if score.behind
            else f"wins {score.share:.0%}".replace("%", " %"),
            score.low,
            score.high,
        )
        for score in result.scores
    ]
    groups = [group.title for group in record.groups]
    parts = []
    group_of = {line.criterion: line.group for line in record.lines}
    for score in result.scores:
        sums = [
            sum(
                c.points
                for c in result.contributions
                if c.strategy == score.strategy and group_of.get(c.criterion) == group.id
            )
            for group in record.groups
        ]
        parts.append((name(score.strategy, start=True), sums))
    bars = [
        (record.question(bar.criterion), bar.low, bar.high, flip_text(result.leader, bar))
        for bar in tornado(result)
    ]
    money = [
        svg.Bar(
            name(cost.strategy, start=True),
            cost.total,
            svg.COLOURS[cost.strategy],
            f"{cost.total:,.0f}",
        )
        for cost in record.costs
    ]
    lead = name(result.leader, start=True) if result.leader else "No strategy"
    drawn = {
        "score_chart": svg.bars(rows, 1.0, f"Scores of the strategies; {lead} leads"),
        "group_chart": svg.stacked(parts, groups, 1.0, "What each group of questions contributes"),
        "tornado_chart": svg.diverging(bars, result.margin, "What other answers would change"),
        "cost_chart": svg.bars(
            money, max(cost.total for cost in record.costs), "Total cost of each strategy"
        ),
    }
    # Markup: the drawings are made here, with every text in them escaped.
    return {key: Markup(text) for key, text in drawn.items()}  # noqa: S704
