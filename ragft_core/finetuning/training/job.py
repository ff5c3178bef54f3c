"""The training job: a fresh base with an empty adapter, in a process of its own."""

from __future__ import annotations

from ragft_core.finetuning.training.base_model import with_adapter
from ragft_core.finetuning.training.batches import Batches
from ragft_core.finetuning.training.card import write_adapter
from ragft_core.finetuning.training.estimate import remember_speed
from ragft_core.finetuning.training.rows import TrainingRow
from ragft_core.finetuning.training.runs import ROWS
from ragft_core.finetuning.training.trainer import Trainer, TrainingSpec
from ragft_core.jobs import JobContext
from ragft_core.models.factory import model_folder
from ragft_core.models.weights.loading import check_folder, load_base, weights_digest
from ragft_core.settings import Settings
from ragft_core.values import from_dict
from ragft_core.workspace import read_values


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
    folder = model_folder(spec.model, settings)
    base, tokenizer = load_base(folder)
    digest = weights_digest(folder)
    base.to("cuda" if torch.cuda.is_available() else "cpu")
    context.progress(0.0, "Preparing the examples")
    rows = read_values(context.folder / ROWS, TrainingRow)
    longest = check_folder(folder).context_tokens
    batches = Batches(tokenizer, rows, spec.instruction, spec.config, longest)
    run = Trainer(context, spec, with_adapter(base, spec.config), batches)
    run.restore()
    ended = run.train()
    if run.progress.tokens and run.progress.seconds > 1:
        speed = run.progress.tokens / run.progress.seconds
        remember_speed(settings, digest, spec.config, speed)
    if ended and run.progress.step:
        write_adapter(context, spec, run, digest, folder.name)
