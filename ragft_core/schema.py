"""The version of every file that the product writes, and the way from older ones to today's.

A JSON file carries ``schema``; one without it is of version 1. ``workspace.json`` and
decision records have carried ``version`` from the start, and the rows of JSON lines have the form of their workspace's. A file
of an older version is brought forward when it is read, one of a newer version is refused. A change
of form is one line in ``SCHEMAS`` and one in ``MIGRATIONS``; ``tests/data`` holds workspaces of
earlier versions that must go on opening.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

from ragft_core.arms import BY_ID
from ragft_core.errors import NewerVersionError
from ragft_core.values import to_dict

Data = dict[str, Any]
KEY = "schema"
# File names as patterns; a checkpoint's seal has none, because it names nothing but files.
SCHEMAS = {
    "plan.json": 2,
    "progress.json": 2,
    "report.json": 1,
    "classifier.json": 1,
    "looks.json": 1,
    "answers*.json": 2,
    "costs.json": 1,
    "steps.json": 1,
    "document.json": 3,
    "version.json": 1,
    "spec.json": 1,
    "status.json": 1,
    "process.json": 1,
    "cluster.json": 1,
    "result.json": 1,
    "card.json": 1,
    "speeds.json": 1,
    "made-elsewhere.json": 1,
    "people.json": 1,
}


def _arms_for_strategies(data: Data) -> Data:
    """Evaluations compared strategies; now they compare arms, kept as they were then."""
    entrants = [
        {"arm": to_dict(BY_ID[row["strategy"]]), "seed": row.get("seed")}
        for row in data["entrants"]
    ]
    return data | {"entrants": entrants}


def _patience_by_its_name(data: Data) -> Data:
    return data | {"evals_without_improvement": data.get("worse", 0)}


def _warnings_unknown(data: Data) -> Data:
    """What a reader left out was told once; now it stays with the document."""
    return data | {"warnings": data.get("warnings", [])}


def _no_encoding_chosen(data: Data) -> Data:
    return data | {"encoding": data.get("encoding", "")}


def _nobody_named(data: Data) -> Data:
    return data | {"by": data.get("by", "")}


MIGRATIONS: dict[tuple[str, int], Callable[[Data], Data]] = {
    ("plan.json", 1): _arms_for_strategies,
    ("progress.json", 1): _patience_by_its_name,
    ("document.json", 1): _warnings_unknown,
    ("document.json", 2): _no_encoding_chosen,
    ("answers*.json", 1): _nobody_named,
}


def stamp(name: str, data: Any) -> Any:  # noqa: ANN401 - JSON is any
    """The data of a file with today's version in front, where the file carries one."""
    kind = _kind(name)
    return {KEY: SCHEMAS[kind], **data} if kind and isinstance(data, dict) else data


def bring_forward(name: str, data: Data) -> Data:
    """A file's data in today's form, without the version.

    Raises:
        NewerVersionError: It was written by a newer version of the lab.
    """
    kind = _kind(name)
    if not kind:
        return data
    found = data.get(KEY, 1)
    if not isinstance(found, int) or found > SCHEMAS[kind]:
        raise NewerVersionError(
            f"{name} was written by a newer version of the lab (schema {found}; this one reads "
            f"up to {SCHEMAS[kind]}).",
            "Update the lab to open it.",
        )
    data = {key: value for key, value in data.items() if key != KEY}
    for version in range(found, SCHEMAS[kind]):
        data = MIGRATIONS[kind, version](data)
    return data


def _kind(name: str) -> str:
    return next((pattern for pattern in SCHEMAS if fnmatch(name, pattern)), "")
