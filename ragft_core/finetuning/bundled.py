"""Trains the two adapters that come with the product: the reader and the question writer.

    python -m ragft_core.finetuning.bundled reader --data train.jsonl --out adapters/reader

The data are JSON lines (``source, doc, context, question, answer``) or a SQuAD-format file. Seeds
are fixed; a run that was interrupted continues from its last checkpoint when started again. It
uses a GPU where there is one.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.finetuning.base import with_adapter
from ragft_core.finetuning.checkpoints import (
    Progress,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.optimise import Schedule, Step, make_optimiser, optimise
from ragft_core.finetuning.packing import Pack, build_pack, group_rows
from ragft_core.finetuning.reading_data import load_readings, reader_packs, writer_packs
from ragft_core.finetuning.rows import encode
from ragft_core.models.loading import load_base
from ragft_core.workspace import append_jsonl

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LONGEST = 1400
PACKS_PER_STEP = {"reader": 2, "writer": 5}
CHECKPOINT_EVERY = 50


def make_packs(role: str, data: Path, tokenizer: PreTrainedTokenizerBase, seed: int) -> list[Pack]:
    """One epoch of packs in training order."""
    lists = {"reader": reader_packs, "writer": writer_packs}[role]
    packs = []
    for turns in lists(load_readings(data), seed):
        rows = [encode(tokenizer, turn.messages, turn.answer) for turn in turns]
        groups = group_rows(rows, LONGEST)
        fitting = [group for group in groups if group.n_tokens <= LONGEST]
        if fitting:
            packs.append(build_pack(fitting))
    random.Random(seed).shuffle(packs)
    return packs


def train(arguments: argparse.Namespace) -> None:
    """Trains one adapter and leaves it in ``out``, with ``metrics.jsonl`` beside it."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    base, tokenizer = load_base(Path(arguments.model))
    rank = arguments.rank
    config = RunConfig(rank=rank, alpha=2 * rank, seed=arguments.seed)
    model = with_adapter(base.to(device), config)
    packs = make_packs(arguments.role, arguments.data, tokenizer, arguments.seed)
    size = PACKS_PER_STEP[arguments.role]
    per_epoch = len(packs) // size
    schedule = Schedule(
        steps=arguments.steps or round(per_epoch * arguments.epochs),
        learning_rate=arguments.learning_rate,
    )
    optimiser = make_optimiser(model, schedule)
    out: Path = arguments.out
    progress = Progress()
    found = newest_checkpoint(out / "checkpoints")
    if found is not None:
        progress, _ = load_checkpoint(found, model, optimiser)
        print(f"continuing after step {progress.step}", flush=True)

    def packs_of(number: int) -> Sequence[Pack]:
        first = number % per_epoch * size
        return packs[first : first + size]

    def after_step(step: Step) -> bool:
        progress.step = step.number
        row = {"step": step.number, "loss": step.loss, "tokens": step.n_tokens}
        append_jsonl(out / "metrics.jsonl", [row | {"at": time.time()}])
        if step.number % CHECKPOINT_EVERY == 0 or step.number == schedule.steps:
            save_checkpoint(out / "checkpoints", model, optimiser, progress, None)
            print(f"{step.number}/{schedule.steps} {step.loss:.3f}", flush=True)
        return True

    optimise(model, optimiser, schedule, packs_of, start=progress.step, after_step=after_step)
    model.save_pretrained(str(out))  # type: ignore[operator]
    _halve(out / "adapter_model.safetensors")
    shutil.rmtree(out / "checkpoints")


def _halve(weights: Path) -> None:
    """Stores the adapter in half precision: half the size, no measurable loss."""
    from safetensors.torch import load_file, save_file

    tensors = {name: tensor.half() for name, tensor in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Train a bundled adapter.")
    parser.add_argument("role", choices=("reader", "writer"))
    parser.add_argument("--data", type=Path, required=True, help="JSON lines or SQuAD format")
    parser.add_argument("--model", required=True, help="folder of the base model")
    parser.add_argument("--out", type=Path, required=True, help="where the adapter goes")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=0, help="overrides --epochs")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    train(parse())
