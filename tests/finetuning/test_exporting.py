"""Merged models and GGUF files: what is written answers as the adapter does, or is thrown away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from ragft_core.errors import ModelError
from ragft_core.finetuning import export_adapter, get_adapter, import_adapter, list_adapters
from ragft_core.finetuning.exporting import export_model, gguf_file, merged
from ragft_core.finetuning.training.base_model import linear_layers
from ragft_core.models.weights.loading import load_base
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace
from tests.finetuning.test_transfer import zipped
from tests.models.helpers import FAMILIES, make_adapter, make_family


def family_folder(tiny_model: Path, folder: Path, family: str) -> Path:
    """The tiny model's tokenizer with a random model of another family, biases and all."""
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    if family == "llama":
        return tiny_model
    kinds = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}
    kind, build = kinds[family]
    shutil.copytree(tiny_model, folder)
    torch.manual_seed(1)
    shape = json.loads((tiny_model / "config.json").read_text())
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
            "num_attention_heads", "num_key_value_heads", "max_position_embeddings",
            "bos_token_id", "eos_token_id", "pad_token_id")  # fmt: skip
    # Qwen3's heads are wider than its hidden size has room for.
    wide = {"head_dim": 128} if family == "qwen3" else {}
    named = {key: shape[key] for key in kept} | wide
    model = build(kind(**named, tie_word_embeddings=False))
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=1.0, std=0.1)
    model.save_pretrained(folder)
    return folder


def with_adapter(workspace: Workspace, base: Path, tmp_path: Path, settings: Settings) -> str:
    workspace.update(model=ModelChoice("folder", str(base)))
    make_adapter(base, tmp_path / "peft", 7)
    files = {path.name: path.read_bytes() for path in (tmp_path / "peft").iterdir()}
    return import_adapter(workspace, "Mine", zipped(files), settings).id


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("kind", ["merged", "gguf"])
def test_what_is_written_answers_as_the_adapter_does(
    workspace: Workspace,
    settings: Settings,
    tiny_model: Path,
    tmp_path: Path,
    family: str,
    kind: str,
) -> None:
    base = family_folder(tiny_model, tmp_path / family, family)
    adapter = with_adapter(workspace, base, tmp_path, settings)
    target = tmp_path / "out" / ("model.gguf" if kind == "gguf" else "model")
    report = export_model(workspace, adapter, kind, target, settings)
    assert report.asked == 2
    # A random model's answers hang on near-ties that 16 bits may turn; its logits do not.
    assert report.difference < 0.05
    assert report.bytes > 100_000
    assert [file.name for file in target.parent.iterdir()] == [target.name]
    untouched, tokenizer = load_base(base)
    other = merged._load(target)
    ids = torch.tensor([tokenizer("the price of the city")["input_ids"]])
    with torch.no_grad():
        apart = (untouched(input_ids=ids).logits - other(input_ids=ids).logits).abs().max()
    assert float(apart) > 0.5, "the adapter changes nothing here, so the check showed nothing"


@pytest.mark.parametrize("name", FAMILIES)
def test_any_family_is_taken_home(
    workspace: Workspace, settings: Settings, tiny_model: Path, tmp_path: Path, name: str
) -> None:
    """A family that GGUF has no place for here is refused in words, and the rest still goes."""
    base = make_family(name, tiny_model, tmp_path / name)
    workspace.update(model=ModelChoice("folder", str(base)))
    layers = linear_layers(load_base(base)[0])
    make_adapter(base, tmp_path / "peft", 7, target_modules=layers)
    files = {path.name: path.read_bytes() for path in (tmp_path / "peft").iterdir()}
    adapter = import_adapter(workspace, "Mine", zipped(files), settings).id
    report = export_model(workspace, adapter, "merged", tmp_path / "merged", settings)
    assert report.difference < 0.05
    again = import_adapter(workspace, "Again", export_adapter(workspace, adapter), settings)
    assert get_adapter(workspace, adapter).digest == again.digest
    if name.lower() not in gguf_file.FAMILIES:
        with pytest.raises(ModelError, match="not written as GGUF"):
            export_model(workspace, adapter, "gguf", tmp_path / "model.gguf", settings)


