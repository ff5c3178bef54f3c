"""Model folders, checked before they are trusted: what they say about their model, unloaded.

A folder is read as data only: configuration as JSON, weights as safetensors, no code of its own
(``auto_map``), no attention kernel fetched by name (CVE-2026-4372), no pickles. The checks read a
few kilobytes and import neither torch nor transformers.
"""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragft_core.errors import ModelError
from ragft_core.models.weights import bundled

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
# Families with a forward pass of the lab's own (engine/llama.py).
LLAMA_FAMILY = ("llama", "mistral", "qwen2", "qwen3")
# Of a model that sees and hears, what is not its text part.
SENSES = ("vision", "visual", "audio", "multi_modal", "multimodal", "embed_vision")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


@dataclass(frozen=True)
class ModelFacts:
    """What a folder says about its model, read without loading it; sizes are 0 where not known.

    ``stored`` is the type that most weights lie in, as safetensors call it; ``kv_width`` the values
    that a layer keeps of a token as its key.
    """

    name: str
    architecture: str
    parameters: int
    context_tokens: int
    licence: str
    has_template: bool
    family: str = ""
    stored: str = ""
    layers: int = 0
    hidden: int = 0
    inner: int = 0
    vocabulary: int = 0
    kv_width: int = 0

    def adapter_parameters(self, rank: int) -> int:
        """About how many values an adapter on all linear layers has."""
        return rank * self.layers * (4 * 2 * self.hidden + 3 * (self.hidden + self.inner))


def check_folder(folder: Path) -> ModelFacts:
    """Checks that a folder holds a causal language model that can be used as it is.

    Raises:
        ModelError: It does not; the message says what was found.
    """
    config = _read_config(folder)
    _refuse_code(folder, config)
    architecture = architecture_of(folder.name, config)
    if "quantization_config" in config:
        raise ModelError(
            f"{folder.name} is stored quantised, which needs libraries of its own.",
            "Choose the same model unquantised.",
        )
    sizes: Counter[str] = Counter()
    for file in weight_files(folder):
        sizes += _tensor_sizes(file)
    if not any((folder / name).exists() for name in TOKENIZER_FILES):
        raise ModelError(
            f"{folder.name} has no tokenizer ({', '.join(TOKENIZER_FILES)}).",
            "Copy the tokenizer files of the original model into the folder.",
        )
    return ModelFacts(
        name=folder.name,
        architecture=architecture,
        parameters=sizes.total(),
        context_tokens=context_of(config),
        licence=find_licence(folder),
        has_template=_has_template(folder),
        stored=sizes.most_common(1)[0][0],
        **_shape(config.get("text_config") or config),
    )


def architecture_of(name: str, config: dict[str, Any]) -> str:
    """The architecture that a configuration names, if it holds a causal language model.

    A model that also sees or hears (``...ForConditionalGeneration``) is taken for its text part.

    Raises:
        ModelError: It holds none.
    """
    architecture = str((config.get("architectures") or ["unknown"])[0])
    shell = architecture.endswith("ForConditionalGeneration") and "text_config" in config
    if not (shell or architecture.endswith(("ForCausalLM", "LMHeadModel"))):
        raise ModelError(
            f"{name} is a {architecture}, not a causal language model.",
            "Choose a model whose config.json names a ...ForCausalLM architecture.",
        )
    return architecture


def context_of(config: dict[str, Any]) -> int:
    """How many tokens fit, by a configuration or its text part."""
    parts = (config, config.get("text_config") or {})
    return next((int(p[k]) for p in parts for k in CONTEXT_KEYS if p.get(k)), 2048)


