"""Logs as JSON lines, with ``RAGFT_LOG=json``: one object a line, on standard error.

    {"time": "...", "level": "INFO", "logger": "ragft_core.jobs.worker", "message": "...",
     "workspace": "demo", "job": "train-..."}

A log holds no document, no question, no answer and no key: of an exception its type and the places
in the code are told, not its words, and values of variables that name secrets are blanked.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from datetime import UTC, datetime

from ragft_core.errors import SettingsError

VARIABLE = "RAGFT_LOG"
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|COOKIE|AUTH", re.IGNORECASE)
_TRACEBACK = "Traceback (most recent call last)"
_SHORTEST_SECRET = 6


class JsonLines(logging.Formatter):
    """A record as one line of JSON; ``about`` is added to every one."""

    def __init__(self, about: dict[str, str]) -> None:
        super().__init__()
        self._about = about

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        row = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _without_words(record.getMessage()),
            **self._about,
            **{k: v for k in ("workspace", "job") if (v := getattr(record, k, None))},
        }
        if record.exc_info and record.exc_info[0]:
            kind, _, trace = record.exc_info
            row["error"] = kind.__name__
            row["where"] = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(trace)][-5:]
        return _blanked(json.dumps(row, ensure_ascii=False))


def set_up_logs(workspace: str = "", job: str = "") -> bool:
    """Makes this process log JSON lines where that is asked for.

    Args:
        workspace: The id of the workspace that the process works for, if it is one's.
        job: The job's id.

    Returns:
        Whether it was asked for.

    Raises:
        SettingsError: ``RAGFT_LOG`` asks for another form.
    """
    wanted = os.environ.get(VARIABLE, "").strip().lower()
    if not wanted:
        return False
    if wanted != "json":
        raise SettingsError(
            f"{VARIABLE} is {wanted[:40]!r}, which is no form of logs.", "Set json."
        )
    about = {"workspace": workspace, "job": job}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines({key: value for key, value in about.items() if value}))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)  # others' lines may name what is worked on
    logging.getLogger("ragft_core").setLevel(logging.INFO)
    for name in list(logging.root.manager.loggerDict):
        other = logging.getLogger(name)
        other.handlers, other.propagate = [], True
    return True


def _without_words(message: str) -> str:
    """A message; of a traceback only the places and the exception's type, whose words may quote."""
    if _TRACEBACK not in message:
        return message[:2000]
    kept = [
        line.strip() if line.lstrip().startswith("File ") else line.partition(":")[0]
        for line in message.splitlines()
        if line.lstrip().startswith("File ") or re.match(r"[\w.]+(?:Error|Exception)\b", line)
    ]
    return " | ".join([_TRACEBACK, *kept[-8:]])


def _blanked(line: str) -> str:
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            line = line.replace(value, "***")
    return line
