"""Trains the two adapters that come with the product: the reader and the question writer.

    python -m ragft_core.finetuning.bundled reader --data train.jsonl new_wiki.json --out reader

The data are JSON lines (``source, doc, context, question, answer``) and SQuAD-format files. Seeds
are fixed; a run that was interrupted continues from its last checkpoint when started again. It
uses a GPU where there is one. To compare recipes without spending the dev set on it, ``--steps``
cuts a run short and ``--held-out`` measures the loss on documents that it was not trained on.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.finetuning.adapters import WEIGHTS
from ragft_core.finetuning.bundled.company_data import company_packs
from ragft_core.finetuning.bundled.reading_data import (
    Reading,
    load_readings,
    reader_packs,
    writer_packs,
)
from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.rows.packing import Pack, group_rows, pack_groups
from ragft_core.finetuning.rows.rows import encode
from ragft_core.finetuning.training.base_model import copy_adapter, with_adapter
from ragft_core.finetuning.training.checkpoints import (
    Progress,
    interpolated,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from ragft_core.finetuning.training.optimise import (
    Schedule,
    Step,
    make_optimiser,
    mean_loss,
    optimise,
)
from ragft_core.models.weights.loading import load_base
from ragft_core.workspace import append_jsonl

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LONGEST = 1400
PACKS_PER_STEP = {"reader": 2, "writer": 5}
CHECKPOINT_EVERY = 50


def make_packs(
    role: str,
    readings: Sequence[Reading],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    company: float = 0.0,
    most: int = 0,
) -> list[Pack]:
    """One epoch of packs in training order.

    Args:
        role: ``reader`` or ``writer``.
        readings: What is asked about.
        tokenizer: Of the base model.
        seed: Same seed, same packs.
        company: Invented packs for each pack that was read.
        most: Ends the epoch after so many; 0 gives all.
    """
    lists = list({"reader": reader_packs, "writer": writer_packs}[role](readings, seed))
    lists += company_packs(round(company * len(lists)), seed)
    random.Random(seed).shuffle(lists)
    packs: list[Pack] = []
    for turns in lists:
        rows = [encode(tokenizer, turn.messages, turn.answer) for turn in turns]
        groups = group_rows(rows, LONGEST)
        packs += pack_groups([group for group in groups if group.n_tokens <= LONGEST], LONGEST)
        if most and len(packs) >= most:
            break
    return packs


def gather(files: Sequence[Path], without: Sequence[str]) -> list[Reading]:
    """The questions of all files, except those of the sources to leave out."""
    found = [reading for path in files for reading in load_readings(path)]
    return [reading for reading in found if reading.source not in without]


def hold_out(readings: Sequence[Reading], share: float) -> tuple[list[Reading], list[Reading]]:
    """Splits by document: what to train on, and what to measure on; the same for every seed."""
    documents = sorted({reading.document for reading in readings})
    held = set(random.Random(0).sample(documents, round(share * len(documents))))
    train = [reading for reading in readings if reading.document not in held]
    return train, [reading for reading in readings if reading.document in held]


def train(arguments: argparse.Namespace) -> None:
    """Trains one adapter and leaves it in ``out``, with ``metrics.jsonl`` beside it."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    base, tokenizer = load_base(Path(arguments.model))
    rank = arguments.rank
    config = RunConfig(rank=rank, alpha=2 * rank, seed=arguments.seed)
    model = with_adapter(base.to(device), config)
    if arguments.start_from and not copy_adapter(model, arguments.start_from):
        raise SystemExit(f"{arguments.start_from} has a larger rank or other layers.")
    readings, held = hold_out(gather(arguments.data, arguments.without), arguments.held_out)
    size = PACKS_PER_STEP[arguments.role]
    packs = make_packs(
        arguments.role,
        readings,
        tokenizer,
        arguments.seed,
        arguments.company,
        most=size * arguments.steps,
    )
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
    if held:
        loss = mean_loss(model, make_packs(arguments.role, held, tokenizer, arguments.seed))
        print(f"held out: {len(held)} questions, {loss:.3f} nats a token", flush=True)
    model.save_pretrained(str(out))  # type: ignore[operator]
    store(out / WEIGHTS, arguments.start_from, arguments.interpolate)
    shutil.rmtree(out / "checkpoints")


def store(weights: Path, start: Path | None, share: float) -> None:
    """Keeps the adapter in half precision: half the size, no measurable loss.

    ``share`` of the way from the adapter that it started from is gone.
    """
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    if start is not None and share < 1:
        tensors = interpolated(load_file(start / WEIGHTS), tensors, share)
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    save_file(halves, weights, metadata={"format": "pt"})


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Train a bundled adapter.")
    parser.add_argument("role", choices=("reader", "writer"))
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="JSON lines or SQuAD format"
    )
    parser.add_argument("--without", nargs="*", default=[], help="sources to leave out")
    parser.add_argument(
        "--held-out", type=float, default=0.0, help="share of the documents kept for the loss"
    )
    parser.add_argument(
        "--company", type=float, default=0.0, help="invented packs for each pack that was read"
    )
    parser.add_argument("--start-from", type=Path, help="an adapter to go on from")
    parser.add_argument(
        "--interpolate", type=float, default=1.0, help="share of the way from there to what is kept"
    )
    parser.add_argument("--model", required=True, help="folder of the base model")
    parser.add_argument("--out", type=Path, required=True, help="where the adapter goes")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=0, help="overrides --epochs")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)
