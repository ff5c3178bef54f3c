"""The table of people: who may sign in, with which role, and who is suspended.

It is read at every click, so that a change counts at once. ``RAGFT_ADMIN`` names administrators
(parted by commas) that the table cannot lock out: the first one, and the way back in.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from ragft_core.access import rights
from ragft_core.access.audit import Event, read_events
from ragft_core.access.rights import Person, Right, Role
from ragft_core.errors import SettingsError
from ragft_core.files import read_json, write_json
from ragft_core.settings import Settings
from ragft_core.values import from_dict, to_dict

FILE = "people.json"
ADMINS = "RAGFT_ADMIN"
_ID = re.compile(r"[^\s,\"'<>]{1,200}")


@dataclass(frozen=True)
class Account:
    """A person who may sign in.

    ``id`` is a mail address in lower case, or what the provider or the proxy calls them. ``subject``
    is what the provider called them at their first sign-in: a later bearer of the address is another.
    """

    id: str
    role: Role = Role.VIEWER
    name: str = ""
    suspended: bool = False
    subject: str = ""

    @property
    def person(self) -> Person:
        """Them, as they act."""
        return Person(self.id, self.name or self.id, self.role)


@dataclass(frozen=True)
class _Table:
    people: tuple[Account, ...] = ()


def list_people() -> list[Account]:
    """Everybody in the table, by id, and whom ``RAGFT_ADMIN`` names.

    Raises:
        NotAllowedError: The person who acts does not manage people.
    """
    rights.require(Right.MANAGE)
    return sorted(known_people().values(), key=lambda account: account.id)


def known_people() -> dict[str, Account]:
    """Everybody by id, for whoever signs people in."""
    file = _file()
    try:
        stat = file.stat()
    except FileNotFoundError:
        found: dict[str, Account] = {}
    else:
        found = {one.id: one for one in _read(file, stat.st_mtime_ns, stat.st_ino).people}
    for admin in filter(None, map(clean_id, os.environ.get(ADMINS, "").split(","))):
        known = found.get(admin, Account(admin))
        found[admin] = dataclasses.replace(known, role=Role.ADMIN, suspended=False)
    return found


def add_person(person_id: str, role: Role | str = Role.VIEWER, name: str = "") -> Account:
    """Lets a person sign in.

    Raises:
        SettingsError: The id cannot be used or is taken, or there is no such role.
        NotAllowedError: The person who acts does not manage people.
    """
    account = Account(clean_id(person_id), _role(role), " ".join(name.split())[:80])
    if not _ID.fullmatch(account.id):
        raise SettingsError(
            f"{person_id[:80]!r} is no id of a person.", "Take their mail address, without spaces."
        )
    with _changing() as people:
        if account.id in people:
            raise SettingsError(f"{account.id} is there already.", "Change their role instead.")
        people[account.id] = account
    rights.note("person added", None, f"{account.id}, {account.role}")
    return account


def change_person(
    person_id: str, *, role: Role | str | None = None, suspended: bool | None = None
) -> Account:
    """Gives a person another role, suspends them or lets them in again; it counts at their next click.

    Raises:
        SettingsError: There is no such person, or they are yourself.
        NotAllowedError: The person who acts does not manage people.
    """
    key = clean_id(person_id)
    with _changing() as people:
        before = _known(people, key)
        if key == rights.by() and (suspended or role not in (None, Role.ADMIN)):
            raise SettingsError("You would lock yourself out.", "Let another administrator do it.")
        after = dataclasses.replace(
            before,
            role=before.role if role is None else _role(role),
            suspended=before.suspended if suspended is None else suspended,
        )
        people[key] = after
    said = "suspended" if after.suspended else after.role
    rights.note("person changed", None, f"{key}, {said}")
    return after


def remove_person(person_id: str) -> None:
    """Takes a person out of the table; what they said and made stays.

    Raises:
        SettingsError: There is no such person, or they are yourself.
        NotAllowedError: The person who acts does not manage people.
    """
    key = clean_id(person_id)
    with _changing() as people:
        _known(people, key)
        if key == rights.by():
            raise SettingsError("You would lock yourself out.", "Let another administrator do it.")
        del people[key]
    rights.note("person removed", None, key)


def audit_log(most: int = 200) -> list[Event]:
    """What people did and what was refused, the newest first.

    Raises:
        NotAllowedError: The person who acts does not manage people.
    """
    rights.require(Right.MANAGE)
    return read_events(most)


def bind_subject(person_id: str, subject: str) -> None:
    """Keeps what the provider calls a person, at their first sign-in."""
    with rights.as_the_lab(), _changing() as people:
        people[person_id] = dataclasses.replace(
            people.get(person_id, Account(person_id)), subject=subject
        )


def clean_id(text: str) -> str:
    """An id as it is compared: without spaces around it, in lower case."""
    return text.strip().lower()


@contextmanager
def _changing() -> Iterator[dict[str, Account]]:
    """The table by id, for one change of it under a lock; written unless the block raises."""
    rights.require(Right.MANAGE)
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock"), timeout=30):
        found = from_dict(_Table, read_json(file), FILE).people if file.exists() else ()
        people = {one.id: one for one in found}
        yield people
        write_json(file, to_dict(_Table(tuple(people.values()))))


def _known(people: dict[str, Account], key: str) -> Account:
    found = people.get(key) or known_people().get(key)
    if found is None:
        raise SettingsError(f"There is no {key[:80]!r} among the people.", "Add them first.")
    return found


def _role(text: Role | str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise SettingsError(
            f"There is no role {str(text)[:40]!r}.", f"Choose one of: {', '.join(Role)}."
        ) from None


@lru_cache(maxsize=4)
def _read(file: Path, changed: int, number: int) -> _Table:  # written anew, it has another number
    return from_dict(_Table, read_json(file), FILE)


def _file() -> Path:
    return Settings().home / FILE
