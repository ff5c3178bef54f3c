"""The portfolio: what was decided in every workspace, side by side, and as one document.

A row is made of the newest kept record alone, so that it says what was defended then; what has changed
in the workspace since is named. A workspace without a record has a row that says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ragft_core.access import Right, rights
from ragft_core.advisor.criteria.answers import FILE as ANSWERS
from ragft_core.advisor.criteria.file import load_criteria
from ragft_core.advisor.deciding.voice import main_shares
from ragft_core.advisor.deciding.words import name, percent
from ragft_core.advisor.evidence.evaluations import EVALUATION, evaluation_evidence
from ragft_core.advisor.export.docx import markdown_docx
from ragft_core.advisor.record import front
from ragft_core.advisor.record.record import DecisionRecord, newest_record
from ragft_core.advisor.record.render import render_front, render_page
from ragft_core.errors import AdvisorError, RagftError
from ragft_core.types import Strategy
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, now, read_json

FORMATS = ("markdown", "html", "json", "docx")
CHANGES = 2
UNDECIDED = "no decision kept yet"


@dataclass(frozen=True)
class PortfolioRow:
    """One use case: the newest record of a workspace in a few fields; empty where there is none.

    ``strategy`` is the verdict's, or the leader's where ``clear`` is False. ``right`` is its measured
    share of right answers (value, low, high) on ``n`` questions. ``cost`` is its total over
    ``months`` with its 90 % range, in ``currency``. ``stale`` says what has changed since. ``outside`` is what is called for
    in place of any strategy; the right answers are its own then, where they were measured.
    """

    workspace: str
    use_case: str
    record: str = ""
    decided_at: str = ""
    strategy: Strategy | None = None
    clear: bool = False
    headline: str = ""
    confidence: str = UNDECIDED
    share: float = 0.0
    right: tuple[float, float, float] | None = None
    n: int = 0
    cost: tuple[float, float, float] | None = None
    months: float = 0.0
    currency: str = ""
    changes: tuple[str, ...] = ()
    stale: str = ""
    outside: str = ""

    @property
    def verdict_text(self) -> str:
        """What to take, or who leads, or that nothing was decided."""
        if self.outside:
            return f"none of the five: {self.outside}"
        if self.strategy is None:
            return "no clear winner" if self.record else UNDECIDED
        taken = name(self.strategy, start=True)
        return taken if self.clear else f"no clear winner, {name(self.strategy)} leads"

    @property
    def confidence_text(self) -> str:
        """The confidence, and in which share of the trials it comes first."""
        return f"{self.confidence}, first in {percent(self.share)}" if self.strategy else ""

    @property
    def right_text(self) -> str:
        """The measured share with interval and n."""
        if self.right is None:
            return "not measured" if self.record else ""
        value, low, high = (f"{x:.0%}".replace("%", " %") for x in self.right)
        return f"{value} ({low} to {high}, n = {self.n})"

    @property
    def cost_text(self) -> str:
        """The total with its range, its months and its currency."""
        if self.cost is None:
            return ""
        total, low, high = map(front.money, self.cost)
        told = f"{total} ({low} to {high})" if low != high else total
        return f"{told} {self.currency}".rstrip() + f", {self.months:g} months"


@dataclass(frozen=True)
class Portfolio:
    """The rows, those that were decided first, and the records that they are made of."""

    rows: tuple[PortfolioRow, ...]
    records: tuple[DecisionRecord, ...]
    made_at: str


def make_portfolio(workspaces: Iterable[Workspace]) -> Portfolio:
    """Puts workspaces side by side; those whose settings cannot be read are left out."""
    found: list[tuple[PortfolioRow, DecisionRecord | None]] = []
    for workspace in workspaces:
        rights.require(Right.READ, workspace.path)
        try:
            use_case = workspace.settings().name
        except RagftError:
            continue  # named on Home, with what to do
        record = newest_record(workspace)
        row = _row(workspace, use_case, record) if record else PortfolioRow(workspace.id, use_case)
        found.append((row, record))
    found.sort(key=lambda pair: (pair[1] is None, pair[0].use_case.casefold()))
    records = tuple(record for _, record in found if record is not None)
    return Portfolio(tuple(row for row, _ in found), records, now())


def _row(workspace: Workspace, use_case: str, record: DecisionRecord) -> PortfolioRow:
    result = record.result
    chosen = (result.verdict or result.leader) if result.informed else None
    shares = main_shares(result.measurements)
    if result.outside:
        chosen = None
        outside = [m for m in result.measurements if m.id == result.outside and m.n > 0]
        right = outside[-1] if outside else None
    else:
        right = shares.get(chosen) if chosen else None
    cost = next((item for item in record.costs if item.strategy == chosen), None)
    span = record.ranges.of(chosen) if chosen else None
    ends = (span.low, span.high) if span else (cost.total, cost.total) if cost else (0.0, 0.0)
    return PortfolioRow(
        workspace=workspace.id,
        use_case=use_case,
        record=record.id,
        decided_at=record.created_at,
        strategy=chosen,
        clear=result.verdict is not None,
        headline=result.headline.text,
        confidence=result.confidence,
        share=result.share,
        right=(right.value, right.low, right.high) if right else None,
        n=right.n if right else 0,
        cost=(cost.total, *ends) if cost else None,
        months=record.cost_inputs.months,
        currency=record.currency,
        changes=tuple(sentence.text for sentence in result.changes[:CHANGES]),
        stale=", ".join(_since(workspace, record)),
        outside=_outside(workspace, result.outside),
    )


def _outside(workspace: Workspace, key: str) -> str:
    """The title of what an answer calls for instead of any strategy."""
    if not key:
        return ""
    try:
        found = load_criteria(workspace).outside.get(key)
    except RagftError:
        found = None  # the workspace's own criteria are damaged, which Home names
    return found.title if found else key


def _since(workspace: Workspace, record: DecisionRecord) -> Iterable[str]:
    """What is newer than the record: the evaluation that would count now, and the answers."""
    answers = workspace.path / "advisor" / ANSWERS
    try:
        newest = evaluation_evidence(workspace).provenance.get(EVALUATION, "")
        if newest and newest != record.provenance.get(EVALUATION):
            yield "evaluated again"
        if answers.exists() and str(read_json(answers).get("saved_at", "")) > record.created_at:
            yield "answered again"
    except (RagftError, ValueError, OSError):
        return  # named on Home


def render_portfolio(portfolio: Portfolio, form: str = "markdown") -> str | bytes:
    """The portfolio with page one of every record, as one document.

    Args:
        portfolio: What to write.
        form: ``markdown``, ``html``, ``json``, or ``docx``, which is bytes.

    Raises:
        AdvisorError: There is no such form.
    """
    if form not in FORMATS:
        raise AdvisorError(f"A portfolio cannot be written as {form!r}.", f"Use {_listed()}.")
    if form == "json":
        rows = [_data(row) for row in portfolio.rows]
        return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "html":
        return render_page("portfolio.html", _context(portfolio, "html"))
    text = render_page("portfolio.md", _context(portfolio, "markdown"))
    return markdown_docx(text, "Portfolio of strategies") if form == "docx" else text


def _listed() -> str:
    return f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def _context(portfolio: Portfolio, form: str) -> dict[str, Any]:
    fronts = [render_front(record, form) for record in portfolio.records]
    if form == "markdown":  # each is a chapter of this document
        fronts = [
            "\n".join(f"#{line}" if line.startswith("#") else line for line in text.splitlines())
            for text in fronts
        ]
    return {"portfolio": portfolio, "fronts": fronts}


def _data(row: PortfolioRow) -> dict[str, Any]:
    found: dict[str, Any] = to_dict(row)
    return found


def portfolio_cells(rows: Sequence[PortfolioRow]) -> list[dict[str, str]]:
    """The rows as text, one column a thing to compare."""
    return [
        {
            "use case": row.use_case,
            "verdict": row.verdict_text,
            "confidence": row.confidence_text,
            "right answers": row.right_text,
            "cost": row.cost_text,
            "decided": row.decided_at[:10] + (f" ({row.stale} since)" if row.stale else ""),
        }
        for row in rows
    ]
