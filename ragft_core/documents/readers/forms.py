"""Fields of a PDF form: what somebody filled in stands beside the page, not on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Word = dict[str, Any]


def words_in_fields(annotations: Iterable[Word]) -> list[Word]:
    """What the fields of a form hold, as words where they stand: texts, choices, ticked boxes."""
    words = []
    for field in annotations:
        data = field.get("data") or {}
        if _name(data.get("Subtype")) != "Widget":
            continue
        text = _value(data)
        if text:
            place = {key: field[key] for key in ("x0", "x1", "top", "bottom")}
            # A field is a little higher than its words, which end on the label's line.
            place["bottom"] -= 0.15 * (place["bottom"] - place["top"])
            words.append({**place, "text": text, "size": 0.0})
    return words


def _value(data: Any) -> str:  # noqa: ANN401 - a dictionary of a PDF
    parent = data.get("Parent")
    parent = parent.resolve() if hasattr(parent, "resolve") else parent or {}
    kind = _name(data.get("FT") or parent.get("FT"))
    value = data.get("V", parent.get("V"))
    if kind == "Btn":
        state = _name(data.get("AS") or value)
        return "not ticked" if state in ("", "Off") else "ticked"
    values = value if isinstance(value, list) else [value]
    return ", ".join(filter(None, map(_text, values)))


def _name(value: Any) -> str:  # noqa: ANN401
    name = getattr(value, "name", value)
    return name.decode("latin-1") if isinstance(name, bytes) else str(name or "")


def _text(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, bytes):
        return "" if value is None else " ".join(str(getattr(value, "name", value)).split())
    if value.startswith((b"\xfe\xff", b"\xff\xfe")):
        return " ".join(value.decode("utf-16", "replace").split())
    return " ".join(value.decode("latin-1").split())
