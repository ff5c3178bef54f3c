"""Model folders: checked before they are trusted, then loaded; and the digest that names them.

A folder is read as data only: configuration as JSON, weights as safetensors, no code of its own
(``auto_map``), no attention kernel fetched by name (CVE-2026-4372), no pickles. The checks read a
few kilobytes and import neither torch nor transformers.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ragft_core.errors import ModelError
from ragft_core.models.weights import bundled
from ragft_core.workspace import file_digest, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DIGEST_FILE = ".weights-digest.json"
# Beside the weights: activations, the key/value cache and the libraries themselves.
OVERHEAD_BYTES = 500_000_000
CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
FALLBACK_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{{ '### ' + message['role'] + '\n' + message['content'] + '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class ModelFacts:
    """What a folder says about its model, read without loading it."""

    name: str
    architecture: str
    parameters: int
    context_tokens: int
    licence: str
    has_template: bool

    @property
    def needed_bytes(self) -> int:
        """Memory to run it in fp32, the fastest type on most CPUs."""
        return 4 * self.parameters + OVERHEAD_BYTES


def check_folder(folder: Path) -> ModelFacts:
    """Checks that a folder holds a causal language model that can be used as it is.

    Raises:
        ModelError: It does not; the message says what was found.
    """
    config = _read_config(folder)
    _refuse_code(folder, config)
    architecture = (config.get("architectures") or ["unknown"])[0]
    if not architecture.endswith(("ForCausalLM", "LMHeadModel")):
        raise ModelError(
            f"{folder.name} is a {architecture}, not a causal language model.",
            "Choose a model whose config.json names a ...ForCausalLM architecture.",
        )
    if "quantization_config" in config:
        raise ModelError(
            f"{folder.name} is stored quantised, which needs libraries of its own.",
            "Choose the same model unquantised.",
        )
    parameters = sum(_tensor_sizes(file) for file in weight_files(folder))
    if not any((folder / name).exists() for name in TOKENIZER_FILES):
        raise ModelError(
            f"{folder.name} has no tokenizer ({', '.join(TOKENIZER_FILES)}).",
            "Copy the tokenizer files of the original model into the folder.",
        )
    return ModelFacts(
        name=folder.name,
        architecture=architecture,
        parameters=parameters,
        context_tokens=next((int(config[k]) for k in CONTEXT_KEYS if config.get(k)), 2048),
        licence=find_licence(folder),
        has_template=_has_template(folder),
    )


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
    return _read_object(folder / "config.json")


def _read_object(file: Path) -> dict[str, Any]:
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
    settings = [config, _read_object(extra) if extra.exists() else {}]
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
        names = sorted(set(_read_object(index).get("weight_map", {}).values()))
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


def _tensor_sizes(file: Path) -> int:
    """Number of values in a safetensors file; also checks that the file is complete."""
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
        return sum(_product(tensor["shape"]) for tensor in tensors)
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
    return file.exists() and bool(_read_object(file).get("chat_template"))


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


def check_memory(facts: ModelFacts) -> None:
    """Refuses a model that does not fit into the memory that is free now.

    Raises:
        ModelError: It does not fit.
    """
    free = psutil.virtual_memory().available
    if facts.needed_bytes > free:
        raise ModelError(
            f"{facts.name} needs about {facts.needed_bytes / 1e9:.1f} GB of memory, "
            f"and {free / 1e9:.1f} GB are free.",
            "Choose a smaller model, or close other programs.",
        )


def weights_digest(folder: Path) -> str:
    """Names the weights: adapters belong to one digest, answers carry it.

    A bundled model is named by the pinned digest of the file it was made from, so that every
    machine agrees, whichever library version converted it. Other weights are hashed once; the
    result is kept beside them and holds while sizes and times stay the same.
    """
    ready = folder / bundled.READY
    if ready.exists():
        pinned = ready.read_text(encoding="utf-8").strip()
        if pinned in {model.sha256 for model in bundled.BUNDLED}:
            return pinned
    files = weight_files(folder)
    stamp = {f.name: [f.stat().st_size, f.stat().st_mtime_ns] for f in files}
    kept = folder / DIGEST_FILE
    if kept.exists():
        note = _read_object(kept)
        if note.get("files") == stamp:
            return str(note["digest"])
    digests = [file_digest(file) for file in files]
    joined = "".join(digests).encode()
    digest = digests[0] if len(digests) == 1 else hashlib.sha256(joined).hexdigest()
    try:
        write_json(kept, {"digest": digest, "files": stamp})
    except OSError:  # a read-only folder: hashed again next time
        return digest
    return digest


def load_base(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads a checked model in fp32 for generation or training, with its tokenizer.

    Raises:
        ModelError: The folder is refused, does not fit into memory, or cannot be loaded.
    """
    facts = check_folder(folder)
    check_memory(facts)
    from safetensors import SafetensorError
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
        model = _load_model(folder)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{folder.name} cannot be loaded: {reason}") from error
    if not tokenizer.chat_template:
        tokenizer.chat_template = FALLBACK_TEMPLATE
    model.eval()
    model.requires_grad_(False)
    return model, tokenizer


def _load_model(folder: Path) -> PreTrainedModel:
    """The weights in fp32, with the attention that the family supports (Gemma 2 has no SDPA)."""
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {
        "dtype": torch.float32,
        "trust_remote_code": False,
        "use_safetensors": True,
        "local_files_only": True,
    }
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder), **options, attn_implementation="sdpa"
        )
    except ValueError as error:
        if "attention" not in str(error):
            raise
        return AutoModelForCausalLM.from_pretrained(str(folder), **options)


def empty_model(folder: Path) -> PreTrainedModel:
    """A model without weights, which takes no memory: its layers and their shapes.

    Raises:
        ModelError: The folder is refused, or transformers does not know the model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    check_folder(folder)
    try:
        config = AutoConfig.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder.name} cannot be read: {error}") from error
