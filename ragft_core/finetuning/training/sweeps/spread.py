"""A search over settings on a cluster: its trials side by side, each a task with a folder of its own.

The job's process keeps the study and nothing else. It reads what a trial measures from the trial's
folder, and ends one by a file there, as a person ends a job. A trial that is lost with its node goes
on elsewhere from its newest checkpoint.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.rows.rows import Right
from ragft_core.finetuning.training.ground import Ground, open_ground
from ragft_core.finetuning.training.sweeps.here import fresh_folder, run_trial, steps_of
from ragft_core.finetuning.training.sweeps.study import Asked, Study, judged
from ragft_core.finetuning.training.sweeps.trials import Trial
from ragft_core.finetuning.training.trainer import TrainingSpec
from ragft_core.jobs import JobContext, QuietContext
from ragft_core.jobs.cluster import Calls
from ragft_core.jobs.job import METRICS_FILE
from ragft_core.jobs.process import STOP_FILE
from ragft_core.settings import Settings, keep_private
from ragft_core.values import from_dict
from ragft_core.workspace import Workspace, read_jsonl

LOOK_S = 0.5
# A trial that was told to end does so after the step it is at; one whose node is lost never does.
PATIENCE_S = 300.0


@dataclass(frozen=True)
class _Order:
    """What a node needs to know of a search, and to run one of its trials."""

    folder: str
    spec: dict[str, Any]
    right: Right
    number: int = -1
    config: RunConfig = RunConfig()
    began: float = 0.0


@dataclass
class _Sent:
    """A trial that is on its way; ``n_judged`` of its measurements were taken in."""

    asked: Asked
    call: Any
    folder: Path
    n_judged: int = 0
    rejected: bool = False
    told_at: float = 0.0


def search_on_cluster(context: JobContext, right: Right) -> None:
    """Runs trials until the minutes of the job's spec are over, or somebody stops it.

    The minutes count from the moment when a node has prepared the examples.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right; it travels to the nodes.

    Raises:
        JobError: The cluster has no room, or lost a trial again and again.
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """
    gpus = Settings().ray_gpus
    order = _Order(str(context.folder), context.spec, right)
    context.progress(0.0, "A node prepares the examples")
    steps = _steps(context, Calls(_prepare, gpus), order)
    if steps is None:
        return
    config = from_dict(TrainingSpec, context.spec, "spec.json").config
    study = Study(context, config, steps, together=True)
    calls = Calls(_run, gpus)
    sent: list[_Sent] = []
    n_ended = 0
    try:
        while True:
            while len(sent) < calls.slots and (asked := study.ask()) is not None:
                folder = fresh_folder(context.folder, asked.number)
                own = dataclasses.replace(
                    order, number=asked.number, config=asked.config, began=study.passed_s
                )
                sent.append(_Sent(asked, calls.start(own), folder))
            if not sent:
                break
            if context.stopping and not context.stop_asked:
                return  # interrupted: what is on its way is made again when the job goes on
            for one in list(sent):
                _watch(context, study, calls, one)
                if calls.done(one.call) or _given_up(one):
                    sent.remove(one)
                    n_ended += _end(study, calls, one)
            said = f"Trials at work: {len(sent)}, ended: {n_ended}"
            context.progress(study.share, said, study.left_s)
            time.sleep(LOOK_S)
    finally:
        for one in sent:
            calls.cancel(one.call)
    study.finish()


def _steps(context: JobContext, calls: Calls, order: _Order) -> int | None:
    """What the job's settings come to, by a node; None where somebody asked for the end."""
    call = calls.start(order)
    while not calls.done(call):
        if context.stopping:
            calls.cancel(call)
            return None
        time.sleep(LOOK_S)
    steps: int | None = calls.result(call)
    return steps


def _watch(context: JobContext, study: Study, calls: Calls, one: _Sent) -> None:
    """Takes in what a trial has measured, and tells it to end where it is hopeless or time is up."""
    rows = judged(read_jsonl(one.folder / METRICS_FILE, skip_damaged=True))
    for row in rows[one.n_judged :]:
        one.n_judged += 1
        one.rejected = one.rejected or study.rejects(one.asked, one.n_judged, row)
    if not one.told_at and (one.rejected or context.stopping or not study.left_s):
        (one.folder / STOP_FILE).touch()
        one.told_at = time.monotonic()


def _given_up(one: _Sent) -> bool:
    """Whether a trial that was told to end did not begin, or does not end."""
    if not one.told_at:
        return False
    silent = time.monotonic() - one.told_at
    return silent > PATIENCE_S or not (one.folder / METRICS_FILE).exists()


def _end(study: Study, calls: Calls, one: _Sent) -> int:
    """Keeps a trial's result, if it has one, and says how many that were."""
    if not calls.done(one.call):
        calls.cancel(one.call)
        return 0
    ended: Trial = calls.result(one.call)
    if one.rejected and ended.state != "finished":
        ended = dataclasses.replace(ended, state="rejected")
    study.keep(one.asked, ended)
    return 1


# A process that has loaded the model keeps it for its next trial; it belongs to one job.
_grounds: dict[str, Ground | None] = {}


def _ground(order: _Order) -> Ground | None:
    keep_private()
    if _grounds.get(order.folder) is None:
        _grounds[order.folder] = open_ground(_context(Path(order.folder), order), order.right)
    return _grounds[order.folder]


def _context(folder: Path, order: _Order) -> JobContext:
    return QuietContext(Workspace(Path(order.folder).parent.parent), folder, order.spec)


def _prepare(order: _Order) -> int | None:
    """Writes the rewordings, if the search has any, and returns the steps of its own settings."""
    ground = _ground(order)
    return None if ground is None else steps_of(ground, ground.spec.config)


def _run(order: _Order) -> Trial:
    """One trial; it ends early where its folder gets a file ``stop``."""
    ground = _ground(order)
    assert ground is not None  # the examples were prepared before
    context = _context(Path(order.folder) / "trials" / f"{order.number:02d}", order)
    return run_trial(context, ground, order.number, order.config, order.began)
