"""A decision record as Markdown, JSON or one printable HTML file.

The HTML stands alone: no script, no font, no picture from elsewhere; charts are SVG inside it.
Everything that people or files wrote is escaped, by Jinja in HTML and by ``_plain`` in Markdown.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ragft_core.advisor.cost.model import by_volume
from ragft_core.advisor.criteria.values import GRADE_WORDS
from ragft_core.advisor.deciding.recommendation import Reference
from ragft_core.advisor.deciding.tornado import TornadoBar, tornado
from ragft_core.advisor.deciding.voice import MAIN, main_shares
from ragft_core.advisor.deciding.words import format_value, name, percent
from ragft_core.advisor.record import front, rfp, svg
from ragft_core.advisor.record.article import interval_text
from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.arms import STRATEGY_NAMES
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.values import to_dict

TEMPLATES = Path(__file__).with_name("templates")
FORMATS = ("markdown", "json", "html")
# As many bars as a printed page holds below the scores and the reasons.
TORNADO = 6
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
    name = "record.html" if form == "html" else "record.md"
    return _filled(name, record, _context(record, html=form == "html"))


def render_front(record: DecisionRecord, form: str) -> str:
    """A record's page one by itself, as Markdown or as a part of an HTML page.

    Links in the HTML lead to parts of the whole record, which a page of several has not.
    """
    from markupsafe import Markup

    html = form == "html"
    text = _filled("front.html" if html else "front.md", record, _context(record, html=html))
    return Markup(text) if html else text  # noqa: S704 - Jinja has escaped it


def render_page(template: str, context: Mapping[str, Any]) -> str:
    """A template that is not about one record."""
    return _filled(template, None, context)


def render_rfp(record: DecisionRecord) -> str:
    """Common questions about the strategy with answers from the record, as Markdown."""
    context = {"record": record, "answers": rfp.rfp_answers(record), "OPEN": rfp.OPEN}
    return _filled("rfp.md", record, context)


def _filled(template: str, record: DecisionRecord | None, context: Mapping[str, Any]) -> str:
    """A template with its values; HTML is escaped by Jinja, Markdown by ``plain``."""
    import jinja2

    html = template.endswith(".html")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _filters(record, html=html)
    text = environment.get_template(template).render(context)
    return text if html else re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _finite(value: Any) -> Any:
    """JSON has no infinity; what is unbounded becomes nothing."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _filters(record: DecisionRecord | None, *, html: bool) -> dict[str, Callable[..., Any]]:
    kinds = {kind.id: kind for kind in record.kinds} if record else {}

    def value(number: float, measurement: str) -> str:
        kind = kinds.get(measurement)
        return format_value(kind, number) if kind else f"{number:.3g}"

    return {
        "plain": (lambda text: str(text)) if html else _plain,
        "share": percent,
        "strategy": lambda s: name(Strategy(s), start=True) if s else "none",
        "value": value,
        "money": front.money,
        "bytes": size_text,
        "verbatim": lambda text: str(text).strip().replace("\n", "\n    "),
        "grade": lambda grade: GRADE_WORDS[grade],
        "basis": lambda basis: BASIS_WORDS[basis],
        "day": lambda stamp: stamp[:10],
        "minute": lambda stamp: f"{stamp[:10]}, {stamp[11:16]} UTC",
    }


def size_text(size: int) -> str:
    """Bytes as people write them."""
    return f"{size:,} B" if size < 1000 else f"{size / 1000:,.0f} kB"


