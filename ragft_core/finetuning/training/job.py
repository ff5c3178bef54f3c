"""The training job: a fresh base with an adapter, in a process of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ragft_core.finetuning.config import Origin
from ragft_core.finetuning.rows.rows import Right, TrainingRow
from ragft_core.finetuning.training.answering import Interview, LiveAnswer
from ragft_core.finetuning.training.card import write_adapter
from ragft_core.finetuning.training.checkpoints import copy_weights, put_weights
from ragft_core.finetuning.training.estimate import remember_speed
from ragft_core.finetuning.training.ground import open_ground
from ragft_core.finetuning.training.trainer import (
    Trainer,
    TrainingSpec,
    refit_phase,
    search_phase,
)
from ragft_core.finetuning.training.workers.peers import ALONE, Peers
from ragft_core.jobs import JobContext
from ragft_core.settings import Settings
from ragft_core.types import Split

# In the refit a row that was only watched counts for so many, to catch up with the others.
WATCHED_WEIGHT = 3


def run_training(context: JobContext, right: Right, peers: Peers = ALONE) -> None:
    """Runs a training job from the start, or from its newest good checkpoint.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right.
        peers: Who else trains with this process.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """
    ground = open_ground(context, right, peers)
    if ground is None:
        return
    spec, interview, config = ground.spec, ground.interview, ground.spec.config
    model, started_from = ground.model(config)
    start = copy_weights(model) if started_from else None
    watched = ground.batches(config)
    phase = search_phase(config, watched)
    search = Trainer(context, config, model, watched, phase, interview, peers)
    search.restore()
    ended = search.train()
    held_out = peers.first(lambda: _held_out(context, search, interview)) if ended else []
    refit = None
    if ended and search.finished and _learned(search) and config.refit:
        put_weights(model, search.best or {})
        phase = refit_phase(config, search)
        packs = ground.batches(config, _all_rows(ground.rows))
        refit = Trainer(context, config, model, packs, phase, interview, peers)
        refit.restore()
        ended = refit.train()
    phases = [search, refit] if refit else [search]
    if peers.size == 1:  # a speed of this machine's
        _remember_speed(ground.settings, spec, ground.digest, phases)
    if peers.leads and ended and search.progress.step:
        write_adapter(
            context, spec, search, refit, ground.digest, ground.name, started_from, start, held_out
        )


def _held_out(context: JobContext, search: Trainer, interview: Interview) -> list[LiveAnswer]:
    """Answers at the best step, before what was watched is trained on; none for a stopped run."""
    if context.stopping or not search.progress.step:
        return []
    share = search.progress.step / search.phase.total
    context.progress(share, "Asking the questions that were watched")
    if search.best is not None:
        put_weights(search.model, search.best)
    return interview.all(search.model)


def _learned(search: Trainer) -> bool:
    progress = search.progress
    first, best = progress.first_val_loss, progress.best_val_loss
    falls = best is not None and (first is None or best < first)
    return bool(progress.best_step) and (falls or bool(progress.best_recited))


def _all_rows(rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    """The rows of the refit: the user's that were watched are trained on, general ones stay watched."""
    general = [row for row in rows if row.origin is Origin.GENERAL and row.split is not Split.TRAIN]
    own = [row for row in rows if row.split is Split.VALIDATION and row.origin is Origin.OWN]
    joined = [dataclasses.replace(row, split=Split.TRAIN) for row in own]
    return [row for row in rows if row.split is Split.TRAIN] + joined * WATCHED_WEIGHT + general


def _remember_speed(
    settings: Settings, spec: TrainingSpec, digest: str, phases: Sequence[Trainer]
) -> None:
    tokens = sum(phase.progress.tokens for phase in phases)
    seconds = sum(phase.progress.seconds for phase in phases)
    cpu_seconds = sum(phase.progress.cpu_seconds for phase in phases)
    if tokens and seconds > 1:
        remember_speed(settings, digest, spec.config, tokens, seconds, cpu_seconds)
