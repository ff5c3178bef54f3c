"""Adapters made small enough to travel: half precision, and only what differs from a known start.

An adapter that began as another one (the hybrid arm's begins as the bundled reader) is that one plus
a change. The change's best approximation of a low rank is kept (truncated SVD; Eckart and Young
1936) and put beside the start again, rank by rank, without any arithmetic: the same two files give
the same bytes on every machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.finetuning.adapters import CARD, CONFIG, WEIGHTS
from ragft_core.workspace import file_digest, read_json, write_json

if TYPE_CHECKING:
    import torch

DIFFERENCE = "difference.safetensors"
_A, _B = ".lora_A.weight", ".lora_B.weight"

Tensors = dict[str, "torch.Tensor"]


def halve_adapter(folder: Path) -> None:
    """Rewrites an adapter's weights in half precision, and its card with their new digest."""
    from safetensors.torch import load_file

    _write(folder, {name: value.half() for name, value in load_file(folder / WEIGHTS).items()})


def cut_adapter(folder: Path, start: Path, rank: int) -> float:
    """Replaces an adapter by ``start`` and a low-rank change, and keeps the change beside it.

    Args:
        folder: The adapter; ``difference.safetensors`` is written into it.
        start: The adapter that it began as, with the same layers.
        rank: Of the change.

    Returns:
        The share of the change that is kept: its squared Frobenius norm after over before.
    """
    import torch
    from safetensors.torch import load_file, save_file

    ours, theirs = load_file(folder / WEIGHTS), load_file(start / WEIGHTS)
    scale, began = _scale(folder), _scale(start)
    change: Tensors = {}
    kept = whole = 0.0
    for name in (key.removesuffix(_A) for key in ours if key.endswith(_A)):
        left = torch.cat([scale * ours[name + _B].double(), -began * theirs[name + _B].double()], 1)
        right = torch.cat([ours[name + _A].double(), theirs[name + _A].double()], 0)
        q, r = torch.linalg.qr(left)
        p, s = torch.linalg.qr(right.T)
        u, sizes, v = torch.linalg.svd(r @ s.T)
        root = sizes[:rank].sqrt()
        change[name + _A] = (root[:, None] * (v[:rank] @ p.T)).half().contiguous()
        change[name + _B] = (q @ u[:, :rank] * root / began).half().contiguous()
        kept, whole = kept + float((sizes[:rank] ** 2).sum()), whole + float((sizes**2).sum())
    save_file(change, folder / DIFFERENCE, metadata={"format": "pt"})
    join_adapter(folder, start)
    return kept / whole if whole else 1.0


def join_adapter(folder: Path, start: Path) -> None:
    """Makes an adapter of ``start`` and the difference that lies in its folder."""
    import torch
    from safetensors.torch import load_file

    theirs, change = load_file(start / WEIGHTS), load_file(folder / DIFFERENCE)
    whole = {
        name: torch.cat([value.half(), change[name]], 0 if name.endswith(_A) else 1)
        for name, value in theirs.items()
    }
    config, began = _config(folder), _config(start)
    rank = began["r"] + next(v.shape[0] for k, v in change.items() if k.endswith(_A))
    # The factor of the start stays, so that its numbers stay as they are.
    config |= {"r": rank, "lora_alpha": began["lora_alpha"] * rank / began["r"]}
    write_json(folder / CONFIG, config)
    _write(folder, whole, rank=rank)


def _write(folder: Path, tensors: Tensors, **card: Any) -> None:  # noqa: ANN401 - a card holds any
    from safetensors.torch import save_file

    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    known = read_json(folder / CARD) | {"precision": "half", **card}
    write_json(folder / CARD, known | {"sha256": file_digest(folder / WEIGHTS)})


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return config


def _scale(folder: Path) -> float:
    config = _config(folder)
    return float(config["lora_alpha"] / config["r"])
