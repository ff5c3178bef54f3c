"""Packing changes the cost of training, never its result."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from ragft_core.finetuning.rows.packing import (
    EncodedRow,
    build_pack,
    group_rows,
    loss_and_recited,
    pack_groups,
    shared_prefix,
    summed_loss,
)
from ragft_core.models.weights.loading import load_base


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()


def random_rows(n: int, seed: int = 0) -> list[EncodedRow]:
    """Rows in families that share a beginning of random length."""
    chance = random.Random(seed)
    rows = []
    while len(rows) < n:
        start = [chance.randrange(3, 300) for _ in range(chance.randrange(0, 30))]
        for _ in range(chance.randrange(1, 5)):
            rest = [chance.randrange(3, 300) for _ in range(chance.randrange(1, 12))]
            answer = [chance.randrange(3, 300) for _ in range(chance.randrange(1, 6))]
            rows.append(EncodedRow(tuple(start + rest), tuple(answer)))
    return rows[:n]


def alone(model: torch.nn.Module, row: EncodedRow) -> torch.Tensor:
    """The loss of one row by transformers itself, without any of our masks."""
    logits = model(torch.tensor([row.ids])).logits[0]
    predicting = logits[len(row.prompt) - 1 : len(row.ids) - 1]
    return torch.nn.functional.cross_entropy(predicting, torch.tensor(row.answer), reduction="sum")


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_of_a_pack_is_that_of_its_rows_one_by_one(
    model: torch.nn.Module, seed: int
) -> None:
    rows = random_rows(24, seed)
    packs = list(pack_groups(group_rows(rows, 200), 200))
    with torch.no_grad():
        packed = sum(summed_loss(model, pack).item() for pack in packs)
        single = sum(alone(model, row).item() for row in rows)
    assert packed == pytest.approx(single, rel=1e-5)


def test_the_gradient_of_a_pack_is_that_of_its_rows_one_by_one(model: torch.nn.Module) -> None:
    rows = random_rows(12, 7)
    weight = model.model.layers[0].self_attn.q_proj.weight

    def gradient(loss: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(loss, weight)[0]

    packs = list(pack_groups(group_rows(rows, 400), 400))
    packed = sum(gradient(summed_loss(model, pack)) for pack in packs)
    single = sum(gradient(alone(model, row)) for row in rows)
    assert torch.allclose(packed, single, atol=1e-5, rtol=1e-4)


def test_no_row_sees_another(model: torch.nn.Module) -> None:
    """Changing one row's tokens leaves every other row's loss bit for bit the same."""
    first, second = EncodedRow((5, 6, 7, 8), (9, 10)), EncodedRow((5, 6, 7, 20), (21,))
    changed = EncodedRow((5, 6, 7, 99), (77,))
    with torch.no_grad():
        both = summed_loss(model, build_pack(group_rows([first, second], 100)))
        other = summed_loss(model, build_pack(group_rows([first, changed], 100)))
        difference = alone(model, second) - alone(model, changed)
    assert (both - other).item() == pytest.approx(difference.item(), rel=1e-4)


def test_shared_beginnings_are_stored_once() -> None:
    rows = [EncodedRow((*range(100), 200 + i), (300 + i,)) for i in range(8)]
    (group,) = group_rows(rows, 1000)
    assert group.shared == 100
    assert group.n_tokens == 100 + 8 * 2


def test_a_branch_keeps_at_least_one_prompt_token() -> None:
    rows = [EncodedRow((1, 2, 3), (4,)), EncodedRow((1, 2, 3), (5,))]
    assert shared_prefix(rows) == 2


def test_every_row_is_packed_exactly_once_and_within_capacity() -> None:
    rows = random_rows(60, 3)
    packs = list(pack_groups(group_rows(rows, 150), 150))
    trained = sorted(tuple(np.sort(pack.target)) for pack in packs)
    assert sum(len(t) for t in trained) == sum(len(row.answer) for row in rows)
    assert all(pack.n_tokens <= 150 for pack in packs)


def test_recited_is_what_greedy_decoding_writes(tiny_model: Path) -> None:
    """Teacher forcing sees an exact answer where, and only where, decoding gives it."""
    model, tokenizer = load_base(tiny_model)
    prompts = ["What is red?", "Who sings?", "How far is it to the sea?"]
    rows = []
    for place, prompt in enumerate(prompts):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            written = model.generate(
                input_ids=ids, max_new_tokens=5, do_sample=False, eos_token_id=None
            )
        answer = written[0, ids.shape[1] :].tolist()
        if place == 1:
            answer[3] = (answer[3] + 1) % model.config.vocab_size
        rows.append(EncodedRow(tuple(ids[0].tolist()), tuple(answer)))
    pack = build_pack(group_rows(rows, 1000))
    assert pack.n_rows == 3
    with torch.no_grad():
        loss, recited = loss_and_recited(model, pack)
    assert recited == 2
    assert float(loss) == pytest.approx(float(summed_loss(model, pack)))
