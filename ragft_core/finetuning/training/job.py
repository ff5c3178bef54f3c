"""The training job: a fresh base with an adapter, in a process of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.approval import require_approval
from ragft_core.finetuning.adapters import READER, get_adapter
from ragft_core.finetuning.config import Origin, RunConfig
from ragft_core.finetuning.rows.batches import Batches
from ragft_core.finetuning.rows.packing import packing_holds
from ragft_core.finetuning.rows.rows import Right, TrainingRow, encode_plain
from ragft_core.finetuning.training import sweep
from ragft_core.finetuning.training.answering import Interview, LiveAnswer
from ragft_core.finetuning.training.base_model import copy_adapter, with_adapter
from ragft_core.finetuning.training.card import write_adapter
from ragft_core.finetuning.training.checkpoints import put_weights
from ragft_core.finetuning.training.estimate import remember_speed
from ragft_core.finetuning.training.runs import ROWS
from ragft_core.finetuning.training.trainer import (
    Trainer,
    TrainingSpec,
    refit_phase,
    search_phase,
)
from ragft_core.finetuning.writing.reworded import reworded_rows
from ragft_core.finetuning.writing.roundtrip import StoppedError
from ragft_core.jobs import JobContext
from ragft_core.models.factory import model_folder
from ragft_core.models.weights.device import choose_device
from ragft_core.models.weights.folders import check_folder
from ragft_core.models.weights.loading import load_base, weights_digest
from ragft_core.settings import Settings
from ragft_core.threads import use_threads, usual_threads
from ragft_core.types import Split
from ragft_core.values import from_dict
from ragft_core.workspace import read_values

if TYPE_CHECKING:
    import torch

# In the refit a row that was only watched counts for so many, to catch up with the others.
WATCHED_WEIGHT = 3


class Ground:
    """What every run of a job stands on: its order, its rows, and the base model, loaded once.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """

    def __init__(self, context: JobContext, right: Right) -> None:

        self.settings = Settings()
        use_threads(usual_threads(self.settings.threads))
        spec = from_dict(TrainingSpec, context.spec, "spec.json")
        require_approval(context.workspace, spec.model)
        rows = read_values(context.folder / ROWS, TrainingRow)
        reworded = reworded_rows(context, spec.model, spec.config.rewordings, rows, right)
        self.rows = rows + reworded
        counts = spec.counts | ({Origin.REWORDED.value: len(reworded)} if reworded else {})
        self.spec = dataclasses.replace(spec, counts=counts)
        context.progress(0.0, "Loading the model")
        folder = model_folder(self.spec.model, self.settings)
        # A folder of the hub is called as its commit, by which nobody else would find the model.
        self.name = spec.model.name if spec.model.kind == "hub" else folder.name
        self.device = choose_device(self.settings).for_training()
        self._base, self._tokenizer = load_base(folder, self.device)
        self._model: Any = None
        self.digest = weights_digest(folder)
        context.progress(0.0, "Preparing the examples")
        self._longest = check_folder(folder).context_tokens
        few = [row for row in self.rows if row.origin is Origin.OWN][:3]
        encoded = encode_plain(self._tokenizer, few, self.spec.instruction, self._longest)
        self._packed = packing_holds(self._base, encoded)
        self.interview = Interview(
            self._tokenizer, self.rows, self.spec.instruction, self._longest, right,
            together=self._packed,
        )  # fmt: skip

    def model(self, config: RunConfig) -> torch.nn.Module:
        """The base with an empty adapter; the one that was made before is taken off."""
        base = self._model.unload() if self._model is not None else self._base
        self._model = with_adapter(base, config)
        return self._model

    def batches(self, config: RunConfig, rows: Sequence[TrainingRow]) -> Batches:
        """The packs of a run over these rows."""
        instruction = self.spec.instruction
        return Batches(self._tokenizer, rows, instruction, config, self._longest, self._packed)


def _ground(context: JobContext, right: Right) -> Ground | None:
    """None where somebody asked for the end before the first step."""
    try:
        return Ground(context, right)
    except StoppedError:
        return None


def run_training(context: JobContext, right: Right) -> None:
    """Runs a training job from the start, or from its newest good checkpoint.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """
    ground = _ground(context, right)
    if ground is None:
        return
    spec, interview, config = ground.spec, ground.interview, ground.spec.config
    model = ground.model(config)
    started_from = _start_from_reader(context, spec, model, ground.digest)
    watched = ground.batches(config, ground.rows)
    phase = search_phase(config, watched)
    search = Trainer(context, config, model, watched, phase, interview)
    search.restore()
    ended = search.train()
    held_out = _held_out(context, search, interview) if ended else []
    refit = None
    if ended and search.finished and _learned(search) and config.refit:
        put_weights(model, search.best or {})
        phase = refit_phase(config, search)
        packs = ground.batches(config, _all_rows(ground.rows))
        refit = Trainer(context, config, model, packs, phase, interview)
        refit.restore()
        ended = refit.train()
    phases = [search, refit] if refit else [search]
    _remember_speed(ground.settings, spec, ground.digest, phases)
    if ended and search.progress.step:
        write_adapter(
            context, spec, search, refit, ground.digest, ground.name, started_from, held_out
        )


def run_sweep(context: JobContext, right: Right) -> None:
    """Searches for settings; see ``sweep``.

    Args:
        context: The job.
        right: Says whether an answer to an example's question is right.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """
    ground = _ground(context, right)
    if ground is None:
        return

    def fresh(config: RunConfig) -> torch.nn.Module:
        model = ground.model(config)
        _start_from_reader(context, ground.spec, model, ground.digest)
        return model

    sweep.search(
        context,
        ground.spec.config,
        fresh,
        lambda c: ground.batches(c, ground.rows),
        ground.interview,
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


def _start_from_reader(
    context: JobContext, spec: TrainingSpec, model: torch.nn.Module, digest: str
) -> str:
    """Lets a hybrid run begin where the bundled reader ended, if it is on and fits the base."""
    config, settings = spec.config, context.workspace.settings()
    if not (config.with_context and config.start_from_reader and settings.reader):
        return ""
    reader = get_adapter(context.workspace, READER)
    return READER if reader.base == digest and copy_adapter(model, Path(reader.path)) else ""


def _remember_speed(
    settings: Settings, spec: TrainingSpec, digest: str, phases: Sequence[Trainer]
) -> None:
    tokens = sum(phase.progress.tokens for phase in phases)
    seconds = sum(phase.progress.seconds for phase in phases)
    cpu_seconds = sum(phase.progress.cpu_seconds for phase in phases)
    if tokens and seconds > 1:
        remember_speed(settings, digest, spec.config, tokens, seconds, cpu_seconds)
