"""The handle of a job: a folder, read anew at every question.

Whoever looks at a job also settles it: a job whose process is gone becomes interrupted, and one
that ignores its stop for longer than the grace is killed. So nothing has to run in the server.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.approval import key_variables
from ragft_core.errors import MEMORY_ADVICE, JobError, RagftError
from ragft_core.jobs.cluster.launcher import launcher_of
from ragft_core.jobs.kinds import kind_of
from ragft_core.jobs.launcher import Launcher
from ragft_core.jobs.process import HEARTBEAT_FILE, LOG_FILE, STOP_FILE, scrubbed_environment
from ragft_core.jobs.status import JobState, JobStatus, read_status, write_status
from ragft_core.settings import store_variables
from ragft_core.storage import artefacts
from ragft_core.workspace import Workspace, read_json, read_jsonl

SPEC_FILE = "spec.json"
METRICS_FILE = "metrics.jsonl"
RESULT_FILE = "result.json"
# A step of training may take minutes, and only at its end can what there is be kept.
GRACE_S = 600.0
# Between the job's folder and its process lies the start of an interpreter.
START_S = 10.0
LOW_MEMORY_MB = 400


@dataclass(frozen=True)
class Job:
    """One background job of a workspace."""

    workspace: Workspace
    id: str

    @property
    def folder(self) -> Path:
        """Where everything about the job lies."""
        return self.workspace.path / "jobs" / self.id

    @property
    def launcher(self) -> Launcher:
        """What started it, or will: a cluster where one is set, else this machine."""
        return launcher_of(self.folder)

    @property
    def where(self) -> str:
        """On which machine of a cluster it runs, in words; empty on this one."""
        return self.launcher.where(self.folder)

    @cached_property
    def _head(self) -> dict[str, Any]:
        """What was written at the start; a damaged file must not hide the other jobs."""
        file = self.folder / SPEC_FILE
        try:
            head = read_json(file)
            return head | {"spec": dict(head["spec"]), "created_ns": int(head["created_ns"])}
        except (OSError, ValueError, TypeError, KeyError, RagftError):
            return {"kind": "damaged", "created_at": "", "created_ns": 0, "spec": {}}

    @property
    def kind(self) -> str:
        """``ingest``, ``train``, ``generate``, ``evaluate``, or ``damaged`` where it is unknown."""
        return str(self._head.get("kind", "damaged"))

    @property
    def spec(self) -> dict[str, Any]:
        """What the job was asked to do."""
        return dict(self._head.get("spec", {}))

    @property
    def created_at(self) -> str:
        """When it was started first, UTC, ISO 8601."""
        return str(self._head.get("created_at", ""))

    @property
    def by(self) -> str:
        """Who started it; empty for the local owner."""
        return str(self._head.get("by", ""))

    @property
    def created_ns(self) -> int:
        """The same in nanoseconds, for sorting."""
        return int(self._head.get("created_ns", 0))

    def status(self) -> JobStatus:
        """The job now."""
        status = read_status(self.folder)
        if not status.active:
            return status
        alive = self.launcher.is_alive(self.folder)
        if alive or (alive is None and _age_s(status) < START_S):
            asked = self._stop_asked_s()
            if asked is None:
                return status
            if asked > GRACE_S:
                with suppress(JobError):  # a cluster that does not answer is asked at the next look
                    self.launcher.stop(self.folder, force=True)
            return dataclasses.replace(status, message="Stopping", eta_s=None)
        return self._settle()

    @property
    def is_stopping(self) -> bool:
        """Whether somebody has asked it to end."""
        return self._stop_asked_s() is not None

    def stop(self, *, force: bool = False) -> None:
        """Asks the job to end and keep what it has; does nothing once it has ended.

        Args:
            force: Ends it at once, without giving it time to keep anything.
        """
        rights.require(Right.CHANGE, self.folder)
        if not self.status().active:
            return
        if not self.is_stopping:
            (self.folder / STOP_FILE).write_text("", encoding="utf-8")
        self.launcher.stop(self.folder, force=force)

    def launch(self) -> None:
        """Starts the process of a prepared job.

        Raises:
            JobError: Its kind is not known, or the cluster takes no jobs.
        """
        rights.require(Right.CHANGE, self.folder)
        kind = kind_of(self.kind)
        # The keys of endpoints and of stores are the only secrets a job may need.
        keys = (*key_variables(self.workspace), *store_variables())
        self.launcher.spawn(self.folder, kind, scrubbed_environment(keep=keys))

    def resume(self) -> None:
        """Runs the job again in the same folder; it continues from what it has kept.

        Raises:
            JobError: It runs, it has finished, it was deleted, or it cannot be started.
        """
        with self.workspace.lock(f"job-{self.id}"):
            if not self.folder.exists():
                raise JobError(f"The job {self.id} was deleted meanwhile.", "Start a new one.")
            status = self.status()
            if not status.state.resumable:
                raise JobError(
                    f"The job {self.id} cannot be resumed: it is {status.state}.",
                    "Only a job that failed, was stopped or was interrupted can be.",
                )
            (self.folder / STOP_FILE).unlink(missing_ok=True)
            self.launcher.forget(self.folder)
            write_status(
                self.folder,
                JobStatus(
                    JobState.QUEUED, share=status.share, message="Starting again",
                    attempt=status.attempt + 1,
                ),
            )  # fmt: skip
            try:
                self.launch()
            except JobError:
                write_status(self.folder, status)
                raise

    def delete(self) -> None:
        """Removes the job's folder; one that is gone already is left at that.

        Raises:
            JobError: It still runs.
        """
        rights.require(Right.CHANGE, self.folder)
        with self.workspace.lock(f"job-{self.id}"):
            if self.status().active:
                raise JobError(f"The job {self.id} still runs.", "Stop it first.")
            artefacts.forget(self.workspace, f"jobs/{self.id}")
            if self.folder.exists():
                shutil.rmtree(self.folder)

    def wait(self, timeout: float | None = None, poll_s: float = 0.2) -> JobStatus:
        """Waits until the job has ended, at most ``timeout`` seconds, and returns its status."""
        until = None if timeout is None else time.monotonic() + timeout
        while (status := self.status()).active:
            if until is not None and time.monotonic() > until:
                break
            time.sleep(poll_s)
        return status

    def metrics(self) -> list[dict[str, Any]]:
        """What the job has measured so far, oldest first; damaged rows are left out.

        A value is a number, a text, a list or nothing; whoever reads a list checks what is in it.
        """
        plain = (int, float, str, list, type(None))
        rows = read_jsonl(self.folder / METRICS_FILE, skip_damaged=True)
        return [row for row in rows if all(isinstance(value, plain) for value in row.values())]

    def log_tail(self, n: int = 50) -> str:
        """The last ``n`` lines of the job's log."""
        path = self.folder / LOG_FILE
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return "\n".join(text.splitlines()[-n:])

    def result(self) -> dict[str, Any] | None:
        """What the job left, or nothing as long as there is nothing that can be read."""
        file = self.folder / RESULT_FILE
        try:
            return read_json(file)
        except (OSError, RagftError):
            return None

    def _stop_asked_s(self) -> float | None:
        """How long ago somebody asked for the stop."""
        try:
            return time.time() - (self.folder / STOP_FILE).stat().st_mtime
        except FileNotFoundError:
            return None

    def _settle(self) -> JobStatus:
        """Writes down that the process is gone, unless it wrote its end in the meantime."""
        try:
            with rights.as_the_lab(), self.workspace.lock(f"settle-{self.id}"):
                settled = self._ended()
                if read_status(self.folder).active:
                    write_status(self.folder, settled)
                return settled
        except OSError:  # a full or read-only disk: whoever looks next settles it again
            return self._ended()

    def _ended(self) -> JobStatus:
        status = read_status(self.folder)
        if not status.active:
            return status
        if self._stop_asked_s() is not None:
            return dataclasses.replace(
                status, state=JobState.STOPPED, message="Stopped", eta_s=None
            )
        return dataclasses.replace(
            status,
            state=JobState.INTERRUPTED,
            message="Interrupted",
            eta_s=None,
            error=self.launcher.end(self.folder) or _explain_death(self.folder),
        )


def _age_s(status: JobStatus) -> float:
    try:
        written = datetime.fromisoformat(status.updated_at)
        return (datetime.now(UTC) - written).total_seconds()
    except (ValueError, TypeError):  # none, damaged, or without its time zone
        return START_S


def _explain_death(folder: Path) -> str:
    """Says what the last sign of life tells about the end."""
    try:
        beat = json.loads((folder / HEARTBEAT_FILE).read_text(encoding="utf-8"))
        low = beat["available_mb"] < LOW_MEMORY_MB
    except (OSError, ValueError, KeyError, TypeError):
        return "The job's process did not start, or ended at once. Its log may say why; resume it."
    if low:
        return (
            f"The job's process was ended when only {beat['available_mb']:.0f} MB of memory were "
            f"free; it used {beat['rss_mb']:.0f} MB itself. {MEMORY_ADVICE}"
        )
    return f"The job's process was ended from outside. Resume it to go on. {MEMORY_ADVICE}"
