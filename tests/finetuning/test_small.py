"""Adapters cut small: half precision, and a change of low rank beside what they began as."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ragft_core.finetuning.adapters import CARD, CONFIG, WEIGHTS, check_adapter
from ragft_core.finetuning.exporting import DIFFERENCE, cut_adapter, halve_adapter, join_adapter
from ragft_core.workspace import file_digest, read_json, write_json

LAYERS = ("layers.0.q_proj", "layers.1.down_proj")


def written(folder: Path, tensors: dict[str, torch.Tensor], rank: int, alpha: int) -> Path:
    folder.mkdir()
    save_file(tensors, folder / WEIGHTS)
    write_json(folder / CONFIG, {"peft_type": "LORA", "r": rank, "lora_alpha": alpha})
    write_json(folder / CARD, {"name": folder.name, "rank": rank})
    return folder


def drawn(rank: int, seed: int) -> dict[str, torch.Tensor]:
    make = torch.Generator().manual_seed(seed)
    return {
        f"{layer}.lora_{part}.weight": torch.randn(shape, generator=make)
        for layer in LAYERS
        for part, shape in (("A", (rank, 12)), ("B", (10, rank)))
    }


def products(folder: Path) -> list[torch.Tensor]:
    tensors, config = load_file(folder / WEIGHTS), read_json(folder / CONFIG)
    scale = config["lora_alpha"] / config["r"]
    return [
        scale * tensors[f"{x}.lora_B.weight"].float() @ tensors[f"{x}.lora_A.weight"].float()
        for x in LAYERS
    ]


def test_half_precision_keeps_what_an_adapter_computes(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", drawn(3, 1), 3, 6)
    before, size = products(folder), (folder / WEIGHTS).stat().st_size
    halve_adapter(folder)
    check_adapter(folder)  # the card has the new digest
    assert (folder / WEIGHTS).stat().st_size < size
    for old, new in zip(before, products(folder), strict=True):
        assert torch.allclose(old, new, atol=0.05)


def test_a_change_of_low_rank_is_kept_whole_and_put_together_again(tmp_path: Path) -> None:
    start = written(tmp_path / "start", {k: v.half() for k, v in drawn(4, 1).items()}, 4, 8)
    # Trained from the start on, at another scale, and changed by one rank.
    ours = {
        key: torch.cat([value.float(), drawn(1, 2)[key]], 0 if ".lora_A." in key else 1)
        for key, value in load_file(start / WEIGHTS).items()
    }
    trained = written(tmp_path / "trained", ours, 5, 10)
    before = products(trained)
    assert cut_adapter(trained, start, rank=2) > 0.999999
    for old, new in zip(before, products(trained), strict=True):
        assert torch.allclose(old, new, atol=0.05)
    whole = file_digest(trained / WEIGHTS)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(trained, elsewhere)
    (elsewhere / WEIGHTS).unlink()
    join_adapter(elsewhere, start)
    assert file_digest(elsewhere / WEIGHTS) == whole == read_json(elsewhere / CARD)["sha256"]
    assert read_json(elsewhere / CARD)["rank"] == 6
    assert (trained / DIFFERENCE).stat().st_size < (trained / WEIGHTS).stat().st_size


def test_less_rank_keeps_the_largest_part_of_the_change(tmp_path: Path) -> None:
    start = written(tmp_path / "start", {k: v.half() for k, v in drawn(2, 1).items()}, 2, 4)
    trained = written(tmp_path / "trained", drawn(6, 3), 6, 12)
    shares = []
    for rank in (1, 3, 8):
        folder = tmp_path / f"cut-{rank}"
        shutil.copytree(trained, folder)
        shares.append(cut_adapter(folder, start, rank))
    assert 0 < shares[0] < shares[1] < shares[2] <= 1.0
