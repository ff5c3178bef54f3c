"""A card per strategy: when not to take it, and how it fails. What they say lies in ``cards.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ragft_core.types import Strategy
from ragft_core.values import from_dict

FILE = Path(__file__).with_name("cards.toml")


@dataclass(frozen=True)
class Failure:
    """How a strategy fails, and what shows it first."""

    how: str
    sign: str


@dataclass(frozen=True)
class Card:
    """What a strategy is, when not to take it, how it fails; ``sources`` are ids of the criteria's."""

    takes: str
    not_when: tuple[str, ...]
    fails: tuple[Failure, ...]
    sources: tuple[str, ...] = ()


@cache
def strategy_cards() -> dict[Strategy, Card]:
    """The card of every strategy."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {s: from_dict(Card, data[s.value], f"{FILE.name} {s.value}") for s in Strategy}
