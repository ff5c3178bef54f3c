"""Plotly figures in the product's look. Colours come from ``arms``; the theme from Streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Lines that mark a place; Plotly's own are black, which the dark scheme swallows.
GUIDE = "#8a94a6"

# No upload button, no logo; the figure can still be saved as a picture.
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
}


def scheme() -> str:
    """The colour scheme of the page, ``light`` or ``dark``, for what Plotly's theme leaves alone."""
    return st.context.theme.type or "light"


def tidy(figure: go.Figure, height: int = 320, **layout: Any) -> go.Figure:
    """The margins, legend and grid that all charts share."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"align": "left"},
        **layout,
    )
    return figure


def show(figure: go.Figure, key: str, alt: str) -> None:
    """Draws a figure; ``alt`` says its finding to those who do not see it."""
    st.plotly_chart(figure, key=key, alt=alt, config=CONFIG, width="stretch")
