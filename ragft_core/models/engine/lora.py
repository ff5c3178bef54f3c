"""LoRA adapters as plain tensors, and their use on the rows of a mixed batch.

The base weights are never touched (law 1): an adapter adds ``(x A^T) B^T * scale`` to the output
of a projection, for its own rows only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.errors import ModelError
from ragft_core.models.kernels.llvm import LANES
from ragft_core.models.kernels.matmul import GROUP
from ragft_core.models.kernels.quantized import Packed, pack_fp32

if TYPE_CHECKING:
    import torch

_KEY = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])\.weight")


@dataclass(frozen=True)
class Projection:
    """One adapted projection: ``a`` (rank, inputs) and ``b`` (outputs, rank), scaled already."""

    a: torch.Tensor
    b: torch.Tensor


@dataclass(frozen=True, eq=False)
class Lora:
    """An adapter in memory; ``projections`` by the module's name in the base model."""

    id: str
    projections: dict[str, Projection]

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        pairs = ((item.a, item.b) for item in self.projections.values())
        return sum(tensor.numel() * tensor.element_size() for pair in pairs for tensor in pair)


def file_state(folder: Path) -> str:
    """What changes with an adapter's weights on disk, where no digest of them is known."""
    stat = (folder / "adapter_model.safetensors").stat()
    return f"{folder} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


def load_lora(adapter: str, folder: Path, model: torch.nn.Module, identity: str = "") -> Lora:
    """Reads an adapter in PEFT's format and checks that it fits the model.

    Args:
        adapter: What messages call it.
        folder: Where it lies.
        model: The base.
        identity: What tells its weights from others; ``adapter`` where it is empty.

    Raises:
        ModelError: It is missing, damaged, of another kind, or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = _read_config(adapter, folder)
    weights = folder / "adapter_model.safetensors"
    if not weights.exists():
        raise ModelError(f"The adapter {adapter} has no adapter_model.safetensors.")
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"The adapter {adapter} is damaged: {error}.", "Train it again, or restore the file."
        ) from error
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise ModelError(f"The adapter {adapter} holds more than LoRA weights: {key}.")
        parts.setdefault(match[1], {})[match[2]] = tensor.float()
    modules = dict(model.named_modules())
    projections = {}
    for name, pair in parts.items():
        module = modules.get(name)
        weight = getattr(module, "weight", None)
        if weight is None or set(pair) != {"A", "B"}:
            raise ModelError(f"The adapter {adapter} does not fit the model: {name}.")
        a, b = pair["A"], pair["B"]
        shape = _outputs_inputs(module)
        if (b.shape[0], a.shape[1]) != shape or a.shape[0] != b.shape[1]:
            raise ModelError(
                f"The adapter {adapter} does not fit the model: {name} is "
                f"{shape}, the adapter's {(b.shape[0], a.shape[1])}."
            )
        # alpha / rank goes into B once, not into every product.
        b = b * _scale(config, name, a.shape[0])
        # Weights in 4 bits are widened to the type that the model computes in.
        place = {"device": weight.device, "dtype": getattr(model, "dtype", weight.dtype)}
        projections[name] = Projection(a.to(**place), b.to(**place))
    return Lora(identity or adapter, projections)


def _outputs_inputs(module: Any) -> tuple[int, int]:
    """The shape of a projection; GPT-2's Conv1D lies the other way round, 4 bits lie packed."""
    if hasattr(module, "out_features"):
        return module.out_features, module.in_features
    rows, columns = module.weight.shape
    return (columns, rows) if type(module).__name__ == "Conv1D" else (rows, columns)


def _read_config(adapter: str, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        kind = config["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The adapter {adapter} has no readable adapter_config.json.") from error
    plain = not config.get("use_dora") and config.get("bias", "none") == "none"
    if kind != "LORA" or not plain or config.get("modules_to_save"):
        raise ModelError(
            f"The adapter {adapter} is not plain LoRA.",
            "Only LoRA without DoRA, biases and extra trained modules is supported.",
        )
    return dict(config)


def _scale(config: dict[str, Any], module: str, rank: int) -> float:
    alpha = float(config.get("lora_alpha", 8))
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?{pattern}", module):
            alpha = float(value)
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


@dataclass(frozen=True)
class Stacked:
    """Several adapters on one (fused) projection: ``a`` (R, inputs), ``b`` (R, outputs)."""

    a: torch.Tensor
    b: torch.Tensor
    owner: tuple[int, ...]  # (R,) which adapter each rank belongs to, -1 for padding
    packed: tuple[Packed, Packed] | None


def stack(loras: Sequence[Lora], modules: Sequence[str], sizes: Sequence[int]) -> Stacked | None:
    """Puts adapters side by side for one fused projection.

    Args:
        loras: The adapters of a batch.
        modules: The modules that the projection fuses, in order.
        sizes: Their numbers of outputs.

    Returns:
        None when no adapter touches any of the modules.
    """
    import torch
    from torch.nn import functional

    a_parts, b_parts, owner = [], [], []
    for number, lora in enumerate(loras):
        start = 0
        for module, size in zip(modules, sizes, strict=True):
            projection = lora.projections.get(module)
            if projection is not None:
                rank = projection.a.shape[0]
                # Zeros outside its own module: one product serves query, key and value adapters.
                wide = projection.b.new_zeros(rank, sum(sizes))
                wide[:, start : start + size] = projection.b.T
                a_parts.append(projection.a)
                b_parts.append(wide)
                owner += [number] * rank
            start += size
    if not a_parts:
        return None
    # The packed kernels read inputs in whole groups.
    padding = -len(owner) % GROUP
    a = functional.pad(torch.cat(a_parts), (0, 0, 0, padding))
    b = functional.pad(torch.cat(b_parts), (0, 0, 0, padding))
    plain = a.device.type == "cpu" and a.dtype.itemsize == 4
    whole = plain and a.shape[1] % GROUP == 0 and b.shape[1] % LANES == 0
    packed = (pack_fp32(a), pack_fp32(b.T)) if whole else None
    return Stacked(a, b, (*owner, *(-1 for _ in range(padding))), packed)
