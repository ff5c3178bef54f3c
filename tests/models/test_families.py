"""Other families as tiny models: loaded, asked, trained, asked with what was trained."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.rows.packing import (
    EncodedRow,
    Group,
    build_pack,
    packing_holds,
    summed_loss,
)
from ragft_core.finetuning.training.base_model import linear_layers, with_adapter
from ragft_core.finetuning.training.optimise import Schedule, make_optimiser, optimise
from ragft_core.models.engine.decoder import Segment
from ragft_core.models.engine.generic import GenericDecoder
from ragft_core.models.engine.llama import LlamaDecoder, try_llama
from ragft_core.models.engine.lora import Lora, Projection
from ragft_core.models.factory import open_folder
from ragft_core.models.weights.folders import check_folder
from ragft_core.models.weights.loading import load_base, weights_digest
from ragft_core.settings import Settings
from ragft_core.types import Adapter
from tests.models.helpers import FAMILIES, SMALL, ask, finder, make_family

if TYPE_CHECKING:
    import torch

ROWS = [EncodedRow((5, 6, 7, 8 + n), (20 + n, 30 + n, 0)) for n in range(4)]


@pytest.fixture(scope="module")
def family(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a folder with a random model of a family and the tiny model's tokenizer."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = make_family(name, tiny_model, tmp_path_factory.mktemp(name))
        return made[name]

    return make


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_loaded_asked_and_trained(
    name: str, family: Callable[[str], Path], settings: Settings, tmp_path: Path
) -> None:
    folder = family(name)
    base, _ = load_base(folder)
    layers = linear_layers(base)
    attention, others = linear_layers(base, "attention"), linear_layers(base, "mlp")
    assert layers == sorted([*attention, *others])
    assert attention
    assert others
    model = with_adapter(base, RunConfig(rank=8, alpha=32))
    packs = [build_pack([Group(tuple(ROWS), 3)])] if packing_holds(model, ROWS) else []
    assert packs, "rows leak into each other"
    before = summed_loss(model, packs[0]).item()
    optimise(
        model, make_optimiser(model, Schedule(20, 0.02)), Schedule(20, 0.02), lambda step: packs
    )
    model.eval()
    assert summed_loss(model, packs[0]).item() < 0.995 * before
    model.save_pretrained(tmp_path)
    adapter = Adapter("t", "Trained", weights_digest(folder), str(tmp_path), 8)
    engine = open_folder(folder, settings, finder({"t": adapter}))
    plain, tuned = (engine.submit(ask("how many days", who, n=8)) for who in (None, "t"))
    alone = engine.submit(ask("how many days", n=8)).result(60).text
    assert plain.result(60).text == alone
    assert tuned.result(60).completion_tokens > 0
    engine.close()


def random_lora(model: object, seed: int) -> Lora:
    """An adapter of every projection, with weights that change answers."""
    import torch

    noise = torch.Generator().manual_seed(seed)
    wanted = tuple(linear_layers(model))
    modules = {name: m for name, m in model.named_modules() if name.endswith(wanted)}

    def part(*shape: int) -> torch.Tensor:
        return 0.2 * torch.randn(shape, generator=noise)

    projections = {}
    for layer, module in modules.items():
        weight, turned = module.weight, type(module).__name__ == "Conv1D"
        n_in, n_out = tuple(weight.shape) if turned else tuple(weight.shape)[::-1]
        projections[layer] = Projection(part(4, n_in), part(n_out, 4))
    return Lora(f"random-{seed}", projections)


def decoded(
    decoder: GenericDecoder, rows: dict[int, Lora | None], n: int, join: int = 0
) -> dict[int, list[int]]:
    """Greedy tokens of rows by their number; row ``k`` joins ``join * k`` passes after the first."""
    state, made = {}, {row: [] for row in rows}
    for step in range(n + join * max(rows)):
        for row in rows:
            if step == join * row:
                prompt = [(7 * row + k) % 500 + 1 for k in range(9 + 5 * row)]
                state[row] = (decoder.new_cache(0), prompt)
        running = {row: (c, ids) for row, (c, ids) in state.items() if len(made[row]) < n}
        segments = [Segment(ids, cache, rows[row]) for row, (cache, ids) in running.items()]
        for row, logits in zip(running, decoder.forward(segments), strict=True):
            made[row].append(int(logits[-1].argmax()))
            state[row] = (state[row][0], made[row][-1:])
    return made


@pytest.mark.parametrize("name", ["Llama", *FAMILIES])
def test_rows_decode_together_as_they_do_alone(
    name: str, family: Callable[[str], Path], tiny_model: Path
) -> None:
    """Four arms, two adapters; rows join one after the other, and leave."""
    model, _ = load_base(tiny_model if name == "Llama" else family(name))
    decoder = GenericDecoder(model)
    assert decoder.batches
    first, second = random_lora(model, 1), random_lora(model, 2)
    rows = {0: None, 1: first, 2: second, 3: first}
    alone = {row: decoded(decoder, {row: lora}, 12, 3)[row] for row, lora in rows.items()}
    assert decoded(decoder, rows, 12, 3) == alone
    assert decoded(decoder, rows, 12) == alone
    assert len(set(map(tuple, alone.values()))) > 2


def test_an_adapter_changes_no_bit_of_its_neighbours(family: Callable[[str], Path]) -> None:
    model, _ = load_base(family("Qwen3"))
    decoder = GenericDecoder(model)

    def logits(neighbour: Lora | None) -> list:
        segments = []
        for row, lora in enumerate((None, neighbour, None)):
            cache = decoder.new_cache(0)
            decoder.forward([Segment(range(5, 9 + row), cache, lora)])
            segments.append(Segment((3,), cache, lora))
        return decoder.forward(segments)

    plain, mixed = logits(None), logits(random_lora(model, 1))
    assert [bool((a == b).all()) for a, b in zip(plain, mixed, strict=True)] == [True, False, True]


def test_a_model_whose_rows_do_not_batch_runs_row_by_row(family: Callable[[str], Path]) -> None:
    """One that ignores the mask of its padding, as recurrent layers do."""
    model, _ = load_base(family("Qwen3"))
    forward = model.forward

    @functools.wraps(forward)
    def blind(*args, attention_mask=None, **options):
        return forward(*args, **options)

    model.forward = blind
    decoder = GenericDecoder(model)
    assert not decoder.batches
    rows = {0: None, 1: random_lora(model, 1)}
    alone = {row: decoded(decoder, {row: lora}, 6)[row] for row, lora in rows.items()}
    assert decoded(decoder, rows, 6) == alone


def test_the_text_part_of_a_model_that_sees_is_taken(
    tiny_model: Path, settings: Settings, tmp_path: Path
) -> None:
    """Gemma 3 as it is published, with eyes: its files name the whole, the lab loads the text."""
    import torch
    from transformers import AutoTokenizer, Gemma3Config, Gemma3ForConditionalGeneration

    eyes = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    text = SMALL | FAMILIES["Gemma3Text"]
    torch.manual_seed(1)
    whole = Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=text, vision_config=eyes, mm_tokens_per_image=4)
    ).eval()
    whole.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    model, _ = load_base(tmp_path)
    assert type(model).__name__ == "Gemma3ForCausalLM"
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        assert torch.allclose(model(input_ids=ids).logits, whole(input_ids=ids).logits, atol=1e-5)
    facts = check_folder(tmp_path)
    assert (facts.family, facts.layers) == ("gemma3_text", 2)
    assert facts.parameters == sum(p.numel() for p in model.parameters())


def test_qwen3_goes_the_fast_way(family: Callable[[str], Path], settings: Settings) -> None:
    """With norms of its heads that are not all ones, as trained models have them."""
    import torch

    model, _ = load_base(family("Qwen3"))
    for layer in model.model.layers:
        for norm in (layer.self_attn.q_norm, layer.self_attn.k_norm):
            torch.nn.init.uniform_(norm.weight, 0.5, 2.0)
    generic = GenericDecoder(model)
    first, second = random_lora(model, 1), random_lora(model, 2)
    rows = {0: None, 1: first, 2: second, 3: first}
    wanted = decoded(generic, rows, 12, 3)
    fast = try_llama(model)
    assert fast is not None
    assert fast_decoded(fast, rows, 12) == wanted


def fast_decoded(decoder: LlamaDecoder, rows: dict[int, Lora | None], n: int) -> dict:
    found = {}
    for row, lora in rows.items():
        prompt = [(7 * row + k) % 500 + 1 for k in range(9 + 5 * row)]
        cache, made = decoder.new_cache(len(prompt) + n), []
        while len(made) < n:
            (logits,) = decoder.forward([Segment(prompt, cache, lora)])
            prompt = [int(logits[-1].argmax())]
            made += prompt
        found[row] = made
    return found


@pytest.mark.parametrize("name", ["Granite", "Cohere", "Gemma2", "GPTNeoX", "Phi3"])
def test_the_loss_is_the_models_own(name: str, family: Callable[[str], Path]) -> None:
    import torch

    base, _ = load_base(family(name))
    row = ROWS[0]
    ids = torch.tensor([row.ids])
    labels = ids.clone()
    labels[0, : len(row.prompt)] = -100
    with torch.no_grad():
        own = float(base(input_ids=ids, labels=labels).loss) * len(row.answer)
        ours = float(summed_loss(base, build_pack([Group((row,), 0)])))
    assert ours == pytest.approx(own, rel=1e-4)


def test_rows_that_leak_are_told(family: Callable[[str], Path]) -> None:
    """A model that ignores the mask, as recurrent layers do."""
    base, _ = load_base(family("Qwen3"))
    assert packing_holds(base, ROWS)
    forward = base.forward

    def ignoring(attention_mask=None, **rest):  # noqa: ANN001, ANN003, ANN202
        return forward(**rest)

    base.forward = functools.wraps(forward)(ignoring)
    assert not packing_holds(base, ROWS)
