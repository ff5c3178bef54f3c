"""Model folders loaded for asking and for training; and the digest that names their weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.errors import ModelError
from ragft_core.models.weights import bundled
from ragft_core.models.weights.device import CPU, FOUR_BITS, Device, check_memory
from ragft_core.models.weights.folders import check_folder, read_object, weight_files
from ragft_core.workspace import file_digest, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

DIGEST_FILE = ".weights-digest.json"
FALLBACK_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{{ '### ' + message['role'] + '\n' + message['content'] + '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant\n' }}{% endif %}"
)
# Where the text part of a model that also sees lies in its files.
TEXT_PART = {
    r"^(model\.)?language_model\.(model\.)?": "model.",
    r"^(model\.)?language_model\.lm_head": "lm_head",
}


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
        note = read_object(kept)
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


def load_base(
    folder: Path, device: Device = CPU
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads a checked model for generation or training, with its tokenizer.

    Args:
        folder: Where it lies.
        device: Where it goes, and how its numbers are kept; by default the CPU, in fp32.

    Raises:
        ModelError: The folder is refused, does not fit into memory, or cannot be loaded.
    """
    check_memory(check_folder(folder), device)
    from safetensors import SafetensorError
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=False, local_files_only=True
        )
        model = _load_model(folder, device)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{folder.name} cannot be loaded: {reason}") from error
    if not tokenizer.chat_template:
        tokenizer.chat_template = FALLBACK_TEMPLATE
    model.eval()
    model.requires_grad_(False)
    return model, tokenizer


def _load_model(folder: Path, device: Device) -> PreTrainedModel:
    """The weights, with the attention that the family supports (Gemma 2 has no SDPA)."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    config = text_config(folder)
    options: dict[str, Any] = {
        "config": config,
        "dtype": device.dtype,
        "trust_remote_code": False,
        "use_safetensors": True,
        "local_files_only": True,
    }
    if "text_config" in read_object(folder / "config.json"):
        options["key_mapping"] = TEXT_PART
    if device.precision == FOUR_BITS:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=device.dtype,
        )
    if device.is_gpu or device.precision == FOUR_BITS:
        options["device_map"] = {"": device.kind}
    try:
        return AutoModelForCausalLM.from_pretrained(
            str(folder), **options, attn_implementation="sdpa"
        )
    except ValueError as error:
        if "attention" not in str(error):
            raise
        return AutoModelForCausalLM.from_pretrained(str(folder), **options)


def text_config(folder: Path) -> PreTrainedConfig:
    """The configuration of a folder's language model: of one that also sees, its text part."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    return config.get_text_config(decoder=True)


def empty_model(folder: Path) -> PreTrainedModel:
    """A model without weights, which takes no memory: its layers and their shapes.

    Raises:
        ModelError: The folder is refused, or transformers does not know the model.
    """
    import torch
    from transformers import AutoModelForCausalLM

    check_folder(folder)
    try:
        config = text_config(folder)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder.name} cannot be read: {error}") from error
