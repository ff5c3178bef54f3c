"""A report as plain text, for terminals and logs."""

from __future__ import annotations

from ragft_core.evaluation.reports.report import EvaluationReport
from ragft_core.evaluation.reports.results import ScoreTable
from ragft_core.evaluation.reports.verdicts import describe
from ragft_core.evaluation.scoring.catalogue import BY_NAME
from ragft_core.evaluation.scoring.scorers import Scorer
from ragft_core.evaluation.statistics.estimates import Summary


def report_text(report: EvaluationReport) -> str:
    """The verdict, what limits it, every score with n and interval, and the pairs."""
    lines = [report.verdict]
    lines += [report.agreement] if report.agreement else []
    lines += [f"Note: {note}" for note in report.notes]
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.kinds.items())
    lines += ["", f"{report.n_questions} questions ({kinds}); mean [95 % interval] n"]
    arms = [record.arm for record in report.arms if record.ranked]
    names = _names(report)
    rows = [["score", *(names[arm] for arm in arms)]]
    for table in report.tables:
        if table.slice == "all":
            rows.append(_row(table, BY_NAME[table.score].label, arms))
    headline = (report.robust.score, report.sensitive.score)
    for table in report.tables:
        if table.slice != "all" and table.score in headline:
            label = f"{BY_NAME[table.score].label}, {table.slice.removeprefix('kind:')}"
            rows.append(_row(table, label, arms))
    times = {item.arm: item for item in report.latency}
    if times:
        cells = [
            f"{times[arm].median_s:.2f} s [{times[arm].low_s:.2f} to {times[arm].high_s:.2f}] "
            f"{times[arm].n}"
            if arm in times
            else "not measured"
            for arm in arms
        ]
        rows.append(["Time per answer, median", *cells])
    lines += _aligned(rows)
    if report.judge and report.judge.compared:
        judge = report.judge
        lines += ["", f"{judge.model} as judge agrees on {judge.agreed} of {judge.compared}."]
        lines += judge.notes
    for score in headline:
        lines += ["", *_pairs(report, score)]
    return "\n".join(lines)


def _names(report: EvaluationReport) -> dict[str, str]:
    return {record.arm: record.name or record.arm for record in report.arms}


def _row(table: ScoreTable, label: str, arms: list[str]) -> list[str]:
    scorer = BY_NAME[table.score]
    return [label, *(_cell(scorer, table.summaries[arm]) for arm in arms)]


def _cell(scorer: Scorer, item: Summary) -> str:
    if item.mean is None or item.low is None or item.high is None:
        return "n/a"
    if scorer.unit:
        return f"{item.mean:z.4g} [{item.low:z.4g} to {item.high:z.4g}] {item.n}"
    return f"{100 * item.mean:z.0f} % [{100 * item.low:z.0f} to {100 * item.high:z.0f}] {item.n}"


def _pairs(report: EvaluationReport, score: str) -> list[str]:
    table = report.table(score)
    if table is None or not table.differences:
        return []
    scorer = BY_NAME[score]
    names = _names(report)
    lines = [f"Pairs by “{scorer.label}” ({table.differences[0].test}, Holm-corrected)"]
    for gap in table.differences:
        ahead, behind = (gap.a, gap.b) if gap.mean >= 0 else (gap.b, gap.a)
        state = f"; {gap.undecided}" if gap.undecided else ""
        lines.append(
            f"  {names[ahead]} over {names[behind]}: {describe(scorer, gap)}, "
            f"{max(gap.wins, gap.losses)} : {min(gap.wins, gap.losses)}{state}"
        )
    return lines


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
