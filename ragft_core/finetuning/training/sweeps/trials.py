"""A trial of a search over settings: what it varies, how it is judged, and where it is kept."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragft_core.finetuning.config import RunConfig
from ragft_core.jobs import Job
from ragft_core.values import from_dict
from ragft_core.workspace import read_values

TRIALS = "trials.jsonl"


@dataclass(frozen=True)
class Trial:
    """One short run of a search. ``state`` is ``finished``, ``rejected`` or ``cut short``.

    ``right`` of ``asked`` watched questions were answered rightly at its best step; of a rejected
    trial, of those few that are asked on the way. ``seconds`` is wall time, and ``began`` how many
    of the search's seconds had passed before.
    """

    number: int
    learning_rate: float
    rank: int
    steps: int
    state: str
    right: int
    asked: int
    val_loss: float | None
    seconds: float
    began: float = 0.0

    @property
    def score(self) -> float:
        """Between 0 and 1: the share of right answers, and between equals the lower loss."""
        return score(self.right, self.asked, self.val_loss)


def score(right: int, asked: int, val_loss: float | None) -> float:
    """Right answers first; a loss never outweighs one."""
    loss = val_loss if val_loss is not None and math.isfinite(val_loss) else math.inf
    return (right + 1 / (1 + max(0.0, loss))) / (asked + 1)


def trials_of(job: Job | Path) -> list[Trial]:
    """The trials of a search so far, in the order in which they ended."""
    folder = job if isinstance(job, Path) else job.folder
    file = folder / TRIALS
    return read_values(file, Trial) if file.exists() else []


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The best of the trials that ran to their end; the earlier one of equals."""
    ended = [trial for trial in trials if trial.state == "finished"]
    return max(ended, key=lambda trial: trial.score, default=None)


def best_config(job: Job) -> RunConfig | None:
    """The settings of a search's best trial, to train with on all rows; None before there is one."""
    best = best_trial(trials_of(job))
    if best is None:
        return None
    config = from_dict(RunConfig, job.spec.get("config", {}), "spec.json")
    return with_trial(config, best.learning_rate, best.rank, best.steps)


def with_trial(config: RunConfig, learning_rate: float, rank: int, steps: int) -> RunConfig:
    """The settings with what a trial varies; alpha keeps its ratio to the rank."""
    return dataclasses.replace(
        config,
        learning_rate=learning_rate,
        rank=rank,
        alpha=max(1, round(config.alpha / config.rank * rank)),
        steps=steps,
        epochs=0.0,  # the steps alone decide
    )
