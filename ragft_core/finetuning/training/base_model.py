"""The base model of a run: its tokenizer alone, and a fresh copy of it with an empty adapter."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.errors import ModelError
from ragft_core.finetuning.adapters import CONFIG, WEIGHTS
from ragft_core.finetuning.config import RunConfig
from ragft_core.models.factory import model_folder
from ragft_core.models.weights.hub import hub_folder
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def present_folder(choice: ModelChoice, settings: Settings) -> Path:
    """The folder of a workspace's model; opening a page must not download gigabytes.

    Raises:
        ModelError: The model is an endpoint's, or is not on this machine.
    """
    here = choice.kind != "hub" or hub_folder(choice.name, settings, choice.revision, fetch=False)
    if not here:
        raise ModelError(
            f"The model {choice.name} has not been downloaded yet.",
            "Ask it something in Chat first, which downloads it.",
        )
    return model_folder(choice, settings)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer alone, which takes no model's memory.

    Raises:
        ModelError: It cannot be read.
    """
    from transformers import AutoTokenizer

    from ragft_core.models.weights.folders import check_folder
    from ragft_core.models.weights.loading import FALLBACK_TEMPLATE

    check_folder(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"The tokenizer of {folder.name} cannot be read: {error}.") from error
    if not tokenizer.chat_template:
        tokenizer.chat_template = FALLBACK_TEMPLATE
    return tokenizer


def with_adapter(base: PreTrainedModel, config: RunConfig) -> torch.nn.Module:
    """Puts an empty adapter on a freshly loaded base; the same seed gives the same adapter.

    Raises:
        ModelError: The model has no layers of these names.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    targets = linear_layers(base, config.targets)
    if not targets:
        raise ModelError(
            f"The model {type(base).__name__} has no linear layers of the kind {config.targets!r}.",
            "Choose all layers, or another model.",
        )
    torch.manual_seed(config.seed)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        use_rslora=config.rslora,
        lora_dropout=config.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, lora)


def linear_layers(model: PreTrainedModel, kind: str = "all") -> list[str]:
    """The names of a model's linear layers, by their last two parts: ``self_attn.q_proj``.

    Found in the model, because every family has its own names; the vocabulary projection is none.

    Args:
        model: Any causal LM.
        kind: ``all``, ``attention``, or ``mlp`` for the others.
    """
    import torch
    from transformers.pytorch_utils import Conv1D

    head: Any = model.get_output_embeddings()
    found = set()
    for name, module in model.named_modules():
        if module is head or not isinstance(module, (torch.nn.Linear, Conv1D)):
            continue
        if not any(part.isdigit() for part in name.split(".")):
            continue  # outside the stack of layers
        attention = "attn" in name or "attention" in name
        if kind == "all" or (kind == "attention") is attention:
            found.add(".".join(name.split(".")[-2:]))
    return sorted(found)


def copy_adapter(model: torch.nn.Module, folder: Path) -> bool:
    """Makes a fresh adapter compute what another one does, and leaves it free to go on from there.

    Ranks beyond the other's stay as they were: they add nothing before they are trained, because
    LoRA's second matrix is zero there. Scalings (alpha / rank) that differ are evened out.

    Args:
        model: With a fresh adapter, from ``with_adapter``.
        folder: Holds a LoRA adapter of the same base.

    Returns:
        False, and nothing is changed, where the other has a larger rank or other layers.
    """
    import torch
    from safetensors.torch import load_file

    theirs = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    ours: Any = model.peft_config["default"]  # type: ignore[index,union-attr]
    scale = _scale(theirs["lora_alpha"], theirs["r"], theirs.get("use_rslora")) / _scale(
        ours.lora_alpha, ours.r, ours.use_rslora
    )
    found = load_file(folder / WEIGHTS)
    places = {
        name.replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    if theirs["r"] > ours.r or set(found) != set(places):
        return False
    with torch.no_grad():
        for name, value in found.items():
            place, rank = places[name], theirs["r"]
            if ".lora_A." in name:
                place[:rank].copy_(value)
            else:
                place[:, :rank].copy_(value * scale)
    return True


def _scale(alpha: float, rank: int, rslora: bool | None) -> float:
    return float(alpha / (math.sqrt(rank) if rslora else rank))
