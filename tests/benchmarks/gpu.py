"""What a GPU brings: asking, several rows at once, training, and memory against what was reckoned.

    python -m tests.benchmarks.gpu          # where a GPU is at hand; says so where none is
    python -m tests.benchmarks.gpu --cpu    # the same script on a small model and the CPU

Models are of a real one's shape with random weights: what is measured is the way, not the model.
"Alone" counts the rows whose tokens are those of the row alone; in 16 bits a near tie may fall the
other way, in fp32 none should. "Base" says that the base's tokens stayed the same beside adapters.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from ragft_core.errors import ModelError
from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.rows.packing import EncodedRow, Group, build_pack
from ragft_core.finetuning.training.base_model import with_adapter
from ragft_core.finetuning.training.optimise import Schedule, make_optimiser, optimise
from ragft_core.models.factory import open_folder
from ragft_core.models.weights import GENERATOR, check_folder, choose_device, fetch, load_base
from ragft_core.models.weights.device import reckon, training_bytes
from ragft_core.settings import Settings
from ragft_core.types import Message, Request, Sampling
from tests.conftest import MODELS
from tests.models.helpers import finder, make_adapter

SHAPES = {
    "small": {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4},
    "0.5B": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24},
    "3B": {"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 26},
}
TOKENS, STEPS = 64, 6
QUESTIONS = ("What is the capital of France?", "How many days has a week?", "Who?", "And why so?")
HEADINGS = ("shape", "device", "pass", "reckoned", "taken", "1 row", "4 rows", "alone", "base")


def make_model(shape: str, folder: Path) -> Path:
    """A folder with a random model as published ones are: bf16, with the bundled one's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(fetch(GENERATOR, MODELS))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_attention_heads=8, num_key_value_heads=4,
        max_position_embeddings=4096, tie_word_embeddings=True, eos_token_id=2, **SHAPES[shape],
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def taken(kind: str, before: int) -> float:
    """GB at the peak on a GPU, now on a CPU."""
    if kind.startswith("cuda"):
        return torch.cuda.max_memory_allocated(kind) / 1e9
    return (psutil.Process().memory_info().rss - before) / 1e9


def forget(kind: str) -> int:
    if kind.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(kind)
    return psutil.Process().memory_info().rss


def asking(shape: str, folder: Path, settings: Settings, adapters: dict) -> None:
    device, facts = choose_device(settings), check_folder(folder)
    before = forget(device.kind)
    engine = open_folder(folder, settings, finder(adapters))
    sampling = Sampling(max_new_tokens=TOKENS)
    requests = [
        Request((Message("user", text),), adapter, sampling)
        for text, adapter in zip(QUESTIONS, (None, None, "one", "other"), strict=True)
    ]
    engine.submit(replace(requests[0], sampling=Sampling(max_new_tokens=4))).result(600)
    began = time.perf_counter()
    alone = [engine.submit(request).result(600).text for request in requests]
    slow = time.perf_counter() - began
    began = time.perf_counter()
    running = [engine.submit(request) for request in requests]
    together = [one.result(600).text for one in running]
    fast = time.perf_counter() - began
    kind = type(engine._decoder).__name__.removesuffix("Decoder")
    same = sum(a == b for a, b in zip(alone, together, strict=True))
    base = engine.submit(requests[0]).result(600).text == alone[0]
    memory = reckon(facts, device).asking / 1e9
    row = (
        shape, device.text, kind, f"{memory:.2f} GB", f"{taken(device.kind, before):.2f} GB",
        f"{4 * TOKENS / slow:.0f}/s", f"{4 * TOKENS / fast:.0f}/s", f"{same} of 4", str(base),
    )  # fmt: skip
    print("  ".join(cell.ljust(12) for cell in row), flush=True)
    engine.close()


def training(shape: str, folder: Path, settings: Settings) -> None:
    device, facts = choose_device(settings).for_training(), check_folder(folder)
    before = forget(device.kind)
    base, _ = load_base(folder, device)
    model = with_adapter(base, RunConfig(rank=16, alpha=32))
    rows = tuple(EncodedRow(tuple(range(9, 73)), tuple(range(5 + n, 21 + n))) for n in range(16))
    packs = [build_pack([Group(rows, 63)])]
    schedule = Schedule(STEPS, 1e-4)
    ends: list[float] = []
    losses: list[float] = []

    def after(step: object) -> bool:
        losses.append(step.loss)  # type: ignore[attr-defined]
        ends.append(time.perf_counter())
        return True

    optimise(model, make_optimiser(model, schedule), schedule, lambda _: packs, after_step=after)
    speed = packs[0].n_tokens * (len(ends) - 1) / (ends[-1] - ends[0])
    reckoned = training_bytes(facts, device, 16, packs[0].n_tokens) / 1e9
    print(
        f"{shape}: training on {device.text}: {speed:.0f} tokens/s, reckoned {reckoned:.2f} GB, "
        f"taken {taken(device.kind, before):.2f} GB, loss {losses[0]:.2f} to {losses[-1]:.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="Run on the CPU, with a small model.")
    parser.add_argument("--precision", help="Only this one: fp32, bf16, fp16 or 4bit.")
    arguments = parser.parse_args()
    on_cpu = arguments.cpu
    best = choose_device(Settings(device="cpu" if on_cpu else "", precision=""))
    if not on_cpu and not best.is_gpu:
        print("No GPU is at hand: torch finds neither CUDA nor Metal here. Try --cpu.")
        return
    kinds = ["fp32", "bf16"] + ["fp16"] * best.is_gpu
    if importlib.util.find_spec("bitsandbytes"):
        kinds.append("4bit")
    print("  ".join(cell.ljust(12) for cell in HEADINGS))
    for shape in ["0.5B", "3B"] if best.is_gpu else ["small"]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = make_model(shape, Path(scratch) / "model")
            adapters = {
                name: make_adapter(folder, Path(scratch) / name, seed, std=0.05)
                for seed, name in enumerate(("one", "other"))
            }
            for precision in [arguments.precision] if arguments.precision else kinds:
                chosen = Settings(device=best.kind, precision=precision)
                steps = (
                    partial(asking, shape, folder, chosen, adapters),
                    partial(training, shape, folder, chosen),
                )
                for step in steps:
                    try:
                        step()
                    except (ModelError, RuntimeError) as error:
                        print(f"{shape} in {precision}: {error}", flush=True)


if __name__ == "__main__":
    main()
