"""Processes that outlive the page: how they are started, recognised and ended.

A process is recognised by its number together with its start time, because numbers are used
again. A zombie has ended. A folder copied from another machine names processes that mean nothing
here, so the machine's name is part of the mark.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

import ragft_core
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import read_json, write_json

PROCESS_FILE = "process.json"
LOG_FILE = "log.txt"
# The start time is derived from the boot time, which moves a little when the clock is set.
SAME_START_S = 2.0
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|COOKIE|AUTH", re.IGNORECASE)


@dataclass(frozen=True)
class ProcessMark:
    """A process that can be told from a later one with the same number."""

    pid: int
    started: float
    host: str


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a living process, or nothing where there is none."""
    try:
        return ProcessMark(pid, psutil.Process(pid).create_time(), platform.node())
    except psutil.Error:
        return None


def is_alive(mark: ProcessMark | None) -> bool:
    """Whether exactly this process still runs on this machine."""
    if mark is None or mark.host != platform.node():
        return False
    try:
        process = psutil.Process(mark.pid)
        same = abs(process.create_time() - mark.started) < SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def read_mark(path: Path) -> ProcessMark | None:
    """Reads a mark from a file; nothing where there is none, or a damaged one."""
    try:
        return from_dict(ProcessMark, read_json(path))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def write_mark(path: Path, mark: ProcessMark) -> None:
    """Writes a mark atomically."""
    write_json(path, to_dict(mark))


def scrubbed_environment(keep: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment for a job: this one without anything that looks like a secret.

    Args:
        keep: Names of variables that the job does need, such as an endpoint's key.
    """
    kept = {k: v for k, v in os.environ.items() if k in keep or not _SECRET.search(k)}
    root = str(Path(ragft_core.__file__).resolve().parent.parent)
    path = [root, *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path)),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def terminate(mark: ProcessMark, *, force: bool = False) -> None:
    """Asks the process to end; with ``force``, ends it and what it started."""
    if not is_alive(mark):
        return
    try:
        if force and hasattr(os, "killpg"):
            os.killpg(mark.pid, signal.SIGKILL)
        elif force:
            psutil.Process(mark.pid).kill()
        else:
            psutil.Process(mark.pid).terminate()
    except (psutil.NoSuchProcess, ProcessLookupError):
        return  # it ended by itself in between
