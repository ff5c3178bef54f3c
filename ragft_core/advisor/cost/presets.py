"""Price lists that can be taken over: dated, sourced, in ``presets.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ragft_core.values import from_dict

FILE = Path(__file__).with_name("presets.toml")


@dataclass(frozen=True)
class Preset:
    """Prices by field of ``CostInputs``, where they are from and on which day they were read."""

    title: str
    source: str
    read: str
    currency: str
    prices: dict[str, float]
    note: str = ""

    @property
    def origin(self) -> str:
        """Where a price comes from, as a record says it."""
        return f"price list, {self.source}, read {self.read}"


@cache
def price_presets() -> dict[str, Preset]:
    """The price lists by id."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {key: from_dict(Preset, row, f"{FILE.name} {key}") for key, row in data.items()}