def _plain(text: object) -> str:
    """Text in Markdown that shows as it is, on one line."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", line)


def _context(record: DecisionRecord, *, html: bool) -> dict[str, Any]:
    result = record.result
    labels = {line.criterion: line.label for line in record.lines}
    cited = {source for line in record.lines for source in line.sources}
    cited |= {source for _, card in front.cards(record) for source in card.sources}
    measured = _measured_table(record)
    tried = {
        s: label for s, label in STRATEGY_NAMES.items() if any(s in r["cells"] for r in measured)
    }
    context: dict[str, Any] = {
        "record": record,
        "result": result,
        "labels": labels,
        "measured": measured,
        "measured_names": tried,
        "untried": ", ".join(name(s) for s in STRATEGY_NAMES if s not in tried),
        "usual_source": Counter(row["sources"] for row in measured).most_common(1)[0][0]
        if measured
        else "",
        "sources": [source for source in record.sources if source.id in cited],
        "bars": tornado(result, TORNADO),
        "front": front,
        "grades": GRADE_WORDS,
        "share_bars": bool(main_shares(result.measurements)),
        "unmeasured": ", ".join(
            name(s) for s in Strategy if s not in main_shares(result.measurements)
        ),
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
    lead = name(result.leader, start=True) if result.leader else "No strategy"
    drawn = {
        "score_chart": svg.bars(_score_bars(record), 1.0, f"Scores; {lead} leads"),
        "group_chart": svg.stacked(
            _group_parts(record),
            [group.title for group in record.groups],
            1.0,
            "What each group of questions contributes",
        ),
        "tornado_chart": svg.diverging(
            [
                (record.question(bar.criterion), bar.low, bar.high, flip_text(result.leader, bar))
                for bar in tornado(result, TORNADO)
            ],
            result.margin,
            "What other answers would change",
        ),
        "cost_chart": svg.bars(
            _cost_bars(record), _most_cost(record), "Total cost of each strategy"
        ),
        "volume_chart": svg.curves(
            _volume_lines(record),
            record.cost_inputs.requests or 1.0,
            f"your {record.cost_inputs.requests:,.0f} a month",
            "Total cost by requests a month",
        ),
        "share_chart": svg.bars(_share_bars(record), 1.0, "Measured shares of right answers"),
    }
    # Markup: the drawings are made here, with every text in them escaped.
    return {key: Markup(text) for key, text in drawn.items()}  # noqa: S704


def _share_bars(record: DecisionRecord) -> list[svg.Bar]:
    kind = next((kind for kind in record.kinds if kind.id == MAIN), None)
    found = [m for m in record.result.measurements if m.id == MAIN and m.strategy]
    return [
        svg.Bar(
            name(item.strategy, start=True),
            item.value,
            svg.COLOURS[item.strategy],
            interval_text(kind, item),
            item.low,
            item.high,
        )
        for item in sorted(found, key=lambda item: -item.value)
        if kind and item.strategy
    ]


def _score_bars(record: DecisionRecord) -> list[svg.Bar]:
    return [
        svg.Bar(
            name(score.strategy, start=True),
            score.score,
            svg.COLOURS[score.strategy],
            "out by a must"
            if score.vetoed
            else "measured behind"
            if score.behind
            else f"first in {percent(score.share)}",
            score.low,
            score.high,
        )
        for score in record.result.scores
    ]


def _group_parts(record: DecisionRecord) -> list[tuple[str, list[float]]]:
    group_of = {line.criterion: line.group for line in record.lines}
    parts = []
    for score in record.result.scores:
        sums = dict.fromkeys((group.id for group in record.groups), 0.0)
        for item in record.result.contributions:
            if item.strategy == score.strategy and group_of.get(item.criterion) in sums:
                sums[group_of[item.criterion]] += item.points
        parts.append((name(score.strategy, start=True), list(sums.values())))
    return parts


def _cost_bars(record: DecisionRecord) -> list[svg.Bar]:
    found = []
    for cost in record.costs:
        span = record.ranges.of(cost.strategy)
        ends = (span.low, span.high) if span else (None, None)
        label, colour = name(cost.strategy, start=True), svg.COLOURS[cost.strategy]
        found.append(svg.Bar(label, cost.total, colour, front.money(cost.total), *ends))
    return found


def _most_cost(record: DecisionRecord) -> float:
    ends = [span.high for span in record.ranges.totals]
    return max([cost.total for cost in record.costs] + ends)


def _volume_lines(record: DecisionRecord) -> list[svg.Line]:
    """Totals from a hundredth to a hundred times the own volume."""
    return [
        svg.Line(
            name(strategy, start=True),
            svg.COLOURS[strategy],
            by_volume(record.cost_inputs, strategy),
        )
        for strategy in Strategy
    ]
