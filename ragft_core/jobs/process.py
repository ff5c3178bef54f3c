"""Processes that outlive the page: how they are started, recognised and ended.

A process is recognised by its number together with its start, because numbers are used again. On
Linux the start is counted from the boot, which no change of the clock moves. A zombie has ended. A
folder that was copied, from another machine or beside the original, names processes that are not
its own, so the machine's name and the folder's place are part of the mark.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

import ragft_core
from ragft_core.errors import RagftError
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import read_json, write_json

PROCESS_FILE = "process.json"
LOG_FILE = "log.txt"
HEARTBEAT_FILE = "heartbeat"
STOP_FILE = "stop"
# Two clock ticks; elsewhere than on Linux the system keeps the time of day, to the microsecond.
SAME_START_S = 0.02
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|COOKIE|AUTH", re.IGNORECASE)


@dataclass(frozen=True)
class ProcessMark:
    """A process that can be told from a later one with the same number.

    ``started`` is in seconds, since the boot named by ``boot`` or, where that is empty, since 1970.
    ``place`` is a digest of the folder that the mark was written to.
    """

    pid: int
    started: float
    host: str
    boot: str = ""
    place: str = ""


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a living process, or nothing where there is none."""
    try:
        started = _started_since_boot(pid)
        if started is not None:
            return ProcessMark(pid, started, platform.node(), _boot())
        return ProcessMark(pid, psutil.Process(pid).create_time(), platform.node())
    except psutil.Error:
        return None


def is_alive(mark: ProcessMark | None) -> bool:
    """Whether exactly this process still runs on this machine."""
    if mark is None:
        return False
    now = mark_of(mark.pid)
    if now is None or (now.host, now.boot) != (mark.host, mark.boot):
        return False
    try:
        same = abs(now.started - mark.started) <= SAME_START_S
        return same and psutil.Process(mark.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def read_mark(path: Path) -> ProcessMark | None:
    """Reads a mark from a file; nothing where there is none, a damaged or a copied one."""
    try:
        mark = from_dict(ProcessMark, read_json(path))
    except (OSError, ValueError, TypeError, RagftError):
        return None
    return mark if mark.place == place_of(path.parent) else None


def write_mark(path: Path, mark: ProcessMark) -> None:
    """Writes a mark atomically."""
    write_json(path, to_dict(dataclasses.replace(mark, place=place_of(path.parent))))


def place_of(folder: Path) -> str:
    """A digest of where a folder lies: a workspace names no path outside itself."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]


def _started_since_boot(pid: int) -> float | None:
    """When a process began, in seconds since the boot; None where the system does not tell.

    Field 22 of ``/proc/PID/stat`` (proc_pid_stat(5)), in clock ticks.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(text.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


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
