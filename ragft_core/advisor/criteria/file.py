"""Reads ``criteria.toml`` and a workspace's own criteria, and refuses a broken file precisely.

Every refusal names the file, the line and the criterion. Unknown keys are refused as well: in a
file that people edit by hand they are misspelt ones.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ragft_core.advisor.criteria.reading import CriterionReader, Place, listed
from ragft_core.advisor.criteria.values import (
    MAX_WEIGHT,
    STRATEGIES,
    Criteria,
    Criterion,
    Group,
    MeasurementKind,
    Outside,
    Source,
)
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

BUILT_IN = Path(__file__).with_name("criteria.toml")
OWN_FILE = "criteria.toml"
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_SECTIONS = {"version", "groups", "sources", "measurements", "outside", "criteria", "weights"}


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


class _File(Place):
    """A whole criteria file: groups, sources, measurements, criteria, weights."""

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
        outside = dict(base.outside if base else {})
        outside |= {key: self.outsider(key, data, sources) for key, data in self.table("outside")}
        found = {criterion.id: criterion for criterion in (base.criteria if base else ())}
        here: set[str] = set()
        for number, data in enumerate(self.data.get("criteria", [])):
            line = self.line(r"\[\[criteria\]\]", number)
            criterion = CriterionReader(
                self, data, line, groups, sources, kinds, set(outside)
            ).read()
            if criterion.id in here:
                self.fail(f"criterion {criterion.id!r} is there twice", line)
            here.add(criterion.id)
            found[criterion.id] = criterion
        found = self.reweight(found)
        order = {group.id: place for place, group in enumerate(groups)}
        ordered = tuple(sorted(found.values(), key=lambda c: order[c.group]))
        digest = hashlib.sha256(((base.digest if base else "") + self.text).encode()).hexdigest()
        return Criteria(groups, ordered, sources, kinds, digest[:12], outside)

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
            self.fail(f"{what}: strategies is {names!r}, not a list of {listed(STRATEGIES)}", place)
        page, strategies = str(data.get("page", "")), tuple(Strategy(name) for name in names)
        return MeasurementKind(key, title, unit, zero, one, how, *flags, page, strategies)

    def outsider(self, key: str, data: dict[str, Any], sources: dict[str, Source]) -> Outside:
        line, what = self.line(rf"\[outside\.{re.escape(key)}\]"), f"outside {key!r}"
        self.known(data, {"title", "says", "sources"}, what, line)
        title, says = (self.string(data, part, what, line) for part in ("title", "says"))
        named = data.get("sources", [])
        if not isinstance(named, list) or not set(named) <= set(sources):
            self.fail(f"{what}: sources must be a list of the file's sources", line)
        return Outside(key, title, says, tuple(named))
