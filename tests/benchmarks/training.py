"""Training speed against the matrix-multiply limit, measured in the same run.

    python -m tests.benchmarks.training [--steps 12] [--sample knowledge] [--threads 0]

The limit is what the machine's single-precision multiplication would allow if a step were nothing
but the multiplications it needs: two operations a weight and token forward, two backward (the base
weights take no gradient), the vocabulary projection for trained tokens only. Multiplication and
steps alternate, so that a change in the machine's load touches both. Also measured: the same rows
one by one, padded, as the usual trainers do it, to show what packing saves.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import torch

from ragft_core.finetuning import PRESETS
from ragft_core.finetuning.rows.batches import Batches
from ragft_core.finetuning.rows.packing import (
    EncodedRow,
    Pack,
    build_pack,
    group_rows,
    summed_loss,
)
from ragft_core.finetuning.rows.rows import TrainingRow, encode_plain
from ragft_core.finetuning.training.base_model import with_adapter
from ragft_core.models.weights.bundled import GENERATOR, fetch
from ragft_core.models.weights.loading import load_base
from ragft_core.samples import read_sample, sample_examples
from ragft_core.types import Split
from tests.conftest import MODELS


def gigaflops(side: int = 1024) -> float:
    """Multiplication speed now, in 10^9 operations a second."""
    a = torch.rand(side, side)
    began = time.perf_counter()
    for _ in range(4):
        a @ a
    return 4 * 2 * side**3 / (time.perf_counter() - began) / 1e9


def needed_gigaflops(model: torch.nn.Module, pack: Pack) -> float:
    """Multiplications that a step on a pack cannot do without."""
    core = model.get_base_model()
    vocabulary = core.get_output_embeddings().weight.numel()
    body = sum(
        m.weight.numel()
        for name, m in core.named_modules()
        if isinstance(m, torch.nn.Linear) and "lora_" not in name and "lm_head" not in name
    )
    adapter = sum(p.numel() for p in model.parameters() if p.requires_grad)
    # Forward and backward: 2 + 2 operations a base weight, 2 + 4 an adapter weight.
    per_token = 4 * body + 6 * adapter
    return (per_token * pack.n_tokens + 4 * vocabulary * len(pack.target)) / 1e9


def seconds_of(
    model: torch.nn.Module, optimiser: torch.optim.Optimizer, packs: list[Pack]
) -> float:
    """One optimiser step."""
    began = time.perf_counter()
    for pack in packs:
        (summed_loss(model, pack) / len(pack.target)).backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return time.perf_counter() - began


def padded_step(
    model: torch.nn.Module, optimiser: torch.optim.Optimizer, rows: list[EncodedRow]
) -> float:
    """The same rows as a padded batch with labels, by transformers itself."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        mask[i, : len(row.ids)] = 1
        labels[i, len(row.prompt) : len(row.ids)] = torch.tensor(row.answer)
    began = time.perf_counter()
    model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--sample", default="knowledge")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    base, tokenizer = load_base(fetch(GENERATOR, MODELS))
    config = PRESETS["quick"]
    sample = read_sample(arguments.sample)
    rows = [TrainingRow(e) for e in sample_examples(sample) if e.split is Split.TRAIN]
    batches = Batches(tokenizer, rows, sample.instruction, config, 2048)
    model = with_adapter(base, config).train()
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    encoded = encode_plain(tokenizer, rows, sample.instruction, 2048)
    chance = random.Random(0)
    seconds_of(model, optimiser, list(batches(0)))  # the first step allocates
    shares, speeds, row_speeds, padded, limits = [], [], [], [], []
    for step in range(arguments.steps):
        before = gigaflops()
        packs = list(batches(step))
        taken = seconds_of(model, optimiser, packs)
        limit = (before + gigaflops()) / 2
        tokens = sum(pack.n_tokens for pack in packs)
        speeds.append(tokens / taken)
        limits.append(limit)
        shares.append(sum(needed_gigaflops(model, pack) for pack in packs) / taken / limit)
        chosen = chance.sample(encoded, config.batch_size)
        packed_rows = [build_pack(group_rows(chosen, 1400))]
        row_speeds.append(config.batch_size / seconds_of(model, optimiser, packed_rows))
        padded.append(config.batch_size / padded_step(model, optimiser, chosen))
    median = statistics.median
    print(f"{torch.get_num_threads()} threads, {arguments.sample}, {arguments.steps} steps")
    print(f"multiplication      {median(limits):7.0f} GFLOP/s")
    print(f"training            {median(speeds):7.0f} packed tokens/s")
    print(f"share of the limit  {median(shares):7.0%}  (least {min(shares):.0%})")
    print(f"packed              {median(row_speeds):7.2f} rows/s")
    print(f"padded, one by one  {median(padded):7.2f} rows/s")
    gain = [a / b for a, b in zip(row_speeds, padded, strict=True)]
    print(f"packing is faster   {median(gain):7.2f} x")


if __name__ == "__main__":
    main()
