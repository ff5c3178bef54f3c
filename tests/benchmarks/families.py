"""Decoding four rows of other families together against one after the other, in the same run.

    python -m tests.benchmarks.families

Models with random weights, wide enough that reading them costs what it does in real ones (about 30
million values): what is compared is the way, not the models. The ratio is the median over rounds
that take turns, in seconds of one processor, which others on the machine hardly change; tokens have
to be the same.
"""

from __future__ import annotations

import statistics
import time

import torch
import transformers

from ragft_core.models.engine.decoder import Segment
from ragft_core.models.engine.generic import GenericDecoder
from tests.models.test_families import FAMILIES, HEADS, SMALL, random_lora

ROWS, TOKENS, ROUNDS = 4, 24, 3
WIDE = {
    "hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 8, "vocab_size": 8192,
    "num_attention_heads": 8,
}  # fmt: skip
# The same sizes where a family has names of its own for them.
OWN = {
    "OPT": {"ffn_dim": 1536, "word_embed_proj_dim": 512},
    "GPT2": {"n_embd": 512, "n_layer": 8, "n_head": 8, "n_positions": 256},
    **{name: {"head_dim": 64} for name in ("Gemma2", "Gemma3Text", "Qwen3")},
}


def decode(decoder: GenericDecoder, together: bool, loras: list) -> tuple[list[list[int]], float]:
    rows = [(decoder.new_cache(0), range(1 + n, 30 + 9 * n)) for n in range(ROWS)]
    made = []
    for (cache, ids), lora in zip(rows, loras, strict=True):
        made.append([int(decoder.forward([Segment(ids, cache, lora)])[0][-1].argmax())])
    began = time.process_time()
    for _ in range(TOKENS):
        segments = [
            Segment(tokens[-1:], cache, lora)
            for tokens, (cache, _), lora in zip(made, rows, loras, strict=True)
        ]
        parts = [segments] if together else [[segment] for segment in segments]
        logits = [one for part in parts for one in decoder.forward(part)]
        for tokens, found in zip(made, logits, strict=True):
            tokens.append(int(found[-1].argmax()))
    return made, time.process_time() - began


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'family':12} {'together':>9} {'alone':>9} {'ratio':>6}  same tokens")
    for name, extra in {"Llama": {"num_key_value_heads": 2}, **FAMILIES}.items():
        torch.manual_seed(1)
        config = getattr(transformers, f"{name}Config")(**SMALL | extra | WIDE | OWN.get(name, {}))
        kind = getattr(transformers, HEADS.get(name, f"{name}ForCausalLM"))
        model = kind(config).eval()
        decoder = GenericDecoder(model)
        one, other = random_lora(model, 1), random_lora(model, 2)
        times, same = [], True
        for _ in range(ROUNDS):
            batch, fast = decode(decoder, True, [None, None, one, other])
            rows, slow = decode(decoder, False, [None, None, one, other])
            times.append((fast, slow))
            same = same and batch == rows
        fast, slow = (ROWS * TOKENS / statistics.median(t) for t in zip(*times, strict=True))
        print(f"{name:12} {fast:7.0f}/s {slow:7.0f}/s {fast / slow:6.2f}  {same}", flush=True)


if __name__ == "__main__":
    main()
