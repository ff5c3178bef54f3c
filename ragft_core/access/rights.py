"""Who acts, and what they may do: the one place that is asked before anything is read or changed.

On one person's machine, on the command line and in jobs it is the local owner who acts, and may do
everything. Where people sign in, ``close_doors`` was called when the server started: each rerun of
a page says who acts (``acting_as``), and whoever was not named is refused.

Every way to a workspace passes here: ``Workspace.path`` asks to read, ``files.write_...``,
``Workspace.folder`` and ``Workspace.lock`` ask to change, and what belongs to no workspace asks
``require``. ``docs/deploy.md`` has the table of who may do what.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from ragft_core.access import audit
from ragft_core.errors import NotAllowedError
from ragft_core.settings import Settings

# Hidden, so that neither goes along when a workspace is taken away as a file.
MEMBERS_FILE = ".members.json"
ARCHIVED_FILE = ".archived"
# What people say in a workspace without changing it: their questions, votes and judgements.
SAID = ("chats", "evaluations/reviews.jsonl")


class Role(StrEnum):
    """What a person may do at most; a workspace's members may do that in it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Right(StrEnum):
    """What is asked for, as the end of "may not ..."."""

    READ = "read this workspace"
    SAY = "ask, vote or judge in this workspace"
    CHANGE = "change this workspace"
    OWN = "delete, rename, archive or share this workspace"
    MAKE = "make a workspace"
    REACH = "reach beyond the lab, to other models, servers, keys or folders"
    MANAGE = "manage people"


@dataclass(frozen=True)
class Person:
    """Who acts: an id that is kept with what they do, the name that is shown, and their role."""

    id: str
    name: str = ""
    role: Role = Role.VIEWER


@dataclass(frozen=True)
class Members:
    """Whose a workspace is, and who else works in it, by their ids."""

    owner: str = ""
    members: tuple[str, ...] = ()


LOCAL = Person("", "", Role.ADMIN)
NOBODY = "(nobody)"  # in the audit log, before somebody has signed in
# The lab's own book-keeping while somebody reads: settling a job, mending an index.
_LAB = Person("", "lab", Role.ADMIN)
_acting: ContextVar[Person | None] = ContextVar("acting", default=None)
_closed = False


def close_doors() -> None:
    """From here on, nothing in this process happens unless somebody who signed in does it."""
    global _closed
    _closed = True


def doors_are_closed() -> bool:
    """Whether people have to sign in to this process."""
    return _closed


def acting() -> Person:
    """The person who acts.

    Raises:
        NotAllowedError: Nobody is signed in.
    """
    person = _acting.get() or (None if _closed else LOCAL)
    if person is None:
        raise NotAllowedError("Nobody is signed in.", "Sign in first.")
    return person


def by() -> str:
    """Who acts, as it is kept with votes, judgements and answers; empty for the local owner."""
    return acting().id


@contextmanager
def acting_as(person: Person) -> Iterator[None]:
    """Names who acts inside the block, in this thread."""
    token = _acting.set(person)
    try:
        yield
    finally:
        _acting.reset(token)


@contextmanager
def as_the_lab() -> Iterator[None]:
    """For what the lab does by itself once the person's right to read was asked."""
    with acting_as(_LAB):
        yield


def may(right: Right, path: Path | None = None) -> bool:
    """Whether the person who acts has a right, where it concerns a workspace to the one at a path."""
    person = _acting.get() or (None if _closed else LOCAL)
    return person is not None and not _why_not(person, right, path)


def require(right: Right, path: Path | None = None) -> None:
    """Ends what the person who acts has no right to.

    Args:
        right: What is asked for.
        path: A workspace's folder or something inside it; None where it concerns none.

    Raises:
        NotAllowedError: They have not, or nobody is signed in.
    """
    person = _acting.get()
    if person is _LAB or (person is None and not _closed and right is Right.READ):
        return
    person = acting()
    why = _why_not(person, right, path)
    if why:
        note(right.name.lower(), path, refused=True)
        raise NotAllowedError(f"You may not {right}: {why}.", _remedy(right, why))


def require_write(path: Path) -> None:
    """The same for a file or folder that is about to be written, moved or removed.

    Raises:
        NotAllowedError: It lies in a workspace that the person who acts may not change.
    """
    if _acting.get() is _LAB:
        return
    root = workspace_of(path)
    if root is not None:
        inside = path.relative_to(root).as_posix()
        said = any(inside == place or inside.startswith(f"{place}/") for place in SAID)
        require(Right.SAY if said else Right.CHANGE, root)


def workspace_of(path: Path) -> Path | None:
    """The folder of the workspace that a path lies in; None where it lies in none."""
    home = _workspaces(os.environ.get("RAGFT_HOME"))
    if path.is_relative_to(home):
        return home / path.relative_to(home).parts[0] if path != home else None
    found = (folder for folder in (path, *path.parents) if (folder / "workspace.json").is_file())
    return next(found, None)


def members_of(folder: Path) -> Members:
    """Whose a workspace is; nobody's where that is not said, or damaged."""
    try:
        stat = (folder / MEMBERS_FILE).stat()
        key = (str(folder), stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if key not in _known:
            data = json.loads((folder / MEMBERS_FILE).read_text(encoding="utf-8"))
            if len(_known) > 10_000:
                _known.clear()
            _known[key] = Members(str(data["owner"]), tuple(map(str, data["members"])))
        return _known[key]
    except (OSError, ValueError, KeyError, TypeError):
        return Members()


@lru_cache(maxsize=8)
def _workspaces(home: str | None) -> Path:  # asked at every path of every workspace
    return Settings().workspaces


_known: dict[tuple[str, int, int, int], Members] = {}


def is_archived(folder: Path) -> bool:
    """Whether a workspace was put away: it can be read, and brought back."""
    return (folder / ARCHIVED_FILE).exists()


def note(what: str, path: Path | None = None, about: str = "", *, refused: bool = False) -> None:
    """Writes into the audit log what the person who acts did, where people sign in at all."""
    if _closed or audit.is_kept():
        root = workspace_of(path) if path is not None else None
        person = _acting.get()
        who = person.id if person else NOBODY if _closed else ""
        result = audit.REFUSED if refused else audit.DONE
        audit.write_event(who, what, root.name if root else "", about, result)


def _why_not(person: Person, right: Right, path: Path | None) -> str:
    """Why a person has not a right; empty where they have it."""
    if person is _LAB:
        return ""
    root = workspace_of(path) if path is not None else None
    if right in (Right.SAY, Right.CHANGE) and root is not None and is_archived(root):
        return "it is archived"
    if person.role is Role.ADMIN:
        return ""
    if right in (Right.REACH, Right.MANAGE):
        return "only an administrator may"
    if right is Right.MAKE:
        return "" if person.role is Role.EDITOR else "your role is viewer"
    known = members_of(root) if root is not None else Members()
    if not person.id or person.id not in (known.owner, *known.members):
        return "you are no member of it"
    if right is Right.OWN and person.id != known.owner:
        return "it is not yours"
    if right in (Right.CHANGE, Right.OWN) and person.role is Role.VIEWER:
        return "your role is viewer"
    return ""


def _remedy(right: Right, why: str) -> str:
    if why == "it is archived":
        return "Bring it back first: on Home, or with 'workspaces W --restore'."
    if right in (Right.READ, Right.SAY, Right.CHANGE, Right.OWN):
        return "Ask its owner or an administrator."
    return "Ask an administrator."
