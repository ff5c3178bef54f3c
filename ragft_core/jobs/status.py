"""What is known about a job: its state, and how it is written down.

    queued -> running -> succeeded | failed | stopped
                      -> interrupted (the process died, or was told to end by the system)

``stopped``, ``failed`` and ``interrupted`` can be resumed; nothing else can.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ragft_core.errors import RagftError
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import now, read_json, write_json

STATUS_FILE = "status.json"


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"

    @property
    def active(self) -> bool:
        """Whether a process is supposed to exist for it."""
        return self in (JobState.QUEUED, JobState.RUNNING)

    @property
    def resumable(self) -> bool:
        """Whether ``Job.resume`` may be called."""
        return self in (JobState.FAILED, JobState.STOPPED, JobState.INTERRUPTED)


@dataclass(frozen=True)
class JobStatus:
    """A job at one point in time.

    ``share`` is between 0 and 1, ``eta_s`` the seconds left where they can be told, ``error`` a
    sentence for people, ``attempt`` counts the starts from 1. Times are UTC, ISO 8601.
    """

    state: JobState
    share: float = 0.0
    message: str = ""
    started_at: str = ""
    updated_at: str = ""
    eta_s: float | None = None
    error: str = ""
    attempt: int = 1

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state.active


def read_status(folder: Path) -> JobStatus:
    """Reads a job's status; a file that a power cut emptied counts as an interrupted job."""
    try:
        return from_dict(JobStatus, read_json(folder / STATUS_FILE))
    except (OSError, TypeError, ValueError, RagftError) as error:
        return JobStatus(
            JobState.INTERRUPTED,
            error=f"The job's status cannot be read ({type(error).__name__}). It can be resumed.",
        )


def write_status(folder: Path, status: JobStatus) -> None:
    """Writes a job's status atomically, stamped with the current time."""
    write_json(folder / STATUS_FILE, {**to_dict(status), "updated_at": now()})
