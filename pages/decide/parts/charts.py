"""The advisor's figures: who wins, what contributes, what would change it, what it costs."""

from __future__ import annotations

import math
import textwrap

from pages.ui import arms, charts
from ragft_core.advisor import Criteria, Recommendation
from ragft_core.advisor.cost import CostInputs, by_volume, cumulative
from ragft_core.advisor.deciding import TornadoBar, name, percent
from ragft_core.advisor.record import GROUP_COLOURS
from ragft_core.types import Strategy


def title(strategy: Strategy) -> str:
    """A strategy's name at the beginning of a line."""
    return name(strategy, start=True)


def wins(result: Recommendation) -> None:
    """How often each strategy comes first."""
    import plotly.graph_objects as go

    rows = list(reversed(result.scores))
    figure = go.Figure(
        go.Bar(
            x=[score.share * 100 for score in rows],
            y=[title(score.strategy) for score in rows],
            text=["out" if s.vetoed else "behind" if s.behind else percent(s.share) for s in rows],
            textposition="outside",
            cliponaxis=False,
            orientation="h",
            marker_color=[arms.look(score.strategy).colour for score in rows],
            hovertemplate="%{y} comes first in %{x:.1f} % of the trials<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 125], visible=False)  # room for “100 %” behind a full bar
    charts.tidy(figure, height=200, showlegend=False, bargap=0.35)
    spoken = ", ".join(f"{title(s.strategy)} {percent(s.share)}" for s in result.scores)
    charts.show(figure, "advisor.wins", f"Share of trials in which each comes first: {spoken}")


def contributions(criteria: Criteria, result: Recommendation) -> None:
    """What each of the seven groups gives each strategy."""
    import plotly.graph_objects as go

    group_of = {criterion.id: criterion.group for criterion in criteria.criteria}
    order = [score.strategy for score in reversed(result.scores)]
    figure = go.Figure()
    for group, colour in zip(criteria.groups, GROUP_COLOURS, strict=False):
        points = dict.fromkeys(order, 0.0)
        for item in result.contributions:
            if group_of[item.criterion] == group.id:
                points[item.strategy] += item.points
        figure.add_bar(
            x=list(points.values()),
            y=[title(strategy) for strategy in points],
            name=group.title,
            orientation="h",
            marker_color=colour,
            hovertemplate=f"{group.title}: %{{x:.3f}}<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1], title="score, 0 to 1", side="top")  # the legend is below
    charts.tidy(figure, height=340, barmode="stack", legend_traceorder="normal")
    figure.update_layout(legend={"y": -0.05, "yanchor": "top"})
    first = result.scores[0]
    alt = f"Score by group of questions; {title(first.strategy)} is first with {first.score:.2f}"
    charts.show(figure, "advisor.contributions", alt)


def topics(shares: dict[str, float]) -> None:
    """The share of all weight that each topic has."""
    import plotly.graph_objects as go

    rows = list(reversed(shares.items()))
    figure = go.Figure(
        go.Bar(
            x=[100 * share for _, share in rows],
            y=[title for title, _ in rows],
            text=[f"{100 * share:.0f} %" for _, share in rows],
            textposition="outside",
            cliponaxis=False,
            orientation="h",
            marker_color=GROUP_COLOURS[0],
            hovertemplate="%{y}: %{x:.0f} % of all weight<extra></extra>",
        )
    )
    figure.update_xaxes(visible=False, range=[0, 120 * max(shares.values(), default=1.0)])
    charts.tidy(figure, height=260, showlegend=False, bargap=0.35)
    told = ", ".join(f"{title} {100 * share:.0f} %" for title, share in shares.items())
    charts.show(figure, "advisor.topics", f"The group's weights: {told}")


def tornado(criteria: Criteria, result: Recommendation, bars: list[TornadoBar]) -> None:
    """How far other answers move the lead."""
    import plotly.graph_objects as go

    rows = list(reversed(bars))
    figure = go.Figure()
    for sign, colour, words in ((-1, "#dd6b16", "overtaken"), (1, "#1f88d2", "still leads")):
        base = [max(b.low, 0) if sign > 0 else b.low for b in rows]
        ends = [b.high if sign > 0 else min(b.high, 0) for b in rows]
        figure.add_bar(
            base=base,
            x=[max(end - start, 0) for start, end in zip(base, ends, strict=True)],
            y=[_label(criteria.get(bar.criterion).question) for bar in rows],
            name=words,
            orientation="h",
            marker_color=colour,
            customdata=[[bar.low_label, bar.low, bar.high_label, bar.high] for bar in rows],
            hovertemplate="“%{customdata[0]}”: lead %{customdata[1]:.2f}<br>"
            "“%{customdata[2]}”: lead %{customdata[3]:.2f}<extra></extra>",
        )
    figure.add_vline(x=0, line_width=1, line_color=charts.GUIDE)
    figure.add_vline(
        x=result.margin, line_width=1, line_dash="dot", line_color=charts.GUIDE, annotation_text="now",
        annotation_position="top",
    )  # fmt: skip
    figure.update_xaxes(title="lead; below 0 it is overtaken")
    charts.tidy(figure, height=90 + 38 * len(rows), barmode="overlay")
    flips = sum(bar.flips for bar in bars)
    charts.show(
        figure, "advisor.tornado", f"{flips} of {len(bars)} questions could change the leader"
    )


def spending(inputs: CostInputs) -> None:
    """What has been spent by the end of each month."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for strategy in Strategy:
        look = arms.look(strategy)
        figure.add_scatter(
            x=list(range(int(inputs.months) + 1)),
            y=cumulative(inputs, strategy),
            name=title(strategy),
            line={"color": look.colour, "width": 2.5},
            hovertemplate=f"{title(strategy)}, month %{{x}}: %{{y:,.0f}}<extra></extra>",
        )
    figure.update_xaxes(title="month")
    figure.update_yaxes(rangemode="tozero", title="spent so far")
    charts.show(
        charts.tidy(figure, height=360), "advisor.spending", "Cumulative cost of each strategy"
    )


def volumes(inputs: CostInputs) -> None:
    """The total by requests a month, with the own volume marked: lines cross at the break-evens."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for strategy in Strategy:
        look, points = arms.look(strategy), by_volume(inputs, strategy)
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=title(strategy),
            line={"color": look.colour, "width": 2.5},
            hovertemplate=f"{title(strategy)}, %{{x:,.0f}} a month: %{{y:,.0f}}<extra></extra>",
        )
    own = f"your {inputs.requests:,.0f}"
    figure.add_vline(
        x=inputs.requests or 1.0, line_width=1, line_dash="dot", line_color=charts.GUIDE
    )
    # On a log axis Plotly wants a text's place as a logarithm, a line's as it is.
    figure.add_annotation(
        x=math.log10(inputs.requests or 1.0), y=1, yref="paper", text=own, showarrow=False,
        xanchor="left", xshift=4,
    )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1, title="requests a month")
    ticks = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
    figure.update_yaxes(
        type="log", tickvals=ticks, tickformat="~s", title=f"total over {inputs.months:g} months"
    )
    charts.show(
        charts.tidy(figure, height=360), "advisor.volumes", "Total cost by requests a month"
    )


def _label(question: str) -> str:
    """A question on two short lines, so that a phone has room for the bars beside it."""
    return "<br>".join(textwrap.wrap(question, 26, max_lines=2, placeholder="…"))
