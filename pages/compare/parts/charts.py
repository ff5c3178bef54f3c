"""The figures of an evaluation: dots with intervals, times, confusion, profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.ui import arms, charts
from ragft_core.evaluation import EvaluationReport
from ragft_core.evaluation.reports import ArmLatency, LabelTable, ScoreTable
from ragft_core.evaluation.scoring import BY_NAME, Scorer

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Shares that say something different each; a radar of more is a hedgehog.
PROFILE = ("correct", "f1", "abstains", "answers", "support", "hit")

# From the ground of a panel to a blue on which white numbers keep 4.5 to 1.
SHADES = {"light": ["#f4f6fa", "#2457c5"], "dark": ["#1b212d", "#3d6bd0"]}


def shown(scorer: Scorer, value: float | None) -> str:
    """A value of a score as people read it: shares in percent."""
    if value is None:
        return "n/a"
    if scorer.unit == "tokens":
        return f"{value:.0f}"
    text = f"{value:z.3g}" if scorer.unit else f"{100 * value:z.0f} %"
    return text.replace("-", "−")


def signed(value: float) -> str:
    """A difference with its sign, the minus as long as the plus: ``+3``, ``−58``, ``0``."""
    text = f"{value:+.3g}" if abs(value) < 100 else f"{value:+.0f}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def dots(tables: Sequence[tuple[str, ScoreTable]], key: str) -> None:
    """Means with 95 % intervals: a row per slice, a mark per arm."""
    import plotly.graph_objects as go

    scorer = BY_NAME[tables[0][1].score]
    scale = 1 if scorer.unit else 100
    names = list(tables[0][1].summaries)
    figure = go.Figure()
    for place, arm in enumerate(names):
        look = arms.look(arm)
        rows = [
            (row, label, table.summaries[arm])
            for row, (label, table) in enumerate(tables)
            if table.summaries[arm].mean is not None
        ]
        # Arms stand one below the other within a slice's row.
        shift = 0.0 if len(names) == 1 else 0.3 * (2 * place / (len(names) - 1) - 1)
        figure.add_scatter(
            x=[scale * item.mean for _, _, item in rows],
            y=[row + shift for row, _, _ in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [scale * (item.high - item.mean) for _, _, item in rows],
                "arrayminus": [scale * (item.mean - item.low) for _, _, item in rows],
                "thickness": 1.5,
                "width": 4,
            },
            customdata=[
                [item.low * scale, item.high * scale, item.n, item.unscored] for _, _, item in rows
            ],
            hovertemplate=(
                "%{x:.3g} (%{customdata[0]:.3g} to %{customdata[1]:.3g})<br>"
                "n = %{customdata[2]}, unscored %{customdata[3]}"
            ),
            mode="markers",
            cliponaxis=False,  # a mean of 0 % stands on the edge
            marker={"color": look.colour, "symbol": _symbol(arm, look), "size": 10},
            name=arms.label(arm),
        )
    figure.update_yaxes(
        tickvals=list(range(len(tables))),
        ticktext=[f"{label}<br>n = {table.n}" for label, table in tables],
        range=[len(tables) - 0.5, -0.5], showgrid=False, zeroline=False,
    )  # fmt: skip
    unit = {"tokens": "tokens", "currency": "price"}.get(scorer.unit, "%" if scale == 100 else "")
    figure.update_xaxes(title=f"{scorer.label}{f' ({unit})' if unit else ''}", rangemode="tozero")
    if scale == 100:
        figure.update_xaxes(range=[-2, 102])
    for row in range(len(tables) - 1):
        figure.add_hline(y=row + 0.5, line_width=0.5, line_color=charts.GUIDE)
    height = 130 + len(tables) * (34 + 16 * len(names))
    charts.show(charts.tidy(figure, height), key, _dots_alt(scorer, tables))


def _symbol(arm: str, look: arms.Look) -> str:
    return f"{look.symbol}-open" if arm.endswith("@2") else look.symbol


def _dots_alt(scorer: Scorer, tables: Sequence[tuple[str, ScoreTable]]) -> str:
    label, table = tables[0]
    parts = [
        f"{arms.label(arm)} {shown(scorer, item.mean)} ({shown(scorer, item.low)} to "
        f"{shown(scorer, item.high)}, n = {item.n})"
        for arm, item in table.summaries.items()
        if item.mean is not None
    ]
    return f"{scorer.label}, {label.lower()}, mean and 95 % interval: {'; '.join(parts)}."


def times(latencies: Sequence[ArmLatency], key: str) -> None:
    """Every measured time as a dot, the median as a line."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, item in enumerate(latencies):
        look = arms.look(item.arm)
        steps = [0.12 * ((number % 5) - 2) for number in range(item.n)]
        figure.add_scatter(
            x=list(item.values_s), y=[place + step for step in steps], mode="markers",
            marker={"color": look.colour, "symbol": look.symbol, "size": 9, "opacity": 0.75},
            name=arms.label(item.arm), hovertemplate="%{x:.2f} s", showlegend=False,
        )  # fmt: skip
        figure.add_shape(
            type="line", x0=item.median_s, x1=item.median_s, y0=place - 0.4, y1=place + 0.4,
            line={"color": look.colour, "width": 2},
        )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(latencies))), ticktext=[arms.label(item.arm) for item in latencies],
        range=[len(latencies) - 0.5, -0.5], showgrid=False, zeroline=False,
    )  # fmt: skip
    figure.update_xaxes(title="seconds per answer, asked alone", rangemode="tozero")
    parts = [f"{arms.label(item.arm)} {item.median_s:.2f} s" for item in latencies]
    alt = f"Median seconds per answer: {', '.join(parts)}."
    charts.show(charts.tidy(figure, 110 + 48 * len(latencies)), key, alt)