def _shape(config: dict[str, Any]) -> dict[str, Any]:
    """The sizes that decide a model's memory, under the names that families give them."""

    def number(*names: str) -> int:
        return next((int(config[n]) for n in names if isinstance(config.get(n), int)), 0)

    hidden = number("hidden_size", "n_embd") or 512
    heads = number("num_attention_heads", "n_head") or 1
    size = number("head_dim") or hidden // heads
    return {
        "family": str(config.get("model_type") or ""),
        "layers": number("num_hidden_layers", "n_layer") or 12,
        "hidden": hidden,
        "inner": number("intermediate_size", "n_inner", "ffn_dim") or 4 * hidden,
        "vocabulary": number("vocab_size") or 32_000,
        "kv_width": (number("num_key_value_heads") or heads) * size,
    }


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ModelError(f"There is no folder {str(folder)!r}.", "Check the path of the model.")
    if not (folder / "config.json").exists():
        if (folder / "adapter_config.json").exists():
            raise ModelError(
                f"{folder.name} is an adapter, not a model.", "Choose the folder of its base model."
            )
        raise ModelError(
            f"{folder.name} is no model folder: it has no config.json.",
            "Choose a folder with config.json, *.safetensors and the tokenizer.",
        )
    return read_object(folder / "config.json")


def read_object(file: Path) -> dict[str, Any]:
    """A JSON file's object.

    Raises:
        ModelError: The file is damaged.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(
            f"{file.name} in {file.parent.name} is damaged: {error}.", "Copy the model again."
        ) from None
    if not isinstance(data, dict):
        raise ModelError(f"{file.name} in {file.parent.name} holds no settings.")
    return data


def _refuse_code(folder: Path, config: dict[str, Any]) -> None:
    extra = folder / "tokenizer_config.json"
    settings = [config, read_object(extra) if extra.exists() else {}]
    for key in (key for part in settings for key in _keys(part)):
        if key == "auto_map" or key.startswith("_attn_implementation"):
            raise ModelError(
                f"{folder.name} asks for code of its own ({key}), which is never run.",
                "Choose a model that transformers supports by itself.",
            )


def _keys(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from _keys(value)
    elif isinstance(data, list):
        for value in data:
            yield from _keys(value)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the weights, in the order of their names.

    Raises:
        ModelError: There are none, or one that the index names is missing.
    """
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = sorted(set(read_object(index).get("weight_map", {}).values()))
        # A name with a slash would reach outside the folder.
        missing = [n for n in names if "/" in n or "\\" in n or not (folder / n).exists()]
        if missing or not names:
            raise ModelError(
                f"{folder.name} lacks weight files that its index names: {missing[:3]}.",
                "Copy the model again.",
            )
        return [folder / name for name in names]
    if (folder / "model.safetensors").exists():
        return [folder / "model.safetensors"]
    others = sorted(
        p.name for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".gguf")
    )
    found = f"only {', '.join(others[:3])}" if others else "none at all"
    raise ModelError(
        f"{folder.name} has no weights as safetensors, {found}.",
        "Choose a version of the model with *.safetensors; pickled weights are never loaded.",
    )


def _tensor_sizes(file: Path) -> Counter[str]:
    """Values of a text model in a safetensors file by type; also checks that the file is complete."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > 100_000_000:
                raise ValueError("its header is too long")
            header = json.loads(stream.read(length))
        tensors = [value for key, value in header.items() if key != "__metadata__"]
        end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
        if not tensors or file.stat().st_size != 8 + length + end:
            raise ValueError("it is cut short")
        found: Counter[str] = Counter()
        for key, tensor in header.items():
            if key != "__metadata__" and not any(sense in key for sense in SENSES):
                found[str(tensor["dtype"])] += _product(tensor["shape"])
        return found
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(
            f"{file.name} in {file.parent.name} is no complete safetensors file: {error}.",
            "Copy the model again.",
        ) from None


def _product(shape: list[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists():
        return True
    file = folder / "tokenizer_config.json"
    return file.exists() and bool(read_object(file).get("chat_template"))


def find_licence(folder: Path) -> str:
    """The licence that the model card names, or the first line of a licence file, or nothing."""
    for model in bundled.BUNDLED:
        if model.name == folder.name and (folder / bundled.READY).exists():
            return model.licence
    card = folder / "README.md"
    if card.exists():
        found = re.search(r"^license(?:_name)?:\s*(\S+)", card.read_text("utf-8", "replace"), re.M)
        if found:
            return found.group(1)
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md"):
        if (folder / name).exists():
            lines = (folder / name).read_text("utf-8", "replace").split("\n")
            return next((line.strip() for line in lines if line.strip()), "")
    return ""
