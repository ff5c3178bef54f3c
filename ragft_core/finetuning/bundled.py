"""Trains the two adapters that come with the product: the reader and the question writer.

    python -m ragft_core.finetuning.bundled reader --data train.jsonl --out adapters/reader

The data are JSON lines (``source, doc, context, question, answer``) or a SQuAD-format file. Seeds
are fixed; a run that was interrupted continues from its last checkpoint when started again. It
uses a GPU where there is one.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.finetuning.optimise import Schedule, Step, make_optimiser, optimise
from ragft_core.finetuning.packing import Pack, Row, build_pack, group_rows
from ragft_core.finetuning.reading_data import Turn, load_readings, reader_packs, writer_packs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LONGEST = 1400
PACKS_PER_STEP = {"reader": 2, "writer": 5}
CHECKPOINT_EVERY = 50


def encode(tokenizer: PreTrainedTokenizerBase, turn: Turn) -> Row:
    """Tokenises a turn; the answer ends with the token that ends a turn."""
    messages = [{"role": m.role, "content": m.content} for m in turn.messages]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt_ids = tokenizer(prompt, add_special_tokens=False).input_ids
    answer_ids = tokenizer(turn.answer, add_special_tokens=False).input_ids
    return Row(tuple(prompt_ids), (*answer_ids, tokenizer.eos_token_id))


def make_packs(role: str, data: Path, tokenizer: PreTrainedTokenizerBase, seed: int) -> list[Pack]:
    """One epoch of packs in training order."""
    lists = {"reader": reader_packs, "writer": writer_packs}[role]
    packs = []
    for turns in lists(load_readings(data), seed):
        rows = [encode(tokenizer, turn) for turn in turns]
        groups = group_rows(rows, LONGEST)
        fitting = [group for group in groups if group.n_tokens <= LONGEST]
        if fitting:
            packs.append(build_pack(fitting))
    random.Random(seed).shuffle(packs)
    return packs


def train(arguments: argparse.Namespace) -> None:
    """Trains one adapter and leaves it in ``out``, with ``metrics.jsonl`` beside it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(arguments.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    base = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).to(device)
    config = LoraConfig(
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        target_modules=list(TARGETS),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    packs = make_packs(arguments.role, arguments.data, tokenizer, arguments.seed)
    size = PACKS_PER_STEP[arguments.role]
    per_epoch = len(packs) // size
    schedule = Schedule(
        steps=arguments.steps or round(per_epoch * arguments.epochs),
        learning_rate=arguments.learning_rate,
    )
    optimiser = make_optimiser(model, schedule)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    state = out / "state.safetensors"
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    start = 0
    if state.exists():
        start = _restore(load_file(state), trained, optimiser)
        print(f"continuing after step {start}", flush=True)
    began = time.time()
    log = (out / "metrics.jsonl").open("a", encoding="utf-8")

    def packs_of(number: int) -> Sequence[Pack]:
        first = number % per_epoch * size
        return packs[first : first + size]

    def after_step(step: Step) -> bool:
        row = {"step": step.number, "loss": step.loss, "tokens": step.n_tokens}
        log.write(json.dumps(row | {"s": time.time() - began}) + "\n")
        log.flush()
        if step.number % CHECKPOINT_EVERY == 0 or step.number == schedule.steps:
            save_file(_snapshot(trained, optimiser, step.number), out / "state.tmp")
            (out / "state.tmp").replace(state)
            print(f"{step.number}/{schedule.steps} {step.loss:.3f}", flush=True)
        return True

    optimise(model, optimiser, schedule, packs_of, start=start, after_step=after_step)
    model.save_pretrained(out)
    _halve(out / "adapter_model.safetensors")
    state.unlink()


def _snapshot(trained: dict, optimiser: object, step: int) -> dict:
    import torch

    tensors = {"step": torch.tensor(step)}
    for name, parameter in trained.items():
        tensors[f"weight/{name}"] = parameter.detach().contiguous()
        for key, value in optimiser.state[parameter].items():  # type: ignore[attr-defined]
            tensors[f"{key}/{name}"] = value.contiguous()
    return tensors


def _restore(tensors: dict, trained: dict, optimiser: object) -> int:
    for name, parameter in trained.items():
        parameter.data.copy_(tensors[f"weight/{name}"])
        optimiser.state[parameter] = {  # type: ignore[attr-defined]
            key: tensors[f"{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
        }
    return int(tensors["step"])


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
