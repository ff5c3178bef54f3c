"""Whether the lab can work: cheap enough to be asked every few seconds, and never a long wait.

``ready`` is all well; ``degraded`` works in part, and a restart would not help; ``failing`` can
keep nothing. What is told names no workspace and no path: the endpoint asks nobody who they are.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass, field

from ragft_core.access import rights
from ragft_core.errors import RagftError
from ragft_core.jobs import activity
from ragft_core.jobs.process import HEARTBEAT_FILE
from ragft_core.jobs.status import JobState
from ragft_core.settings import Settings
from ragft_core.storage import Bucket
from ragft_core.workspace import list_workspaces

READY, DEGRADED, FAILING = "ready", "degraded", "failing"
_KEPT_S = 15.0
# A job's process gives a sign of life every other second.
_SILENT_S = 120.0
_lock = threading.Lock()
_last: dict[Settings, tuple[float, Health]] = {}


@dataclass(frozen=True)
class Health:
    """The state in one word, and each part's: ``ok`` or what is wrong with it."""

    status: str
    parts: dict[str, str] = field(default_factory=dict)


def health(settings: Settings) -> Health:
    """How the lab is, at most 15 seconds old."""
    with _lock:
        at, found = _last.get(settings, (0.0, None))
        if found is None or time.monotonic() - at > _KEPT_S:
            with rights.as_the_lab():
                found = _examined(settings)
            _last[settings] = (time.monotonic(), found)
        return found


def _examined(settings: Settings) -> Health:
    parts = {"home": _home(settings)}
    for name, uri in (("index", settings.index_uri), ("store", settings.store)):
        parts[name] = _store(uri)
    parts["jobs"] = _jobs(settings) if parts["home"] == "ok" else "unknown"
    wrong = [name for name, text in parts.items() if text != "ok"]
    status = FAILING if "home" in wrong else DEGRADED if wrong else READY
    return Health(status, parts)


def _home(settings: Settings) -> str:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.home) as file:
            file.write(b"1")
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return "ok"


def _store(uri: str) -> str:
    if not uri or uri.startswith("db://"):
        return "ok"
    try:
        Bucket(uri).is_there()
    except RagftError as error:
        return error.message.replace(uri, "there").split(":")[0]
    return "ok"


def _jobs(settings: Settings) -> str:
    """Whether every job at work has given a sign of life."""
    silent = 0
    for workspace in list_workspaces(settings):
        for job, status in activity(workspace).active:
            beat = job.folder / HEARTBEAT_FILE
            if status.state is JobState.RUNNING and beat.exists():
                silent += time.time() - beat.stat().st_mtime > _SILENT_S
    return "ok" if not silent else f"{silent} without a sign of life"
