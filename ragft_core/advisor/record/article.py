"""The founding article's comparison, beside what the workspace shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.advisor.criteria.values import Criteria, MeasurementKind
from ragft_core.advisor.deciding.recommendation import Measurement
from ragft_core.advisor.deciding.words import format_value
from ragft_core.advisor.evidence.gather import FACT_WORDS, Evidence
from ragft_core.evaluation.reports.claims import Holding, claim_table, points
from ragft_core.types import Strategy

NOT_MEASURED = "not measured yet"
COMPARED = (Strategy.RAG, Strategy.FINE_TUNED)


@dataclass(frozen=True)
class ArticleRow:
    """One of the seven criteria: what the article says of each side, and what was measured.

    ``measured`` has a text for RAG and one for fine-tuning; ``facts`` what the workspace holds;
    ``contested`` what research says. ``holding`` says whether the claim held in the latest
    evaluation, and ``tested`` what was tested of it.
    """

    group: str
    title: str
    rag: str
    fine_tuned: str
    measured_rag: str
    measured_fine_tuned: str
    facts: str
    contested: str
    holding: str = ""
    tested: str = ""


@dataclass(frozen=True)
class ArticlePoint:
    """An advantage or a limit that the article names, and what the workspace shows of it."""

    strategy: Strategy
    kind: str
    text: str
    measurement: str
    measured: str


def article_table(criteria: Criteria, evidence: Evidence) -> list[ArticleRow]:
    """The article's table, one row for each of the seven criteria."""
    rows = []
    for claim in claim_table():
        sides = [
            "; ".join(measured_text(criteria, evidence, name, side) for name in claim.measurements)
            for side in COMPARED
        ]
        facts = [
            f"{FACT_WORDS[name]}: {evidence.facts[name]:,.3g}"
            if evidence.facts[name] < 1000
            else f"{FACT_WORDS[name]}: {evidence.facts[name]:,.0f}"
            for name in claim.facts
            if name in evidence.facts
        ]
        found = evidence.claims.get(claim.id)
        rows.append(
            ArticleRow(
                group=claim.id,
                title=claim.criterion,
                rag=claim.rag,
                fine_tuned=claim.fine_tuning,
                measured_rag=sides[0],
                measured_fine_tuned=sides[1],
                facts="; ".join(facts),
                contested=claim.literature,
                holding=(found.holding if found else Holding.NOT_TESTED).value,
                tested=found.measured if found else "",
            )
        )
    return rows


def article_points(criteria: Criteria, evidence: Evidence) -> list[ArticlePoint]:
    """The article's advantages and limits of both sides."""
    found = []
    for point in points():
        side = Strategy(point.strategy)
        if point.criterion:
            check = evidence.claims.get(point.criterion)
            measured = f"{check.holding}: {check.measured}" if check else Holding.NOT_TESTED.value
        else:
            measured = measured_text(criteria, evidence, point.measurement, side)
        found.append(ArticlePoint(side, point.kind, point.text, point.measurement, measured))
    return found


def measured_text(
    criteria: Criteria, evidence: Evidence, measurement: str, strategy: Strategy
) -> str:
    """A measured value in words with its interval and n, or that there is none."""
    kind = criteria.measurements[measurement]
    title = kind.title[:1].lower() + kind.title[1:]
    if strategy not in kind.strategies:
        return f"{title}: does not apply"
    found = evidence.measured(measurement, strategy)
    if found is None:
        return f"{title}: {NOT_MEASURED}"
    return f"{title}: {interval_text(kind, found)}"


def interval_text(kind: MeasurementKind, found: Measurement) -> str:
    """A measured value with its interval, where it has one, and n."""
    low, high = (format_value(kind, end) for end in (found.low, found.high))
    interval = f"{low} to {high}, " if low != high else ""
    return f"{format_value(kind, found.value)} ({interval}n = {found.n})"
