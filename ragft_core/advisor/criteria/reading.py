"""Reading one criterion of a criteria file, and refusing a broken one with its line.

Unknown keys are refused as well: in a file that people edit by hand they are misspelt ones.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from ragft_core.advisor.criteria.capability import COMBINE, fill_in
from ragft_core.advisor.criteria.values import (
    GRADE_SPREAD,
    MAX_WEIGHT,
    STRATEGIES,
    UNKNOWN,
    Choice,
    Criterion,
    Group,
    MeasurementKind,
    Prefill,
    Source,
)
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


class Place:
    """A criteria file while it is read; knows on which line each table begins."""

    def __init__(self, path: Path, text: str, *, own: bool) -> None:
        self.name = f"advisor/{path.name}"
        self.text = text
        self.own = own
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.fail(f"is not valid TOML: {error}")

    def fail(self, reason: str, line: int | None = None) -> NoReturn:
        """Refuses the file, with the line where it is known."""
        where = f"{self.name}, line {line}" if line else self.name
        remedy = f"Correct the line, or remove {self.name} to use the built-in criteria."
        raise AdvisorError(f"{where}: {reason}.", remedy if self.own else "")

    def line(self, pattern: str, number: int = 0, after: int = 1) -> int | None:
        """The line of the ``number``-th match of a pattern, looking from line ``after`` on."""
        seen = 0
        for index, text in enumerate(self.text.splitlines(), start=1):
            if index >= after and re.match(rf"\s*{pattern}", text):
                if seen == number:
                    return index
                seen += 1
        return None

    def known(self, data: dict[str, Any], keys: set[str], what: str, line: int | None) -> None:
        """Refuses keys that are not known."""
        if not isinstance(data, dict):
            self.fail(f"{what} is not a table", line)
        for key in data:
            if key not in keys:
                place = self.line(rf"\[*{re.escape(key)}", after=line or 1) or line
                self.fail(f"{what} has an unknown key {key!r}; known: {listed(keys)}", place)

    def string(self, data: dict[str, Any], key: str, what: str, line: int | None) -> str:
        """A text that must be there."""
        value = data.get(key)
        if not isinstance(value, str) or not value.strip():
            found = "missing" if value is None else f"{value!r}, not a text"
            self.fail(f"{what}: {key} is {found}", self.key_line(key, line))
        return value

    def number(self, value: object, low: float, high: float, what: str, line: int | None) -> float:
        """A number within bounds."""
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not low <= float(value) <= high:  # type: ignore[arg-type]
            self.fail(f"{what} is {value!r}, not a number from {low:g} to {high:g}", line)
        return float(value)  # type: ignore[arg-type]

    def key_line(self, key: str, line: int | None) -> int | None:
        """The line of a key within the table that begins at ``line``."""
        found = self.line(rf"{re.escape(key)}\s*=", after=line or 1)
        following = self.line(r"\[", after=(line or 1) + 1)
        return found if found and (following is None or found < following) else line

    def grade(self, data: dict[str, Any], what: str, line: int | None) -> str:
        """The grade of a source."""
        grade = self.string(data, "grade", what, line)
        if grade not in GRADE_SPREAD:
            place = self.key_line("grade", line)
            self.fail(f"{what}: grade is {grade!r}, not one of {listed(GRADE_SPREAD)}", place)
        return grade


class CriterionReader:
    """Reads one ``[[criteria]]`` table."""

    KEYS = {
        "combine", "supply", "id", "group", "question", "why", "choices", "weight", "scale", "grade", "sources",
        "view", "contested", "measurement", "headline",
    }  # fmt: skip

    CHOICE_KEYS = {
        "label", "condition", "utility", "veto", "prefill", "target", "measured",
        "outside", "try_first", "counts_as",
    }  # fmt: skip

    def __init__(
        self,
        file: Place,
        data: dict[str, Any],
        line: int | None,
        groups: tuple[Group, ...],
        sources: dict[str, Source],
        kinds: dict[str, MeasurementKind],
        outside: set[str],
    ) -> None:
        self.file, self.data, self.line = file, data, line
        self.groups, self.sources, self.kinds = groups, sources, kinds
        self.outside = outside
        self.what = "a criterion"

    def read(self) -> Criterion:
        """The criterion."""
        file, data, line = self.file, self.data, self.line
        if not isinstance(data, dict):
            file.fail("a criterion is not a table", line)
        identity = self.identity("id", data.get("id"), file.key_line("id", line))
        self.what = f"criterion {identity!r}"
        file.known(data, self.KEYS, self.what, line)
        texts = {key: self.text(key) for key in ("group", "question", "why")}
        self.among("group", texts["group"], {group.id for group in self.groups})
        grade = file.grade(data, self.what, line)
        sources = data.get("sources", [])
        if not isinstance(sources, list) or (not sources and grade != "T"):
            file.fail(f"{self.what}: sources must list at least one source", line)
        for source in sources:
            self.among("sources", source, set(self.sources))
        measurement = data.get("measurement", "")
        if measurement:
            self.among("measurement", measurement, set(self.kinds))
        place = file.key_line("weight", line)
        return Criterion(
            id=identity,
            **texts,
            choices=self.choices(),
            weight=file.number(
                data.get("weight", 1.0), 0, MAX_WEIGHT, f"{self.what}: weight", place
            ),
            scale=str(data.get("scale", "1: meets the demand fully; 0: not at all.")),
            grade=grade,
            sources=tuple(sources),
            view=str(data.get("view", "")),
            contested=str(data.get("contested", "")),
            measurement=measurement,
            headline=data.get("headline") is True,
            supply=data.get("supply") is True,
            own=file.own,
        )

    def text(self, key: str) -> str:
        """A text of the criterion that must be there."""
        return self.file.string(self.data, key, self.what, self.line)

    def among(self, key: str, value: object, known: set[str]) -> None:
        """Refuses a value that is not one of those known."""
        if value not in known:
            place = self.file.key_line(key, self.line)
            self.file.fail(f"{self.what}: {key} is {value!r}, not one of {listed(known)}", place)

    def identity(self, key: str, value: object, line: int | None) -> str:
        """An id: lower-case letters, digits, - and _."""
        if not isinstance(value, str) or not ID.fullmatch(value) or value == UNKNOWN:
            reason = f"{self.what}: {key} is {value!r}; use lower-case letters, digits, - and _"
            self.file.fail(reason, line)
        return value

    def choices(self) -> tuple[Choice, ...]:
        """The choices, at least two."""
        table = self.data.get("choices")
        if not isinstance(table, dict) or len(table) < 2:
            self.file.fail(f"{self.what} needs at least two choices", self.line)
        return tuple(self.choice(key, data) for key, data in table.items())

    def choice(self, key: str, data: dict[str, Any]) -> Choice:
        """One choice."""
        file = self.file
        pattern = rf'\[criteria\.choices\."?{re.escape(key)}"?\]'
        line = file.line(pattern, after=self.line or 1) or self.line
        what = f"{self.what}, choice {key!r}"
        file.known(data, self.CHOICE_KEYS, what, line)
        identity = self.identity("a choice's name", key, line)
        label = file.string(data, "label", what, line)
        target = data.get("target")
        if target is not None:
            place = file.key_line("target", line)
            target = file.number(target, 1e-9, 1e12, f"{what}: target", place)
        return Choice(
            id=identity,
            label=label,
            condition=str(data.get("condition") or f"the answer were “{label}”"),
            utility=self.utilities(data.get("utility", {}), what, line),
            veto=self.vetoes(data.get("veto", {}), what, line),
            prefill=self.prefill(data.get("prefill"), what, line),
            target=target,
            measured=data.get("measured") is not False,
            outside=self.outsider("outside", data),
            try_first=self.outsider("try_first", data),
            counts_as=self.counts_as(data.get("counts_as", {}), what, line),
        )

    def outsider(self, key: str, data: dict[str, Any]) -> str:
        """The id of something outside the five strategies; empty for none."""
        named = data.get(key, "")
        if named:
            self.among(key, named, self.outside)
        return str(named)

    def counts_as(self, data: object, what: str, line: int | None) -> dict[Strategy, Strategy]:
        """Which strategy counts as which other one where supply is asked for."""
        place = self.file.key_line("counts_as", line)
        names = {str(s) for s in STRATEGIES}
        if not isinstance(data, dict) or not {*data, *data.values()} <= names:
            self.file.fail(f"{what}: counts_as must name strategies by strategies", place)
        return {Strategy(one): Strategy(other) for one, other in data.items()}

    def utilities(self, data: object, what: str, line: int | None) -> dict[Strategy, float]:
        """The utilities that are named, and derived ones for the rest."""
        place = self.file.key_line("utility", line)
        if not isinstance(data, dict):
            self.file.fail(f"{what}: utility must name strategies with numbers", place)
        self.file.known(data, {str(s) for s in STRATEGIES}, f"{what}: utility", place)
        named = {
            Strategy(s): self.file.number(value, 0, 1, f"{what}: utility of {s!r}", place)
            for s, value in data.items()
        }
        combine = self.data.get("combine", "mean")
        self.among("combine", combine, set(COMBINE))
        return fill_in(named, combine)

    def vetoes(self, data: object, what: str, line: int | None) -> dict[Strategy, str]:
        """A reason for each strategy that the choice puts out."""
        place = self.file.key_line("veto", line)
        if not isinstance(data, dict):
            self.file.fail(f"{what}: veto must give a reason for each strategy it names", place)
        self.file.known(data, {str(s) for s in STRATEGIES}, f"{what}: veto", place)
        return {Strategy(s): self.file.string(data, s, f"{what}: veto", place) for s in data}

    def prefill(self, data: object, what: str, line: int | None) -> Prefill | None:
        """The fact of a workspace that suggests the choice."""
        if data is None:
            return None
        place = self.file.key_line("prefill", line)
        if not isinstance(data, dict):
            self.file.fail(f"{what}: prefill must name a fact and its bounds", place)
        self.file.known(data, {"fact", "at_least", "below"}, f"{what}: prefill", place)
        fact = self.file.string(data, "fact", f"{what}: prefill", place)
        bounds = {
            key: self.file.number(data[key], -1e15, 1e15, f"{what}: prefill {key}", place)
            for key in ("at_least", "below")
            if key in data
        }
        return Prefill(fact, **bounds)


def listed(names: object) -> str:
    """Names as a sentence lists them."""
    return ", ".join(sorted(str(name) for name in names))  # type: ignore[attr-defined]
