"""The inside of a job's process: takes its turn, calls the kind's function, writes the end down.

The process ends with a status file that says how, whatever happened; only a kill leaves that to
whoever looks at the job next. A stop and a SIGTERM both set ``JobContext.stopping``; the first
ends in ``stopped``, the second, which comes from the system, in ``interrupted``.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from filelock import FileLock, Timeout

from ragft_core.errors import RagftError, explain
from ragft_core.jobs.job import METRICS_FILE, RESULT_FILE, SPEC_FILE
from ragft_core.jobs.kinds import KINDS
from ragft_core.jobs.process import (
    HEARTBEAT_FILE,
    LOG_FILE,
    PROCESS_FILE,
    STOP_FILE,
    mark_of,
    write_mark,
)
from ragft_core.jobs.queue import GaveUpError, turn
from ragft_core.jobs.room import Needs, check_disk, check_memory
from ragft_core.jobs.status import JobState, read_status, write_status
from ragft_core.settings import Settings
from ragft_core.storage import artefacts
from ragft_core.telemetry import set_up_logs
from ragft_core.values import from_dict
from ragft_core.workspace import Workspace, append_jsonl, now, read_json, write_json

log = logging.getLogger(__name__)
HEARTBEAT_S = 2.0
WRITE_EVERY_S = 0.25
NICENESS = 5
# What of a job's folder goes into the store, if there is one.
KEPT_FILES = (SPEC_FILE, METRICS_FILE, RESULT_FILE)


@dataclass
class JobContext:
    """What a job's function gets: its order, and the ways to report."""

    workspace: Workspace
    folder: Path
    spec: dict[str, Any]
    attempt: int = 1
    _terminated: bool = field(default=False, repr=False)
    _written: float = field(default=0.0, repr=False)

    @property
    def stopping(self) -> bool:
        """Whether the job should keep what it has and return soon."""
        return self._terminated or self.stop_asked

    @property
    def stop_asked(self) -> bool:
        """Whether a person asked for the end, as against the system."""
        return (self.folder / STOP_FILE).exists()

    def progress(self, share: float, message: str, eta_s: float | None = None) -> None:
        """Reports how far the job is; cheap enough to be called at every step.

        Args:
            share: Between 0 and 1.
            message: A few words about what is being done.
            eta_s: Seconds left, where they can be told.
        """
        if share < 1 and time.monotonic() - self._written < WRITE_EVERY_S:
            return
        self._written = time.monotonic()
        self.update(share=round(min(1.0, max(0.0, share)), 4), message=message, eta_s=eta_s)

    def metric(self, row: dict[str, Any]) -> None:
        """Appends one row of measurements."""
        append_jsonl(self.folder / METRICS_FILE, [row])

    def finish(self, result: dict[str, Any]) -> None:
        """Writes the job's result; a later call replaces it."""
        write_json(self.folder / RESULT_FILE, result)

    def update(self, **changes: Any) -> None:
        """Changes fields of the status; for the worker itself."""
        write_status(self.folder, dataclasses.replace(read_status(self.folder), **changes))


class QuietContext(JobContext):
    """Of work that another process watches: how far it is is told by what it measures alone."""

    def progress(self, share: float, message: str, eta_s: float | None = None) -> None:
        """Nothing: the status is the watching process's."""


def run(folder: Path, entry: str = "", queue: str | None = None) -> int:
    """Runs the job in a folder and returns the process's exit code."""
    lock = FileLock(folder / ".worker.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return 3  # another process works in this folder already
    head = read_json(folder / SPEC_FILE)
    workspace = Workspace(folder.parent.parent)
    context = JobContext(workspace, folder, head["spec"], read_status(folder).attempt)
    mark = mark_of(os.getpid())
    assert mark is not None  # this very process
    write_mark(folder / PROCESS_FILE, mark)
    set_up_logs(workspace.id, folder.name)
    _listen(context)
    kind = KINDS.get(head["kind"])
    entry = entry or (kind.entry if kind else "")
    queue = queue if queue is not None else (kind.queue if kind else "")
    state, error = _outcome(context, lambda: _take_turn(context, entry, queue))
    message = {JobState.SUCCEEDED: "Done"}.get(state, state.value.capitalize())
    share = 1.0 if state is JobState.SUCCEEDED else read_status(folder).share
    context.update(state=state, share=share, message=message, eta_s=None, error=error)
    log.info("The job %s: %s", head["kind"], state)
    return 0 if state is JobState.SUCCEEDED else 1


def _take_turn(context: JobContext, entry: str, queue: str) -> None:
    if not queue:
        _call(context, entry)
        return

    def waiting(in_front: int) -> None:
        other = "another job" if in_front == 1 else f"{in_front} other jobs"
        context.progress(0.0, f"Waiting for {other} to end")

    place = Settings().home / "queue" / queue
    with turn(place, waiting=waiting, give_up=lambda: context.stopping):
        _call(context, entry)


def _call(context: JobContext, entry: str) -> None:
    head = read_json(context.folder / SPEC_FILE)
    title = KINDS[head["kind"]].title if head["kind"] in KINDS else "The job"
    needs = from_dict(Needs, head.get("needs", {}), SPEC_FILE)
    check_disk(context.folder, title, needs)
    check_memory(title, needs)
    module, function = entry.split(":")
    context.update(state=JobState.RUNNING, message="Starting", started_at=now(), error="")
    if hasattr(os, "nice"):
        os.nice(NICENESS)  # people who chat at the same time come first
    getattr(importlib.import_module(module), function)(context)
    artefacts.keep(context.workspace, f"jobs/{context.folder.name}", KEPT_FILES)


def _outcome(context: JobContext, work: Callable[[], None]) -> tuple[JobState, str]:
    """Does the work and says how it ended."""
    try:
        work()
    except GaveUpError:
        pass
    except RagftError as error:
        return JobState.FAILED, str(error)
    except Exception as error:
        traceback.print_exc()  # into the job's log
        log = f"the log, jobs/{context.folder.name}/{LOG_FILE} in the workspace"
        return JobState.FAILED, str(explain(error, log=log))
    if context.stop_asked:
        return JobState.STOPPED, ""
    if context.stopping:
        return JobState.INTERRUPTED, "The system asked the job to end. Resume it to go on."
    return JobState.SUCCEEDED, ""


def _listen(context: JobContext) -> None:
    """Reacts to SIGTERM, and gives a sign of life every other second."""

    def terminate(number: int, frame: FrameType | None) -> None:
        context._terminated = True

    signal.signal(signal.SIGTERM, terminate)
    threading.Thread(target=_beat, args=(context.folder / HEARTBEAT_FILE,), daemon=True).start()


def _beat(path: Path) -> None:
    process = psutil.Process()
    scratch = path.with_suffix(".tmp")
    while True:
        beat = {
            "at": now(),
            "rss_mb": process.memory_info().rss / 2**20,
            "available_mb": psutil.virtual_memory().available / 2**20,
        }
        with suppress(OSError):  # a full disk, perhaps for a moment
            scratch.write_text(json.dumps(beat), encoding="utf-8")
            scratch.replace(path)
        time.sleep(HEARTBEAT_S)


def main(arguments: list[str] | None = None) -> int:
    """``python -m ragft_core.jobs FOLDER [--entry module:function] [--queue NAME]``."""
    import argparse

    parser = argparse.ArgumentParser(description="Run the job in a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entry", default="")
    parser.add_argument("--queue", default=None)
    parsed = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    return run(parsed.folder.resolve(), parsed.entry, parsed.queue)
