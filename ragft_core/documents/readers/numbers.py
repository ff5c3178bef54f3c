"""Numbers as a spreadsheet shows them: a cell of 42 with the format 00000 is the article 00042.

Excel's codes are read as far as they change what is said: digits, leading zeros, thousands,
percent, words and currencies. Dates are written in ISO form whatever their code, because a reader
cannot know whether 03/04 is in March or in April.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

_PLAIN = ("", "General", "@", "Standard")
_CONDITION = re.compile(
    r"\[(?:[<>=]+[\d.]+|Black|Blue|Cyan|Green|Magenta|Red|White|Yellow|Color\d+)\]", re.I
)
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_DIGITS = re.compile(r"[#0?][#0?,. ]*")


def shown(value: Any, code: str | None = "General") -> str:  # noqa: ANN401 - a cell holds anything
    """The text of a cell on one line, as its number format shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes" if not value.second else "seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value, code or "")
    if isinstance(value, (int, float)):
        return _number(value, code or "General")
    return " ".join(str(value).split())


def _duration(value: timedelta, code: str) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    text = f"{seconds // 3600}:{seconds // 60 % 60:02}"
    return f"{sign}{text}:{seconds % 60:02}" if "s" in code or seconds % 60 else sign + text


def _number(value: float, code: str) -> str:
    sections = code.split(";")
    place = 1 if value < 0 and len(sections) > 1 and sections[1] else 0
    if value == 0 and len(sections) > 2 and sections[2]:
        place = 2
    section = _CONDITION.sub("", sections[place]).strip()
    words: list[str] = []

    def keep(text: str) -> str:
        words.append(text)
        return f"\x00{chr(0xE000 + len(words) - 1)}"

    section = _CURRENCY.sub(lambda match: keep(match.group(1)), section)
    section = re.sub(
        r'"([^"]*)"|\\(.)', lambda match: keep(match.group(1) or match.group(2)), section
    )
    section = re.sub(r"_.|\*.", "", section)  # room of a character's width; a filling character
    digits = _DIGITS.search(section)
    if section in _PLAIN or not digits or "/" in section or re.search(r"E[+-]", section):
        return _plain(value)
    text = _digits(abs(value) if place == 1 else value, digits.group().strip(), "%" in section)
    text = (
        section[: digits.start()] + text + section[digits.start() + len(digits.group().rstrip()) :]
    )
    text = re.sub("\x00(.)", lambda match: words[ord(match.group(1)) - 0xE000], text)
    return " ".join(text.split())


def _digits(value: float, pattern: str, percent: bool) -> str:
    pattern, commas = pattern.rstrip(","), len(pattern) - len(pattern.rstrip(","))
    value = value * 100 if percent else value / 1000**commas
    whole, _, fraction = pattern.partition(".")
    text = f"{abs(value):.{sum(char in '0#?' for char in fraction)}f}"
    spare = len(fraction) - len(fraction.rstrip("#?"))
    for _ in range(spare):
        text = text.removesuffix("0")
    left, point, right = text.partition(".")
    left = left.zfill(whole.count("0"))
    if "," in whole:
        left = f"{int(left):,}".zfill(len(left))
    return ("-" if value < 0 else "") + left + (point + right if right else "")


def _plain(value: float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # A spreadsheet keeps 15 digits: 0.1 + 0.2 is 0.3 there.
    return f"{value:.15g}" if isinstance(value, float) else str(value)
