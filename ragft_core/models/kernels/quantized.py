"""Finds weights that can be kept smaller without loss, and packs them for ``kernels``.

Weights that were once 4- or 8-bit quantised (the bundled generator) still lie on their grid: in
every group of 32, at most 16 levels ``scale * level + offset``, or 255 levels ``scale * level``.
Weights of most published models are bf16 numbers. Both are recognised by trying: the packed form
is kept only if it gives every single weight back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from ragft_core.models.kernels.llvm import LANES
from ragft_core.models.kernels.matmul import GROUP

if TYPE_CHECKING:
    import torch

VERSION = "1"
# The grid is computed in fp32, so a weight may be off by a rounding.
ROUNDING = 3e-7


@dataclass(frozen=True)
class Packed:
    """A matrix in packed form, as ``kernels`` describes it; ``data`` are bytes."""

    kind: str
    data: torch.Tensor


def pack(weight: torch.Tensor) -> Packed | None:
    """Packs an fp32 matrix (outputs, inputs), or returns None where that would lose something."""
    outputs, inputs = weight.shape
    if outputs % LANES or inputs % GROUP:
        return None
    for attempt in (_pack_q4, _pack_q8, _pack_bf16):
        packed = attempt(weight)
        if packed is not None:
            return packed
    return None


def _close(found: torch.Tensor, groups: torch.Tensor) -> bool:
    size = groups.abs().amax(-1, keepdim=True)
    return bool(((found - groups).abs() <= ROUNDING * size).all())


def _pack_q4(weight: torch.Tensor) -> Packed | None:
    import torch

    groups = weight.view(weight.shape[0], -1, GROUP)
    low, high = groups.aminmax(dim=-1, keepdim=True)
    # The file's own grid is found again from the extremes: fp16 offset and scale, as it kept them.
    offset = low.half()
    scale = ((high - low) / 15).half()
    wide = scale.float()
    # A group of equal weights has no scale; its levels are 0 and the offset says all.
    step = torch.where(wide == 0, torch.ones_like(wide), wide)
    level = ((groups - offset.float()) / step).round_().clamp_(0, 15)
    if not _close(wide * level + offset.float(), groups):
        return None
    level = level.to(torch.uint8)
    # Inputs n and n + 16 share a byte, so that one mask gives sixteen neighbouring inputs.
    pairs = level[..., :16] | (level[..., 16:] << 4)
    return Packed("q4", _tiles([_halves(scale), _halves(offset)], pairs))


def _pack_q8(weight: torch.Tensor) -> Packed | None:
    import torch

    groups = weight.view(weight.shape[0], -1, GROUP)
    scale = (groups.abs().amax(-1, keepdim=True) / 127).half()
    wide = scale.float()
    step = torch.where(wide == 0, torch.ones_like(wide), wide)
    level = (groups / step).round_().clamp_(-127, 127)
    if not _close(wide * level, groups):
        return None
    return Packed("q8", _tiles([_halves(scale)], level.to(torch.int8).view(torch.uint8)))


def _pack_bf16(weight: torch.Tensor) -> Packed | None:
    import torch

    short = weight.bfloat16()
    if not torch.equal(short.float(), weight):
        return None
    # Sixteen outputs beside each other for one input: a kernel's vector.
    tiles = short.view(torch.int16).view(-1, LANES, weight.shape[1]).transpose(1, 2)
    return Packed("bf16", tiles.contiguous().view(torch.uint8).flatten())


def pack_fp32(weight: torch.Tensor) -> Packed:
    """Packs any fp32 matrix; outputs are padded to whole tiles, inputs to whole groups."""
    import torch
    from torch.nn import functional

    outputs, inputs = weight.shape
    weight = functional.pad(weight, (0, -inputs % GROUP, 0, -outputs % LANES))
    tiles = weight.view(-1, LANES, weight.shape[1]).transpose(1, 2)
    return Packed("fp32", tiles.contiguous().view(torch.uint8).flatten())


def _halves(numbers: torch.Tensor) -> torch.Tensor:
    """(outputs, groups, 1) fp16 as (tiles, groups, 32) bytes."""
    import torch

    tiles = numbers.squeeze(-1).view(-1, LANES, numbers.shape[1]).transpose(1, 2)
    return tiles.contiguous().view(torch.uint8).view(tiles.shape[0], tiles.shape[1], -1)


def _tiles(heads: list[torch.Tensor], levels: torch.Tensor) -> torch.Tensor:
    """Joins heads and levels (outputs, groups, rows) into the records of all tiles."""
    import torch

    outputs, groups, rows = levels.shape
    body = (
        levels.view(-1, LANES, groups, rows).permute(0, 2, 3, 1).reshape(-1, groups, rows * LANES)
    )
    return torch.cat([*heads, body], dim=-1).flatten()


def pack_all(weights: Mapping[str, torch.Tensor], file: Path) -> dict[str, Packed]:
    """Packs the matrices that can be, once: the result is kept in ``file`` as safetensors.

    Args:
        weights: fp32 matrices by name; always the same for the same file.
        file: Where the packed form lies, or will.
    """
    found = _read(file)
    if found is not None:
        return found
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        found = _read(file)
        if found is None:
            tried = {name: pack(weight) for name, weight in weights.items()}
            found = {name: packed for name, packed in tried.items() if packed is not None}
            _write(file, found)
    return found


def _read(file: Path) -> dict[str, Packed] | None:
    from safetensors import SafetensorError, safe_open

    if not file.exists():
        return None
    try:
        with safe_open(file, framework="pt") as stored:
            notes = stored.metadata() or {}
            if notes.get("version") != VERSION:
                return None
            kinds = json.loads(notes["kinds"])
            return {name: Packed(kind, stored.get_tensor(name)) for name, kind in kinds.items()}
    except (SafetensorError, OSError):  # a damaged cache is made again
        return None


def _write(file: Path, packed: Mapping[str, Packed]) -> None:
    import torch
    from safetensors.torch import save_file

    scratch = file.with_suffix(".part")
    kinds = {name: item.kind for name, item in packed.items()}
    tensors = {name: item.data for name, item in packed.items()} or {"none": torch.zeros(1)}
    save_file(tensors, scratch, metadata={"version": VERSION, "kinds": json.dumps(kinds)})
    scratch.replace(file)
