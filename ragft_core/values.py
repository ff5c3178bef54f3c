"""Values and plain data: how a dataclass becomes JSON, and how it comes back checked.

Everything that is read from a workspace or given by a person passes ``from_dict``: pydantic checks
each field against the dataclass's own annotations, and what does not fit is named with its place,
what was found and what is allowed.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import typing
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from ragft_core.errors import RagftError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

K = TypeVar("K")
T = TypeVar("T")
log = logging.getLogger(__name__)


class InvalidValueError(RagftError, ValueError):
    """A value that does not fit its field; the message names the place, the value, what fits."""


def to_dict(value: Any) -> Any:  # noqa: ANN401 - JSON is any
    """Turns a value into plain JSON data: dataclasses, tuples and enumerations all the way down."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_dict(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_dict(item) for key, item in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    return value


def from_dict(kind: type[T], data: object, where: str = "") -> T:
    """Builds a dataclass from plain data; unknown keys are ignored, missing ones keep defaults.

    Args:
        kind: The dataclass.
        data: A JSON object.
        where: The file, and the line where there are many, as messages should call it.

    Raises:
        InvalidValueError: A field is missing or does not fit.
    """
    from pydantic import ValidationError

    place = f"{where}: " if where else ""
    if not isinstance(data, dict):
        raise InvalidValueError(f"{place}{_short(data)} is not a JSON object.")
    for name in _numbers(kind):  # type: ignore[arg-type]
        if isinstance(data.get(name), bool):  # which Python takes for 0 and 1
            raise InvalidValueError(f"{place}{name} is {data[name]}; a number is allowed.")
    try:
        checked: T = _adapter(kind).validate_python(data)  # type: ignore[arg-type]
        return checked
    except ValidationError as error:
        raise InvalidValueError(place + _told(error)) from None


@functools.cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Built once for each kind, which takes milliseconds; pydantic itself takes longer."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@functools.cache
def _numbers(kind: type) -> tuple[str, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(name for name, hint in hints.items() if hint in (int, float))


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the value"
    if first["type"] == "missing" or first["type"].endswith("missing_argument"):
        return f"{field} is missing."
    allowed = first["msg"].removeprefix("Input should be ").partition(", unable to")[0]
    return f"{field} is {_short(first['input'])}; allowed: {allowed}."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def readable(files: Iterable[K], read: Callable[[K], T]) -> list[T]:
    """What can be read of files or ids; what is damaged is left out, for ``overview`` to name."""
    found = []
    for file in files:
        try:
            found.append(read(file))
        except (RagftError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be read: %s", file, error)
    return found
