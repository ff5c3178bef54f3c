"""Adapters on disk: listed, chosen, deleted, and never trusted unseen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ragft_core.errors import ModelError
from ragft_core.finetuning import choose_adapter, delete_adapter, get_adapter, list_adapters
from ragft_core.finetuning.adapters import BUNDLED_FOLDER
from ragft_core.workspace import Workspace, file_digest


def make(workspace: Workspace, name: str, *, with_context: bool = False, at: str = "10") -> Path:
    folder = workspace.folder("adapters", name)
    save_file({"a.lora_A.weight": torch.ones(2, 2)}, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    card = {
        "name": name.upper(),
        "base": "digest",
        "rank": 2,
        "with_context": with_context,
        "created_at": f"2026-11-22T{at}:00:00+00:00",
        "sha256": file_digest(folder / "adapter_model.safetensors"),
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def own(workspace: Workspace) -> list[str]:
    return [adapter.id for adapter in list_adapters(workspace) if not adapter.bundled]


def test_own_adapters_are_listed_oldest_first(workspace: Workspace) -> None:
    make(workspace, "b", at="11")
    make(workspace, "a", at="12")
    assert own(workspace) == ["b", "a"]
    adapter = get_adapter(workspace, "a")
    assert (adapter.name, adapter.base, adapter.rank) == ("A", "digest", 2)
    assert Path(adapter.path).is_dir()


def test_bundled_adapters_come_first_and_are_not_deleted(workspace: Workspace) -> None:
    make(workspace, "a")
    shipped = sorted(f.parent.name for f in BUNDLED_FOLDER.glob("*/adapter_config.json"))
    ids = [adapter.id for adapter in list_adapters(workspace)]
    assert ids == [*(f"bundled:{name}" for name in shipped), "a"]
    with pytest.raises(ModelError, match="could be deleted"):
        delete_adapter(workspace, "bundled:reader")


@pytest.mark.parametrize(
    "name", ["", "missing", "../jobs", "..", ".hidden", "a/b", "a\\b", "bundled:../x", "a\x00"]
)
def test_ids_that_lead_nowhere_or_elsewhere_are_refused(workspace: Workspace, name: str) -> None:
    make(workspace, "a")
    with pytest.raises(ModelError, match="no adapter"):
        get_adapter(workspace, name)
    with pytest.raises(ModelError, match="no adapter"):
        delete_adapter(workspace, name)
    assert own(workspace) == ["a"]


def test_changed_weights_are_noticed(workspace: Workspace) -> None:
    weights = make(workspace, "a") / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="have changed since training"):
        get_adapter(workspace, "a")


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_missing_file_takes_only_that_adapter_out(workspace: Workspace, name: str) -> None:
    make(workspace, "a")
    (make(workspace, "b") / name).unlink()
    assert own(workspace) == ["a"]
    with pytest.raises(ModelError, match="the adapter b|adapter b has no"):
        get_adapter(workspace, "b")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"r": '])
def test_a_damaged_card_takes_only_that_adapter_out(workspace: Workspace, text: str) -> None:
    make(workspace, "a")
    (make(workspace, "b") / "card.json").write_text(text)
    assert own(workspace) == ["a"]


@pytest.mark.parametrize(
    "change", [{"peft_type": "IA3"}, {"auto_mapping": {"parent_library": "os"}}, {"r": "16"}]
)
def test_a_config_that_is_not_plain_lora_is_refused(workspace: Workspace, change: dict) -> None:
    file = make(workspace, "a") / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelError, match="not plain LoRA|are damaged"):
        get_adapter(workspace, "a")


def test_pickled_weights_are_no_adapter(workspace: Workspace) -> None:
    folder = make(workspace, "a")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert own(workspace) == []
    with pytest.raises(ModelError, match="has no adapter_model.safetensors"):
        get_adapter(workspace, "a")


def test_an_adapter_is_chosen_for_the_arm_it_was_trained_for(workspace: Workspace) -> None:
    make(workspace, "plain")
    make(workspace, "reading", with_context=True)
    choose_adapter(workspace, "plain")
    choose_adapter(workspace, "reading")
    settings = workspace.settings()
    assert (settings.adapter, settings.hybrid_adapter) == ("plain", "reading")


def test_a_deleted_adapter_is_no_longer_chosen(workspace: Workspace) -> None:
    make(workspace, "a")
    choose_adapter(workspace, "a")
    delete_adapter(workspace, "a")
    assert workspace.settings().adapter == ""
    assert own(workspace) == []


def test_a_half_written_adapter_is_not_there(workspace: Workspace) -> None:
    make(workspace, ".train-1.partial")
    assert own(workspace) == []
