"""A frozen dataclass as form fields: labels and help come from the dataclass itself."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def fields_form(value: T, names: tuple[str, ...], key: str) -> T:
    """Draws one input per named field and returns the changed copy.

    A field's metadata may hold ``help``, ``label``, ``min``, ``max``, ``step``, ``choices`` and
    ``format``.
    """
    hints = {f.name: f for f in dataclasses.fields(value)}  # type: ignore[arg-type]
    changes = {name: _field(hints[name], getattr(value, name), f"{key}.{name}") for name in names}
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]


def _field(field: dataclasses.Field[Any], value: Any, key: str) -> Any:
    meta = field.metadata
    label = meta.get("label", field.name.replace("_", " ").capitalize())
    shared: dict[str, Any] = {"help": meta.get("help"), "key": key}
    if "choices" in meta:
        choices = list(meta["choices"])
        return st.selectbox(label, choices, index=choices.index(value), **shared)
    if isinstance(value, bool):
        return st.toggle(label, value, **shared)
    if isinstance(value, (int, float)):
        return st.number_input(
            label,
            min_value=meta.get("min"),
            max_value=meta.get("max"),
            value=value,
            step=meta.get("step"),
            format=meta.get("format"),
            **shared,
        )
    return st.text_input(label, value, **shared)
