"""Starting, finding and settling jobs."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from ragft_core.access import Right, rights
from ragft_core.errors import JobError, RagftError
from ragft_core.jobs.job import SPEC_FILE, Job
from ragft_core.jobs.kinds import kind_of
from ragft_core.jobs.room import Needs, check_disk
from ragft_core.jobs.status import JobState, JobStatus, read_status, write_status
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, new_id, now, write_json

NOTHING = Needs()
PAUSED = ".paused"
log = logging.getLogger(__name__)


def start_job(
    workspace: Workspace,
    kind: str,
    spec: dict[str, Any],
    prepare: Callable[[Path], None] | None = None,
    needs: Needs = NOTHING,
    *,
    keep: bool = False,
    once: bool = False,
) -> Job:
    """Starts a job in a process of its own and returns at once.

    Args:
        workspace: Where the job's folder goes.
        kind: One of ``KINDS``.
        spec: What to do, as plain JSON data; paths in it are relative to the workspace.
        prepare: Puts files into the job's folder before it starts; if it raises, there is no job.
        needs: What it will take. The disk is looked at now, before anything is written, and both
            again when its turn comes, because until then others may have ended or begun.
        keep: Whether a job that the cluster does not take stays, interrupted, so that what was
            prepared need not be brought again.
        once: Whether one of this kind that was asked to do the very same and still waits or runs is
            returned instead: two clicks, or two tabs, are one wish.

    Raises:
        JobError: There is no such kind, the disk is too full, or the cluster takes no jobs.
    """
    if once:
        asked = json.loads(json.dumps(spec))  # as it is read again
        with workspace.lock(f"start-{kind}"):
            for job in list_jobs(workspace, kind):
                if job.spec == asked and job.status().active and not job.is_stopping:
                    return job
            return start_job(workspace, kind, spec, prepare, needs, keep=keep)
    check_disk(workspace.path, kind_of(kind).title, needs)
    job = Job(workspace, new_id(kind))
    folder = workspace.folder("jobs", job.id)
    if prepare is not None:
        try:
            prepare(folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
    write_status(folder, JobStatus(JobState.QUEUED, message="Starting"))
    head = {
        "kind": kind,
        "created_at": now(),
        "created_ns": time.time_ns(),
        "spec": spec,
        "needs": to_dict(needs),
    }
    if rights.by():
        head["by"] = rights.by()
    write_json(folder / SPEC_FILE, head)  # last: from here on the job is there to be seen
    try:
        job.launch()
    except JobError as error:
        if not keep:
            shutil.rmtree(folder)
            raise
        interrupted = JobStatus(JobState.INTERRUPTED, message="Interrupted", error=str(error))
        write_status(folder, interrupted)
        raise JobError(
            error.message, f"{error.remedy} What was added is kept: resume {job.id} then."
        ) from None
    rights.note(f"start {kind}", workspace.path, job.id)
    return job


def get_job(workspace: Workspace, job_id: str) -> Job:
    """Finds a job by its id.

    Raises:
        JobError: There is none.
    """
    known = {job.id: job for job in list_jobs(workspace)}
    if job_id not in known:
        raise JobError(f"There is no job {job_id!r} in this workspace.", "See the list of runs.")
    return known[job_id]


def list_jobs(workspace: Workspace, kind: str | None = None) -> list[Job]:
    """The jobs of a workspace, newest first."""
    found = [
        Job(workspace, file.parent.name) for file in workspace.path.glob(f"jobs/*/{SPEC_FILE}")
    ]
    found.sort(key=lambda job: (job.created_ns, job.id), reverse=True)
    return [job for job in found if kind is None or job.kind == kind]


@dataclass(frozen=True)
class Activity:
    """What goes on in a workspace: jobs that wait or run, oldest first, and which have ended."""

    active: tuple[tuple[Job, JobStatus], ...] = ()
    ended: frozenset[str] = frozenset()


def activity(workspace: Workspace) -> Activity:
    """What goes on now; cheap enough to be asked every other second.

    Of a job that has ended only its status is read.
    """
    active, ended = [], set()
    for file in workspace.path.glob(f"jobs/*/{SPEC_FILE}"):
        job = Job(workspace, file.parent.name)
        status = read_status(job.folder)
        if status.active:
            status = job.status()
        if status.active:
            active.append((job, status))
        else:
            ended.add(job.id)
    active.sort(key=lambda item: (item[0].created_ns, item[0].id))
    return Activity(tuple(active), frozenset(ended))


def pause_jobs(workspaces: Iterable[Workspace], seconds: float) -> list[Job]:
    """Asks all jobs to keep what they have and end, and marks them for ``resume_paused``.

    Where the server is a container's first process, its end is the end of everything else in it.

    Args:
        workspaces: Whose.
        seconds: How long to wait for them; what ends later goes on from its last checkpoint.
    """
    jobs = [job for workspace in workspaces for job, _ in activity(workspace).active]
    for job in jobs:
        rights.require(Right.CHANGE, job.folder)
        (job.folder / PAUSED).write_text("", encoding="utf-8")
        job.launcher.stop(job.folder)
    until = time.monotonic() + seconds
    for job in jobs:
        job.wait(timeout=max(0.0, until - time.monotonic()))
    return jobs


def resume_paused(workspace: Workspace) -> list[Job]:
    """Resumes the jobs that ``pause_jobs`` marked; one that cannot go on keeps no other from it."""
    rights.require(Right.CHANGE, workspace.path)
    resumed = []
    for file in workspace.path.glob(f"jobs/*/{PAUSED}"):
        job = Job(workspace, file.parent.name)
        file.unlink(missing_ok=True)
        try:
            if job.status().state.resumable:
                job.resume()
                resumed.append(job)
        except (OSError, RagftError, Timeout) as error:
            log.warning("The job %s cannot go on: %s", job.id, error)
    return resumed


def settle_jobs(workspace: Workspace) -> list[Job]:
    """Marks jobs whose process is gone; called when the product starts.

    A job that cannot be settled, for instance on a read-only disk, keeps no other from it.

    Returns:
        The jobs that were found dead.
    """
    dead = []
    for job in list_jobs(workspace):
        try:
            if read_status(job.folder).active and job.status().state is JobState.INTERRUPTED:
                dead.append(job)
        except (OSError, RagftError, Timeout) as error:
            log.warning("The job %s cannot be settled: %s", job.id, error)
    return dead
