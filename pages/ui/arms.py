"""How the five strategies look: one name, colour, symbol and order everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.types import Strategy


@dataclass(frozen=True)
class Look:
    """Name, icon, badge colour (a Streamlit colour), chart colour and Plotly marker."""

    name: str
    icon: str
    badge: str
    colour: str
    symbol: str
    says: str


# Chart colours after Okabe and Ito, told apart by people with any kind of colour vision, and
# legible on both themes' backgrounds.
LOOKS = {
    Strategy.PROMPT: Look(
        "Prompt only", ":material/chat:", "gray", "#7a8599", "circle", "the bare model"
    ),
    Strategy.LONG_CONTEXT: Look(
        "Long context", ":material/menu_book:", "violet", "#a376d6", "square", "whole documents"
    ),
    Strategy.RAG: Look(
        "RAG", ":material/search:", "blue", "#1f88d2", "diamond", "retrieved passages"
    ),
    Strategy.FINE_TUNED: Look(
        "Fine-tuned", ":material/model_training:", "orange", "#dd6b16", "triangle-up", "an adapter"
    ),
    Strategy.HYBRID: Look(
        "Hybrid", ":material/merge:", "green", "#11a37f", "star", "passages and an adapter"
    ),
}


def look(strategy: Strategy | str) -> Look:
    """The look of a strategy."""
    return LOOKS[Strategy(strategy)]


def label(strategy: Strategy | str) -> str:
    """The name that people read."""
    return look(strategy).name
