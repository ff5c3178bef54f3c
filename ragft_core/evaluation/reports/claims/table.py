"""The founding article's table as data, and what a check of one of its rows can say."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("article.toml")


class Holding(StrEnum):
    """Whether a claim holds in this workspace."""

    HOLDS = "holds here"
    PARTLY = "holds in the part that was tested"
    FAILS = "does not hold here"
    CLOSE = "too close to call here"
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Source:
    """Where a sentence about the literature comes from; ``grade`` is P, S or D."""

    title: str
    where: str
    grade: str


@dataclass(frozen=True)
class Claim:
    """One criterion: what the article says of both, what research says, what is tested here."""

    id: str
    criterion: str
    rag: str
    fine_tuning: str
    literature: str
    sources: tuple[Source, ...]
    tested: tuple[str, ...]
    measurements: tuple[str, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True)
class ClaimCheck:
    """What an evaluation says of the claim with this id, in a word and in numbers."""

    id: str
    holding: Holding
    measured: str


@dataclass(frozen=True)
class Point:
    """An advantage or a limit of one side.

    It stands beside a ``measurement`` of the advisor or beside the check of a ``criterion``.
    """

    strategy: str
    kind: str
    text: str
    measurement: str
    criterion: str = ""


def claim_table() -> tuple[Claim, ...]:
    """The seven criteria in the article's order."""
    return tuple(
        Claim(
            row["group"], row["title"], row["rag"], row["fine-tuned"], row["literature"],
            tuple(Source(*source) for source in row["sources"]), tuple(row["tested"]),
            tuple(row["measurements"]), tuple(row["facts"]),
        )
        for row in _data()["rows"]
    )  # fmt: skip


def points() -> tuple[Point, ...]:
    """The article's advantages and limits of both sides."""
    return tuple(Point(**point) for point in _data()["points"])


def citation() -> str:
    """Title, site and date of the article."""
    data = _data()
    return f"“{data['title']}”, {data['site']}, {data['updated']}"


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