def confusion(table: LabelTable, key: str) -> None:
    """Right labels in rows, given labels in columns."""
    import plotly.graph_objects as go

    matrix = table.confusion
    counts = [list(row) for row in matrix.counts]
    figure = go.Figure(
        go.Heatmap(
            z=counts, x=list(matrix.given), y=list(matrix.labels),
            text=[[n or "" for n in row] for row in counts],  # where nothing is, nothing stands
            texttemplate="%{text}", colorscale=SHADES[charts.scheme()], showscale=False, xgap=1, ygap=1,
            hovertemplate="right %{y}<br>given %{x}<br>%{z} times<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", title="right label")
    figure.update_xaxes(title="given label", tickangle=-40)
    total = sum(map(sum, counts))
    alt = f"{arms.label(table.arm)}: {table.accuracy or 0:.0%} of {total} labels right."
    charts.show(charts.tidy(figure, 180 + 28 * len(matrix.labels)), key, alt)


def profile(report: EvaluationReport, key: str) -> None:
    """A radar of shares that all arms have; it stands beside the table, never alone."""
    import plotly.graph_objects as go

    tables = [table for name in PROFILE if (table := report.table(name))]
    names = [record.arm for record in report.arms if record.ranked]
    tables = [t for t in tables if all(t.summaries[arm].mean is not None for arm in names)]
    if len(tables) < 3:
        return
    labels = [BY_NAME[table.score].label for table in tables]
    figure: go.Figure = go.Figure()
    for arm in names:
        values = [table.summaries[arm].mean for table in tables]
        figure.add_scatterpolar(
            r=[*values, values[0]], theta=[*labels, labels[0]], name=arms.label(arm),
            line={"color": arms.look(arm).colour}, marker={"symbol": arms.look(arm).symbol},
        )  # fmt: skip
    figure.update_layout(polar={"radialaxis": {"range": [0, 1], "tickformat": ".0%"}})
    charts.tidy(figure, 380).update_layout(margin={"l": 90, "r": 90, "t": 48, "b": 24})
    charts.show(figure, key, "Profile of the arms; the table holds the numbers.")
