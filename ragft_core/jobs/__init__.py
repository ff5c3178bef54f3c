"""Durable background jobs: detached processes whose folder is the truth about them (law 8).

    jobs/<id>/  spec.json      what to do
                status.json    where it is (JobStatus)
                process.json   which process does it, with its start time
                heartbeat      last sign of life, with the memory used
                metrics.jsonl  what it measured on the way
                log.txt        what it printed
                result.json    what it left
                stop           there when somebody asked it to end

Nothing here imports anything that computes; a kind of job is named by ``module:function``.
"""

from ragft_core.jobs.elsewhere import MadeElsewhere, keep_origin, made_elsewhere, this_machine
from ragft_core.jobs.job import Job
from ragft_core.jobs.kinds import KINDS, Kind
from ragft_core.jobs.launcher import Launcher
from ragft_core.jobs.room import Needs, check_disk
from ragft_core.jobs.status import JobState, JobStatus
from ragft_core.jobs.store import (
    Activity,
    activity,
    get_job,
    list_jobs,
    pause_jobs,
    resume_paused,
    settle_jobs,
    start_job,
)
from ragft_core.jobs.worker import JobContext, QuietContext

__all__ = [
    "KINDS",
    "Activity",
    "Job",
    "JobContext",
    "JobState",
    "JobStatus",
    "Kind",
    "Launcher",
    "MadeElsewhere",
    "Needs",
    "QuietContext",
    "activity",
    "check_disk",
    "get_job",
    "keep_origin",
    "list_jobs",
    "made_elsewhere",
    "pause_jobs",
    "resume_paused",
    "settle_jobs",
    "start_job",
    "this_machine",
]
