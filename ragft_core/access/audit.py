"""The audit log: who did what to which workspace, and what was refused.

``RAGFT_HOME/audit.jsonl`` is only ever appended to, a line an event, each in one write. It is kept
where people sign in; on one person's laptop there is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ragft_core.settings import Settings
from ragft_core.values import InvalidValueError, from_dict, to_dict

FILE = "audit.jsonl"
MOST_CHARACTERS = 200
TAIL_BYTES = 1 << 20
# What says that people sign in, also to a command that was started without RAGFT_SIGN_IN.
SIGNS = (FILE, "people.json", "password")
DONE, REFUSED = "done", "refused"


@dataclass(frozen=True)
class Event:
    """One line of the log.

    ``who`` is a person's id, empty for the command line and for jobs; ``workspace`` an id; ``about``
    says which document, setting or person; ``result`` is ``done`` or ``refused``.
    """

    at: str
    who: str
    what: str
    workspace: str = ""
    about: str = ""
    result: str = DONE


def is_kept() -> bool:
    """Whether there is a log: people sign in here, or somebody has prepared that they do."""
    settings = Settings()
    return settings.sign_in != "none" or any((settings.home / name).exists() for name in SIGNS)


def write_event(who: str, what: str, workspace: str, about: str, result: str) -> None:
    """Appends an event; what came from outside is cut to a line's length."""
    said = (who, what, workspace, about, result)
    event = Event(datetime.now(UTC).isoformat(timespec="seconds"), *(_short(text) for text in said))
    line = json.dumps(to_dict(event), ensure_ascii=False) + "\n"
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def read_events(most: int = 200) -> list[Event]:
    """The last events, the newest first; lines that a crash cut short are left out."""
    return list(_events(most))


def _events(most: int) -> Iterator[Event]:
    for line in reversed(_tail().split("\n")):
        if most <= 0:
            return
        try:
            event = from_dict(Event, json.loads(line), FILE)
        except (ValueError, TypeError, InvalidValueError):
            continue
        most -= 1
        yield event


def _tail() -> str:
    """The end of the log, which may have grown for years."""
    try:
        with _file().open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            return log.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _file() -> Path:
    return Settings().home / FILE


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
