"""Packed weights, growing text, prefixes and sampling, each by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ragft_core.models.engine.kv_cache import PrefixCache, RowCache
from ragft_core.models.engine.prompt_lookup import PromptLookup, lookup
from ragft_core.models.engine.sampling import Sampler
from ragft_core.models.kernels.matmul import compile_kernels
from ragft_core.models.kernels.quantized import pack, pack_all, pack_fp32
from ragft_core.models.tokens import Detokeniser
from ragft_core.models.weights.loading import load_base
from ragft_core.types import Sampling


def on_grid(kind: str, outputs: int = 64, inputs: int = 96) -> torch.Tensor:
    """A matrix as a 4-bit, 8-bit or bf16 file holds it."""
    torch.manual_seed(0)
    if kind == "bf16":
        return torch.randn(outputs, inputs).bfloat16().float()
    scale = (torch.rand(outputs, inputs // 32, 1) + 0.1).half().float()
    if kind == "q8":
        level = torch.randint(-127, 128, (outputs, inputs // 32, 32)).float()
        level[..., 0] = 127
        return (scale * level).view(outputs, inputs)
    level = torch.randint(0, 16, (outputs, inputs // 32, 32)).float()
    level[..., 0], level[..., 1] = 0, 15
    offset = (-8 * scale).half().float()
    return (scale * level + offset).view(outputs, inputs)


@pytest.mark.parametrize("kind", ["q4", "q8", "bf16"])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 11])
def test_a_packed_product_equals_the_fp32_one(kind: str, rows: int) -> None:
    kernels = compile_kernels()
    if kernels is None:
        pytest.skip("llvmlite has no kernels for this processor")
    weight = on_grid(kind)
    packed = pack(weight)
    assert packed is not None
    assert packed.kind == kind
    x = torch.randn(rows, weight.shape[1])
    exact = (x.double() @ weight.double().T).float()
    found = kernels.product(x, packed.data, kind)
    assert (found - exact).abs().max() < 1e-5 * exact.abs().max()


def test_weights_that_would_lose_something_are_not_packed() -> None:
    assert pack(torch.randn(64, 96)) is None
    changed = on_grid("q4")
    changed[3, 40] += 1e-3
    assert pack(changed) is None


def test_packing_is_done_once_and_again_when_damaged(tmp_path: Path) -> None:
    file = tmp_path / "packed.safetensors"
    weights = {"a": on_grid("q4"), "b": torch.randn(64, 96)}
    first = pack_all(weights, file)
    assert list(first) == ["a"]
    kept = pack_all({}, file)
    assert torch.equal(kept["a"].data, first["a"].data)
    file.write_bytes(b"damaged")
    assert list(pack_all(weights, file)) == ["a"]


@pytest.mark.parametrize("text", ["plain words", "Zürich — 東京 🙂🙂 done", "tab\tand\nline"])
def test_text_that_grows_by_tokens_is_the_text(tiny_model: Path, text: str) -> None:
    _, tokenizer = load_base(tiny_model)
    detokeniser = Detokeniser(tokenizer)
    for token in tokenizer(text, add_special_tokens=False).input_ids:
        detokeniser.add(token)
        assert text.startswith(detokeniser.text)
        assert "\ufffd" not in detokeniser.text
    assert detokeniser.finish() == text


def test_a_stop_text_is_never_shown_in_part(tiny_model: Path) -> None:
    _, tokenizer = load_base(tiny_model)
    detokeniser = Detokeniser(tokenizer, ["<end>", "\n\n"])
    for token in tokenizer("a < b\nand c <end> more", add_special_tokens=False).input_ids:
        detokeniser.add(token)
        assert "a < b\nand c ".startswith(detokeniser.text)
        if detokeniser.stopped:
            break
    assert detokeniser.finish() == "a < b\nand c "


def cache(length: int) -> RowCache:
    row = RowCache(torch.randn(2, 2, length, 4), torch.randn(2, 2, length, 4))
    row.length = length
    return row


def test_the_longest_common_beginning_is_found_for_the_same_adapter_only() -> None:
    prefixes = PrefixCache(10**9)
    ids = list(range(40))
    prefixes.keep("", ids[:20], cache(20))
    prefixes.keep("", [*ids[:30], 99, 98], cache(32))
    prefixes.keep("a", ids, cache(40))
    assert prefixes.find("", ids)[1] == 30
    assert prefixes.find("b", ids)[1] == 0
    assert prefixes.find("a", ids)[1] == 39, "the last token is run again for its logits"


def test_the_least_recently_used_prefix_goes_first() -> None:
    prefixes = PrefixCache(2 * cache(20).n_bytes)
    for start in (0, 100):
        prefixes.keep("", list(range(start, start + 20)), cache(20))
    prefixes.find("", list(range(20)))
    prefixes.keep("", list(range(200, 220)), cache(20))
    assert prefixes.find("", list(range(20)))[1] == 19
    assert prefixes.find("", list(range(100, 120)))[1] == 0


def test_a_guess_is_what_followed_last_time() -> None:
    assert lookup([1, 2, 3, 4, 5, 6, 1, 2, 3], 3) == [4, 5, 6]
    assert lookup([1, 2, 3, 4], 3) == []


def test_wrong_guesses_pause_guessing() -> None:
    prompt_lookup = PromptLookup()
    ids = [1, 2, 3, 4, 5, 6, 1, 2, 3]
    for _ in range(3):
        prompt_lookup.pause = 0
        prompt_lookup.update(len(prompt_lookup.propose(ids, 7)), 0)
    assert prompt_lookup.propose(ids, 7) == []


def test_a_small_top_p_leaves_the_best_token() -> None:
    sampler = Sampler(Sampling(temperature=1.0, top_p=0.01))
    assert sampler.choose(torch.tensor([0.0, 0.1, 3.0, 0.2])) == 2


def test_greedy_ties_are_counted() -> None:
    sampler = Sampler(Sampling())
    assert sampler.choose(torch.tensor([1.0, 1.0005, 0.0])) == 1
    assert sampler.choose(torch.tensor([1.0, 2.0, 0.0])) == 1
    assert sampler.ties == 1


@pytest.mark.parametrize("shape", [(48, 96), (17, 40)])
def test_any_fp32_matrix_can_be_packed_with_padding(shape: tuple[int, int]) -> None:
    kernels = compile_kernels()
    if kernels is None:
        pytest.skip("llvmlite has no kernels for this processor")
    weight = torch.randn(shape)
    packed = pack_fp32(weight)
    x = torch.nn.functional.pad(torch.randn(3, shape[1]), (0, -shape[1] % 32))
    found = kernels.product(x, packed.data, packed.kind)[:, : shape[0]]
    assert torch.allclose(found, x[:, : shape[1]] @ weight.T, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\nHm.\n</think>\n\nTwelve.", "Hm.", "Twelve."),
        ("Hm, the manual.</think>Twelve.", "Hm, the manual.", "Twelve."),
        ("<think>cut short", "cut short", ""),
        ("Twelve.", "", "Twelve."),
        ("Use <b> or <think> tags.", "", "Use <b> or <think> tags."),
        ("<thinking>a</thinking> b", "a", "b"),
    ],
)
def test_a_thought_is_parted_from_its_answer(text: str, thought: str, answer: str) -> None:
    from ragft_core.models.tokens import part_thought

    assert part_thought(text) == (thought, answer)


def test_templates_that_can_think_are_told_not_to(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    from ragft_core.models.tokens import render_chat
    from ragft_core.types import Message

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = (
        "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
        "{{ date_string if date_string is defined else strftime_now('%d') }}"
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    assert render_chat(tokenizer, (Message("user", "Hi"),)) == "<think></think>01 Jan 2026Hi"
    assert render_chat(tokenizer, (Message("user", "Hi"),), thinking=True) == "01 Jan 2026Hi"
