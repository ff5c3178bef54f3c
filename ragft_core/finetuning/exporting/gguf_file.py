"""A model as a GGUF file, for llama.cpp and what is built on it.

Written with ggml's own ``gguf`` package, for families whose tensors go over one to one: Llama, Qwen2
and Qwen3. llama.cpp rotates neighbouring pairs of a head where transformers rotates its halves, so
Llama's query and key rows are put into that order (``LlamaModel.permute`` of its converter).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# transformers' name of a family and gguf's.
FAMILIES = {"llama": "LLAMA", "qwen2": "QWEN2", "qwen3": "QWEN3"}
PERMUTED = frozenset({"llama"})
# llama.cpp's name for how a byte-level tokenizer parts words, by what its expression holds.
QWEN2_MARK, LLAMA3_MARK = r"|\p{N}|", r"\p{N}{1,3}"


def check_shape(folder: Path) -> None:
    """Makes sure that a model can be written as GGUF, before it is loaded.

    Raises:
        ModelError: Its family, its position encoding or its tokenizer cannot be.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ModelError(
            f"{folder.name} is of the family {family}, which is not written as GGUF here.",
            "Take the merged model, and llama.cpp's convert_hf_to_gguf.py.",
        )
    if _rope(config).get("rope_type", "default") != "default":
        raise ModelError(
            f"{folder.name} stretches its positions ({_rope(config)['rope_type']}), which is not "
            "written as GGUF here.",
            "Take the merged model, and llama.cpp's convert_hf_to_gguf.py.",
        )
    _word_parting(folder)


def write_gguf(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    target: Path,
    name: str,
) -> None:
    """Writes a model with its tokenizer and its chat template into one file.

    Matrices are 16-bit floats, vectors 32-bit, as llama.cpp's converter has them.

    Args:
        model: With all weights merged.
        tokenizer: Its tokenizer; special tokens and the template are taken from it.
        folder: The base's folder, for ``tokenizer.json`` and the configuration.
        target: The file.
        name: What the model is called in the file.

    Raises:
        ModelError: The model cannot be written as GGUF.
    """
    import gguf
    import numpy as np

    check_shape(folder)
    config: Any = model.config
    family = config.model_type
    writer = gguf.GGUFWriter(str(target), FAMILIES[family].lower())
    _describe(writer, config, name)
    _add_tokenizer(writer, tokenizer, folder, config.vocab_size)
    names = gguf.get_tensor_name_map(
        getattr(gguf.MODEL_ARCH, FAMILIES[family]), config.num_hidden_layers
    )
    tied = bool(getattr(config, "tie_word_embeddings", False))
    for key, tensor in model.state_dict().items():
        if key.endswith("rotary_emb.inv_freq") or (tied and key == "lm_head.weight"):
            continue
        place = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if place is None:
            raise ModelError(f"GGUF has no place for the weights {key} of {folder.name}.")
        values: np.ndarray = tensor.float().numpy()
        if family in PERMUTED and ".q_proj." in key:
            values = permuted(values, config.num_attention_heads)
        elif family in PERMUTED and ".k_proj." in key:
            values = permuted(values, config.num_key_value_heads)
        writer.add_tensor(place, values.astype(np.float16) if values.ndim > 1 else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection, from halves of a head to neighbouring pairs."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, 2, half, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def _describe(writer: GGUFWriter, config: Any, name: str) -> None:
    import gguf

    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(float(_rope(config.to_dict()).get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _add_tokenizer(
    writer: GGUFWriter, tokenizer: PreTrainedTokenizerBase, folder: Path, size: int
) -> None:
    import gguf

    data = _tokenizer_json(folder)
    names = {place: token for token, place in data["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, gguf.TokenType.NORMAL)
    for added in data.get("added_tokens", []):
        names[added["id"]] = added["content"]
        special = added.get("special")
        kinds[added["id"]] = gguf.TokenType.CONTROL if special else gguf.TokenType.USER_DEFINED
    merges = data["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_word_parting(folder))
    # A vocabulary padded beyond its tokens has rows that nothing reaches.
    writer.add_token_list([names.get(place, f"[PAD{place}]") for place in range(size)])
    writer.add_token_types([kinds.get(p, gguf.TokenType.UNUSED) for p in range(size)])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    for value, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if isinstance(value, int):
            add(value)
    writer.add_add_bos_token(False)  # the template writes it where the model wants it
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def _word_parting(folder: Path) -> str:
    """llama.cpp's name for how the tokenizer parts words before it merges bytes.

    Raises:
        ModelError: The tokenizer is not byte-level BPE, or parts words in a way of its own.
    """
    data = _tokenizer_json(folder)
    before = data.get("pre_tokenizer") or {}
    steps = before.get("pretokenizers", [before])
    kinds = [step.get("type") for step in steps]
    if data.get("model", {}).get("type") == "BPE" and data.get("normalizer") is None:
        if kinds == ["ByteLevel"] and steps[0].get("use_regex", True):
            return "gpt-2"
        if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
            return "smollm"
    if kinds == ["Split", "ByteLevel"] and data.get("model", {}).get("type") == "BPE":
        expression = str(steps[0].get("pattern", {}).get("Regex", ""))
        if LLAMA3_MARK in expression and not data.get("normalizer"):
            return "llama-bpe"
        if QWEN2_MARK in expression:
            return "qwen2"
    raise ModelError(
        f"The tokenizer of {folder.name} parts words in a way that is not written as GGUF here.",
        "Take the merged model, and llama.cpp's convert_hf_to_gguf.py.",
    )


def _tokenizer_json(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer.json"
    if not file.exists():
        raise ModelError(
            f"{folder.name} has no tokenizer.json, from which a GGUF's tokenizer is written.",
            "Save it with a fast tokenizer of transformers.",
        )
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """How positions are encoded, wherever the version of transformers wrote it."""
    found = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    if "rope_theta" in config:
        found.setdefault("rope_theta", config["rope_theta"])
    if "type" in found:
        found.setdefault("rope_type", found["type"])
    return found
