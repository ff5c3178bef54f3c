"""The training job: a fresh base with an adapter, in a process of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.approval import require_approval
from ragft_core.finetuning.adapters import READER, get_adapter
from ragft_core.finetuning.config import Origin
from ragft_core.finetuning.rows.batches import Batches
from ragft_core.finetuning.rows.packing import packing_holds
from ragft_core.finetuning.rows.rows import TrainingRow, encode_plain
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
from ragft_core.jobs import JobContext
from ragft_core.models.factory import model_folder
from ragft_core.models.weights.loading import check_folder, load_base, weights_digest
from ragft_core.settings import Settings
from ragft_core.types import Split
from ragft_core.values import from_dict
from ragft_core.workspace import read_values

if TYPE_CHECKING:
    import torch

# In the refit a row that was only watched counts for so many, to catch up with the others.
WATCHED_WEIGHT = 3


def run_training(context: JobContext) -> None:
    """Runs a training job from the start, or from its newest good checkpoint.

    Raises:
        ModelError: The base model cannot be used.
        TrainingDataError: A row does not fit the model.
    """
    import torch

    settings = Settings()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    spec = from_dict(TrainingSpec, context.spec, "spec.json")
    context.progress(0.0, "Loading the model")
    require_approval(context.workspace, spec.model)
    folder = model_folder(spec.model, settings)
    base, tokenizer = load_base(folder)
    digest = weights_digest(folder)
    base.to("cuda" if torch.cuda.is_available() else "cpu")
    context.progress(0.0, "Preparing the examples")
    rows = read_values(context.folder / ROWS, TrainingRow)
    longest = check_folder(folder).context_tokens

    model = with_adapter(base, spec.config)
    few = [row for row in rows if row.origin is Origin.OWN][:3]
    packed = packing_holds(model, encode_plain(tokenizer, few, spec.instruction, longest))

    def batches(rows: Sequence[TrainingRow]) -> Batches:
        return Batches(tokenizer, rows, spec.instruction, spec.config, longest, packed)

    started_from = _start_from_reader(context, spec, model, digest)
    watched = batches(rows)
    search = Trainer(context, spec.config, model, watched, search_phase(spec.config, watched))
    search.restore()
    ended = search.train()
    refit = None
    if ended and search.finished and _learned(search) and spec.config.refit:
        put_weights(model, search.best or {})
        phase = refit_phase(spec.config, search)
        refit = Trainer(context, spec.config, model, batches(_all_rows(rows)), phase)
        refit.restore()
        ended = refit.train()
    _remember_speed(settings, spec, digest, [search, refit] if refit else [search])
    if ended and search.progress.step:
        write_adapter(context, spec, search, refit, digest, folder.name, started_from)


def _learned(search: Trainer) -> bool:
    progress = search.progress
    first, best = progress.first_val_loss, progress.best_val_loss
    return bool(progress.best_step) and best is not None and (first is None or best < first)


def _all_rows(rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    """The rows of the refit: those that were watched are trained on, and nothing is watched."""
    own = [row for row in rows if row.split is Split.VALIDATION and row.origin is Origin.OWN]
    joined = [dataclasses.replace(row, split=Split.TRAIN) for row in own]
    return [row for row in rows if row.split is Split.TRAIN] + joined * WATCHED_WEIGHT


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
    if tokens and seconds > 1:
        remember_speed(settings, digest, spec.config, tokens / seconds)