def test_a_gguf_holds_the_merged_weights_the_tokenizer_and_the_template(
    workspace: Workspace, settings: Settings, tiny_model: Path, tmp_path: Path
) -> None:
    adapter = with_adapter(workspace, tiny_model, tmp_path, settings)
    export_model(workspace, adapter, "gguf", tmp_path / "m.gguf", settings)
    export_model(workspace, adapter, "merged", tmp_path / "m", settings)
    model, tokenizer = load_base(tmp_path / "m")
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    down = "layers.1.mlp.down_proj.weight"
    assert np.array_equal(
        tensors["blk.1.ffn_down.weight"].astype(np.float32), state[f"model.{down}"]
    )
    query = state["model.layers.0.self_attn.q_proj.weight"]
    stored = tensors["blk.0.attn_q.weight"].astype(np.float32)
    assert not np.array_equal(stored, query)
    assert np.array_equal(stored, gguf_file.permuted(query, 4))
    assert {t.name for t in reader.tensors if t.data.dtype == np.float32} == {
        name for name in tensors if "norm" in name
    }
    field = reader.get_field("tokenizer.chat_template")
    assert field is not None
    assert field.contents() == tokenizer.chat_template
    tokens = reader.get_field("tokenizer.ggml.tokens")
    assert tokens is not None
    assert tokens.contents() == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    eos = reader.get_field("tokenizer.ggml.eos_token_id")
    assert eos is not None
    assert eos.contents() == tokenizer.eos_token_id


def test_a_wrong_file_is_found_out_and_thrown_away(
    workspace: Workspace,
    settings: Settings,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = with_adapter(workspace, tiny_model, tmp_path, settings)
    monkeypatch.setattr(gguf_file, "PERMUTED", frozenset())
    out = tmp_path / "out"
    with pytest.raises(ModelError, match="does not answer as the adapter does"):
        export_model(workspace, adapter, "gguf", out / "m.gguf", settings)
    assert list(out.iterdir()) == []


def test_nothing_is_overwritten_and_what_cannot_be_written_is_said_before_loading(
    workspace: Workspace, settings: Settings, tiny_model: Path, tmp_path: Path
) -> None:
    adapter = with_adapter(workspace, tiny_model, tmp_path, settings)
    (tmp_path / "m.gguf").write_text("mine")
    with pytest.raises(ModelError, match="something at m.gguf already"):
        export_model(workspace, adapter, "gguf", tmp_path / "m.gguf", settings)
    assert (tmp_path / "m.gguf").read_text() == "mine"
    (tmp_path / "empty.gguf").mkdir()
    with pytest.raises(ModelError, match="something at empty.gguf already"):
        export_model(workspace, adapter, "gguf", tmp_path / "empty.gguf", settings)
    with pytest.raises(ModelError, match="no format 'onnx'"):
        export_model(workspace, adapter, "onnx", tmp_path / "m", settings)
    strange = tmp_path / "strange"
    shutil.copytree(tiny_model, strange)
    config = json.loads((strange / "config.json").read_text())
    (strange / "config.json").write_text(json.dumps(config | {"model_type": "gpt_neox"}))
    with pytest.raises(ModelError, match="family gpt_neox.*merged model"):
        gguf_file.check_shape(strange)
    (strange / "config.json").write_text(
        json.dumps(config | {"rope_parameters": {"rope_type": "yarn"}})
    )
    with pytest.raises(ModelError, match="stretches its positions"):
        gguf_file.check_shape(strange)


def test_an_adapter_of_another_model_is_refused(
    workspace: Workspace, settings: Settings, tiny_model: Path, tmp_path: Path
) -> None:
    adapter = with_adapter(workspace, tiny_model, tmp_path, settings)
    other = family_folder(tiny_model, tmp_path / "qwen2", "qwen2")
    workspace.update(model=ModelChoice("folder", str(other)))
    with pytest.raises(ModelError, match="belongs to another model"):
        export_model(workspace, adapter, "merged", tmp_path / "m", settings)
    assert [a.id for a in list_adapters(workspace) if not a.bundled] == [adapter]
    assert export_adapter(workspace, adapter)
