"""A search over settings in this process: one short run after the other, bounded by minutes.

A trial is judged by the right answers to the questions that are only watched; the validation loss
decides between equals.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.rows.rows import Right
from ragft_core.finetuning.training.checkpoints import put_weights
from ragft_core.finetuning.training.ground import Ground, open_ground
from ragft_core.finetuning.training.sweeps.study import Asked, Study, judged
from ragft_core.finetuning.training.sweeps.trials import Trial
from ragft_core.finetuning.training.trainer import FOLDERS, SEARCH, Phase, Trainer
from ragft_core.jobs import JobContext
from ragft_core.values import to_dict


class _TrialContext(JobContext):
    """The context of one trial: its files in a folder of its own, its end by the search's clock."""

    def __init__(self, parent: JobContext, folder: Path, study: Study, asked: Asked) -> None:
        super().__init__(parent.workspace, folder, parent.spec)
        self._parent, self._study, self._asked = parent, study, asked
        self._n_judged = 0
        self.rejected = False

    @property
    def stopping(self) -> bool:
        return self.rejected or not self._study.left_s or self._parent.stopping

    @property
    def stop_asked(self) -> bool:
        return self.stopping

    def progress(self, share: float, message: str, eta_s: float | None = None) -> None:
        said = f"Trial {self._asked.number + 1}: {message}"
        self._parent.progress(self._study.share, said, self._study.left_s)

    def metric(self, row: dict[str, Any]) -> None:
        super().metric(row)
        for judged_row in judged([row]):
            self._n_judged += 1
            self.rejected = self._study.rejects(self._asked, self._n_judged, judged_row)


def run_sweep(context: JobContext, right: Right) -> None:
    """Runs trials until the minutes of the job's spec are over, or somebody stops it.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """
    ground = open_ground(context, right)
    if ground is None:
        return
    config = ground.spec.config
    study = Study(context, config, steps_of(ground, config))
    while (asked := study.ask()) is not None:
        folder = fresh_folder(context.folder, asked.number)
        own, began = _TrialContext(context, folder, study, asked), study.passed_s
        ended = run_trial(own, ground, asked.number, asked.config, began)
        if context.stopping and not context.stop_asked:
            return  # interrupted: the trial is made again when the job goes on
        study.keep(asked, ended)
    study.finish()


def steps_of(ground: Ground, config: RunConfig) -> int:
    """The optimiser steps that settings come to."""
    packs = ground.batches(config)
    return config.n_steps(packs.n_rows, packs.tokens_per_row)


def fresh_folder(folder: Path, number: int) -> Path:
    """A trial's own, without what an attempt left that was interrupted."""
    own = folder / "trials" / f"{number:02d}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    return own


def run_trial(
    context: JobContext, ground: Ground, number: int, config: RunConfig, began: float
) -> Trial:
    """Trains one trial, without a refit, and asks all watched questions if it came to its end.

    Args:
        context: The trial's own; where it has ``rejected``, that says how it ended.
        ground: What it stands on.
        number: Of the trial, from 0.
        config: Its settings.
        began: How many of the search's seconds had passed.
    """
    start = time.monotonic()
    packs = ground.batches(config)
    phase = Phase(SEARCH, config.steps, config.learning_rate)
    run = Trainer(context, config, ground.model(config)[0], packs, phase, ground.interview)
    run.restore()
    run.train()
    rejected = getattr(context, "rejected", False)
    state = "rejected" if rejected else "finished" if run.finished else "cut short"
    if state == "finished":
        put_weights(run.model, run.best or {})
        answers = [to_dict(answer) for answer in ground.interview.all(run.model)]
    else:
        rows = judged(run.context_metrics())
        answers = rows[-1]["answers"] if rows else []
    shutil.rmtree(context.folder / FOLDERS[SEARCH], ignore_errors=True)  # its curve is enough
    return Trial(
        number=number,
        learning_rate=config.learning_rate,
        rank=config.rank,
        steps=config.steps,
        state=state,
        right=sum(answer["right"] for answer in answers),
        asked=len(answers),
        val_loss=run.progress.best_val_loss,
        seconds=round(time.monotonic() - start, 1),
        began=round(began, 1),
    )
