"""Reads ``criteria.toml`` and a workspace's own criteria, and refuses a broken file precisely.

Every refusal names the file, the line and the criterion. Unknown keys are refused as well: in a
file that people edit by hand they are misspelt ones.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from ragft_core.advisor.criteria.capability import COMBINE, fill_in
from ragft_core.advisor.criteria.values import (
    GRADE_SPREAD,
    MAX_WEIGHT,
    STRATEGIES,
    UNKNOWN,
    Choice,
    Criteria,
    Criterion,
    Group,
    MeasurementKind,
    Prefill,
    Source,
)
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

BUILT_IN = Path(__file__).with_name("criteria.toml")
OWN_FILE = "criteria.toml"
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_SECTIONS = {"version", "groups", "sources", "measurements", "criteria", "weights"}


def load_criteria(workspace: Workspace | None = None) -> Criteria:
    """The built-in criteria, with the workspace's own ``advisor/criteria.toml`` laid over them.

    Raises:
        AdvisorError: A file is broken; the message names file, line, criterion and reason.
    """
    criteria = _built_in()
    own = workspace.path / "advisor" / OWN_FILE if workspace else None
    if own and own.exists():
        try:
            text = own.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise AdvisorError(f"advisor/{OWN_FILE} is not UTF-8 text: {error}.") from None
        criteria = _File(own, text, own=True).read(criteria)
    return criteria


@cache
def _built_in() -> Criteria:
    # Part of the package, so it does not change while a program runs; the values are frozen.
    return _File(BUILT_IN, BUILT_IN.read_text(encoding="utf-8"), own=False).read(None)


class _File:
    """One criteria file while it is read; knows on which line each table begins."""

    def __init__(self, path: Path, text: str, *, own: bool) -> None:
        self.name = f"advisor/{path.name}"
        self.text = text
        self.own = own
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.fail(f"is not valid TOML: {error}")

    def fail(self, reason: str, line: int | None = None) -> NoReturn:
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

    def read(self, base: Criteria | None) -> Criteria:
        self.known(self.data, _SECTIONS, "the file", 1)
        for section, kind in [("groups", list), ("criteria", list), ("sources", dict)]:
            if not isinstance(self.data.get(section, kind()), kind):
                shape = f"[[{section}]]" if kind is list else f"[{section}.name]"
                self.fail(f"{section!r} must be written as {shape}", self.line(rf"\[*{section}"))
        groups = (base.groups if base else ()) + tuple(
            self.group(data, self.line(r"\[\[groups\]\]", number))
            for number, data in enumerate(self.data.get("groups", []))
        )
        sources = dict(base.sources if base else {})
        sources |= {key: self.source(key, data) for key, data in self.table("sources")}
        kinds = dict(base.measurements if base else {})
        kinds |= {key: self.measurement(key, data) for key, data in self.table("measurements")}
        found = {criterion.id: criterion for criterion in (base.criteria if base else ())}
        here: set[str] = set()
        for number, data in enumerate(self.data.get("criteria", [])):
            line = self.line(r"\[\[criteria\]\]", number)
            criterion = _CriterionReader(self, data, line, groups, sources, kinds).read()
            if criterion.id in here:
                self.fail(f"criterion {criterion.id!r} is there twice", line)
            here.add(criterion.id)
            found[criterion.id] = criterion
        found = self.reweight(found)
        order = {group.id: place for place, group in enumerate(groups)}
        listed = tuple(sorted(found.values(), key=lambda c: order[c.group]))
        digest = hashlib.sha256(((base.digest if base else "") + self.text).encode()).hexdigest()
        return Criteria(groups, listed, sources, kinds, digest[:12])

    def table(self, section: str) -> list[tuple[str, dict[str, Any]]]:
        rows = list(self.data.get(section, {}).items())
        for key, data in rows:
            if not isinstance(data, dict):
                self.fail(f"{section}.{key} is not a table", self.line(re.escape(key)))
        return rows

    def reweight(self, found: dict[str, Criterion]) -> dict[str, Criterion]:
        weights = self.data.get("weights", {})
        start = self.line(r"\[weights\]") or 1
        for key, value in weights.items():
            line = self.line(rf'"?{re.escape(key)}"?\s*=', after=start)
            if key not in found:
                self.fail(f"[weights] names {key!r}, which is no criterion", line)
            weight = self.number(value, 0, MAX_WEIGHT, f"weight of {key!r}", line)
            found[key] = replace(found[key], weight=weight)
        return found

    # ------------------------------------------------------------------ small parts

    def known(self, data: dict[str, Any], keys: set[str], what: str, line: int | None) -> None:
        if not isinstance(data, dict):
            self.fail(f"{what} is not a table", line)
        for key in data:
            if key not in keys:
                place = self.line(rf"\[*{re.escape(key)}", after=line or 1) or line
                self.fail(f"{what} has an unknown key {key!r}; known: {_list(keys)}", place)

    def string(self, data: dict[str, Any], key: str, what: str, line: int | None) -> str:
        value = data.get(key)
        if not isinstance(value, str) or not value.strip():
            found = "missing" if value is None else f"{value!r}, not a text"
            self.fail(f"{what}: {key} is {found}", self.key_line(key, line))
        return value

    def number(self, value: object, low: float, high: float, what: str, line: int | None) -> float:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not low <= float(value) <= high:  # type: ignore[arg-type]
            self.fail(f"{what} is {value!r}, not a number from {low:g} to {high:g}", line)
        return float(value)  # type: ignore[arg-type]

    def key_line(self, key: str, line: int | None) -> int | None:
        found = self.line(rf"{re.escape(key)}\s*=", after=line or 1)
        following = self.line(r"\[", after=(line or 1) + 1)
        return found if found and (following is None or found < following) else line

    def group(self, data: dict[str, Any], line: int | None) -> Group:
        self.known(data, {"id", "title", "question"}, "a group", line)
        identity, title, question = (
            self.string(data, key, "a group", line) for key in ("id", "title", "question")
        )
        return Group(identity, title, question)

    def source(self, key: str, data: dict[str, Any]) -> Source:
        line, what = self.line(rf"\[sources\.{re.escape(key)}\]"), f"source {key!r}"
        self.known(data, {"title", "where", "grade"}, what, line)
        grade = self.grade(data, what, line)
        title, where = (self.string(data, part, what, line) for part in ("title", "where"))
        return Source(key, title, where, grade)

    def grade(self, data: dict[str, Any], what: str, line: int | None) -> str:
        grade = self.string(data, "grade", what, line)
        if grade not in GRADE_SPREAD:
            place = self.key_line("grade", line)
            self.fail(f"{what}: grade is {grade!r}, not one of {_list(GRADE_SPREAD)}", place)
        return grade

    def measurement(self, key: str, data: dict[str, Any]) -> MeasurementKind:
        line, what = self.line(rf"\[measurements\.{re.escape(key)}\]"), f"measurement {key!r}"
        allowed = {"title", "unit", "zero", "one", "how", "log", "relative", "page", "strategies"}
        self.known(data, allowed, what, line)
        low = 1e-9 if data.get("log") else -1e12
        zero, one = (
            self.number(data.get(end), low, 1e12, f"{what}: {end}", self.key_line(end, line))
            for end in ("zero", "one")
        )
        if zero == one:
            self.fail(f"{what}: zero and one are both {zero:g}", line)
        title, unit, how = (self.string(data, k, what, line) for k in ("title", "unit", "how"))
        flags = bool(data.get("log")), bool(data.get("relative"))
        names = data.get("strategies", [str(s) for s in STRATEGIES])
        if not isinstance(names, list) or not {*names} <= {str(s) for s in STRATEGIES}:
            place = self.key_line("strategies", line)
            self.fail(f"{what}: strategies is {names!r}, not a list of {_list(STRATEGIES)}", place)
        page, strategies = str(data.get("page", "")), tuple(Strategy(name) for name in names)
        return MeasurementKind(key, title, unit, zero, one, how, *flags, page, strategies)


class _CriterionReader:
    """Reads one ``[[criteria]]`` table."""

    KEYS = {"combine",
        "id", "group", "question", "why", "choices", "weight", "scale", "grade", "sources",
        "view", "contested", "measurement", "headline",
    }  # fmt: skip

    def __init__(
        self,
        file: _File,
        data: dict[str, Any],
        line: int | None,
        groups: tuple[Group, ...],
        sources: dict[str, Source],
        kinds: dict[str, MeasurementKind],
    ) -> None:
        self.file, self.data, self.line = file, data, line
        self.groups, self.sources, self.kinds = groups, sources, kinds
        self.what = "a criterion"

    def read(self) -> Criterion:
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
            own=file.own,
        )

    def text(self, key: str) -> str:
        return self.file.string(self.data, key, self.what, self.line)

    def among(self, key: str, value: object, known: set[str]) -> None:
        if value not in known:
            place = self.file.key_line(key, self.line)
            self.file.fail(f"{self.what}: {key} is {value!r}, not one of {_list(known)}", place)

    def identity(self, key: str, value: object, line: int | None) -> str:
        if not isinstance(value, str) or not _ID.fullmatch(value) or value == UNKNOWN:
            reason = f"{self.what}: {key} is {value!r}; use lower-case letters, digits, - and _"
            self.file.fail(reason, line)
        return value

    def choices(self) -> tuple[Choice, ...]:
        table = self.data.get("choices")
        if not isinstance(table, dict) or len(table) < 2:
            self.file.fail(f"{self.what} needs at least two choices", self.line)
        return tuple(self.choice(key, data) for key, data in table.items())

    def choice(self, key: str, data: dict[str, Any]) -> Choice:
        file = self.file
        pattern = rf'\[criteria\.choices\."?{re.escape(key)}"?\]'
        line = file.line(pattern, after=self.line or 1) or self.line
        what = f"{self.what}, choice {key!r}"
        allowed = {"label", "condition", "utility", "veto", "prefill", "target", "measured"}
        file.known(data, allowed, what, line)
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
        )

    def utilities(self, data: object, what: str, line: int | None) -> dict[Strategy, float]:
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
        place = self.file.key_line("veto", line)
        if not isinstance(data, dict):
            self.file.fail(f"{what}: veto must give a reason for each strategy it names", place)
        self.file.known(data, {str(s) for s in STRATEGIES}, f"{what}: veto", place)
        return {Strategy(s): self.file.string(data, s, f"{what}: veto", place) for s in data}

    def prefill(self, data: object, what: str, line: int | None) -> Prefill | None:
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


def _list(names: object) -> str:
    return ", ".join(sorted(str(name) for name in names))  # type: ignore[attr-defined]
