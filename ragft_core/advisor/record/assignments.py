"""Who does a next step, and by when: kept with the workspace under the step's key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from ragft_core.errors import AdvisorError
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_json, write_json

FILE = "steps.json"
MOST_OWNER = 60


@dataclass(frozen=True)
class Assignment:
    """A step's owner, and the day by which it is due (ISO 8601); empty is nobody, or no day."""

    owner: str = ""
    due: str = ""


@dataclass(frozen=True)
class Assignments:
    """Every assignment by the key of its step."""

    steps: dict[str, Assignment]


def load_assignments(workspace: Workspace) -> dict[str, Assignment]:
    """What was assigned, by the step's key.

    Raises:
        AdvisorError: The file is damaged.
    """
    file = workspace.path / "advisor" / FILE
    if not file.exists():
        return {}
    try:
        found = from_dict(Assignments, read_json(file), FILE).steps
        for item in found.values():
            check_day(item.due)
        return found
    except (ValueError, TypeError, AttributeError) as error:
        raise AdvisorError(f"advisor/{FILE} is damaged: {error}.", "Delete it.") from None


def assign(
    workspace: Workspace, key: str, owner: str | None = None, due: str | None = None
) -> Assignment:
    """Gives a step an owner and a day; None leaves what was there, empty takes it away.

    Raises:
        AdvisorError: The day is none, or the file is damaged.
    """
    with workspace.lock("advisor"):
        found = load_assignments(workspace)
        item = found.get(key, Assignment())
        if owner is not None:
            item = replace(item, owner=" ".join(owner.split())[:MOST_OWNER])
        if due is not None:
            item = replace(item, due=check_day(due.strip()))
        found[key] = item
        kept = {name: each for name, each in found.items() if each != Assignment()}
        write_json(workspace.path / "advisor" / FILE, to_dict(Assignments(kept)))
    return item


def check_day(text: str) -> str:
    """A day as ISO 8601, or an empty text.

    Raises:
        AdvisorError: It is neither.
    """
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise AdvisorError(f"{text!r} is no day.", "Write it as 2027-01-31.") from None
