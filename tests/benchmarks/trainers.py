"""Training against TRL's SFTTrainer: rows a second of processor time, and both loss curves.

    pip install trl    # not part of the test requirements
    python -m tests.benchmarks.trainers [--batches 10] [--rounds 3] [--threads 0]

Both train the same LoRA weights on the same batches of the sample's rows, in the same order, with the
same AdamW, clipping and constant learning rate; the loss is that of the answer's tokens. The lab packs
the rows of a batch, with what they share read once, and TRL pads them. Processor time, not the clock's, so that
other programs weigh little; the two alternate, so that what is left of them touches both.
"""

from __future__ import annotations

import argparse
import copy
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch

from ragft_core.finetuning import PRESETS
from ragft_core.finetuning.rows.packing import EncodedRow, group_rows, pack_groups, summed_loss
from ragft_core.finetuning.rows.rows import TrainingRow, encode_plain
from ragft_core.finetuning.training.base_model import with_adapter
from ragft_core.finetuning.training.optimise import Schedule
from ragft_core.models.weights.bundled import GENERATOR, fetch
from ragft_core.models.weights.loading import load_base
from ragft_core.samples import read_sample, sample_examples
from ragft_core.types import Split
from tests.conftest import MODELS

LEARNING_RATE = 5e-4
CLIP = Schedule(1, LEARNING_RATE).clip
LONGEST = 1400


def ours(model: torch.nn.Module, batches: Sequence[Sequence[EncodedRow]]) -> list[float]:
    """The loss of each step."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0)
    losses = []
    for rows in batches:
        packs = list(pack_groups(group_rows(list(rows), LONGEST), LONGEST))
        targets = sum(len(pack.target) for pack in packs)
        total = 0.0
        for pack in packs:
            loss = summed_loss(model, pack) / targets
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(total)
    return losses


def theirs(
    model: torch.nn.Module, tokenizer: Any, batches: Sequence[Sequence[EncodedRow]]
) -> list[float]:
    """The loss of each step, by TRL."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {
            "input_ids": row.ids,
            "completion_mask": [0] * len(row.prompt) + [1] * len(row.answer),
        }
        for batch in batches
        for row in batch
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=len(batches[0]),
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=CLIP,
            num_train_epochs=1,
            logging_steps=1,
            max_length=LONGEST,
            completion_only_loss=True,
            gradient_checkpointing=False,
            train_sampling_strategy="sequential",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
        )
        trainer = SFTTrainer(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains both and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    base, tokenizer = load_base(fetch(GENERATOR, MODELS))
    config = PRESETS["quick"]
    sample = read_sample("knowledge")
    examples = [e for e in sample_examples(sample) if e.split is Split.TRAIN]
    rows = encode_plain(tokenizer, [TrainingRow(e) for e in examples], sample.instruction, LONGEST)
    chance = random.Random(0)
    batches = [chance.sample(rows, config.batch_size) for _ in range(options.batches)]
    n_tokens = sum(len(row.ids) for batch in batches for row in batch)
    model = with_adapter(base, config).train()
    start = copy.deepcopy(model.state_dict())
    ratios = []
    for number in range(options.rounds):
        taken, curves = [], []
        for train in (lambda: ours(model, batches), lambda: theirs(model, tokenizer, batches)):
            model.load_state_dict(start)
            began = time.process_time()
            curves.append(train())
            taken.append(time.process_time() - began)
        ratios.append(taken[1] / taken[0])
        speeds = [n_tokens / seconds for seconds in taken]
        print(
            f"round {number}: {speeds[0]:.0f} and {speeds[1]:.0f} row tokens a CPU second, "
            f"{ratios[-1]:.2f} times; losses at most "
            f"{max(abs(a - b) for a, b in zip(*curves, strict=True)):.4f} nats apart"
        )
    print(f"{statistics.median(ratios):.2f} times TRL, median of {options.rounds} rounds")
    print("ours  ", " ".join(f"{loss:.3f}" for loss in curves[0]))
    print("theirs", " ".join(f"{loss:.3f}" for loss in curves[1]))


if __name__ == "__main__":
    main()
