"""Model folders that are none, that ask for code, or that are damaged: named and refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.models import check_folder, check_model, weights_digest
from ragft_core.models.weights import device, loading
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.workspace import file_digest


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that may be damaged."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def edit(name: str, **changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**data, **changes}))

    return change


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def only_adapter(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")


def escaping_index(folder: Path) -> None:
    index = {"weight_map": {"a": "../model/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


HOSTILE = [
    (edit("config.json", auto_map={"AutoModel": "evil.Model"}), "auto_map"),
    (edit("tokenizer_config.json", auto_map={"AutoTokenizer": "evil.T"}), "auto_map"),
    (edit("config.json", text=[{"_attn_implementation_internal": "x/y"}]), "_attn_impl"),
    (edit("config.json", architectures=["BertModel"]), "BertModel"),
    (edit("config.json", quantization_config={"bits": 4}), "quantised"),
    (cut, "cut short"),
    (pickled, "pytorch_model.bin"),
    (without_tokenizer, "tokenizer"),
    (only_adapter, "adapter, not a model"),
    (escaping_index, "index names"),
    (no_json, "damaged"),
]


@pytest.mark.parametrize(("damage", "named"), HOSTILE, ids=[named for _, named in HOSTILE])
def test_a_folder_that_cannot_be_used_is_refused(copy: Path, settings, damage, named: str) -> None:
    damage(copy)
    with pytest.raises(ModelError, match=named):
        check_folder(copy)
    report = check_model(ModelChoice("folder", str(copy)), settings)
    assert not report.usable
    assert named in report.problem


def test_a_good_folder_is_described(tiny_model: Path, settings: Settings) -> None:
    from transformers import LlamaForCausalLM

    report = check_model(ModelChoice("folder", str(tiny_model)), settings)
    model = LlamaForCausalLM.from_pretrained(tiny_model)
    assert report.usable
    assert report.parameters == sum(p.numel() for p in model.parameters())
    assert report.context_tokens == 1024


def test_the_licence_of_the_model_card_is_shown(copy: Path) -> None:
    (copy / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    assert check_folder(copy).licence == "apache-2.0"


def test_a_model_larger_than_the_memory_is_refused(
    tiny_model: Path, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "OVERHEAD_BYTES", 10**15)
    report = check_model(ModelChoice("folder", str(tiny_model)), settings)
    assert "GB are free" in report.problem
    with pytest.raises(ModelError, match="GB are free"):
        loading.load_base(tiny_model)


def test_the_digest_is_kept_and_follows_the_weights(copy: Path, monkeypatch) -> None:
    first = weights_digest(copy)
    assert first == file_digest(copy / "model.safetensors")
    calls = []
    monkeypatch.setattr(loading, "file_digest", lambda p: calls.append(p) or file_digest(p))
    assert weights_digest(copy) == first
    assert not calls, "an unchanged file is not hashed again"
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert weights_digest(copy) != first


def test_a_folder_without_template_gets_a_plain_one(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    _, tokenizer = loading.load_base(copy)
    rows = [{"role": "user", "content": "hello"}]
    text = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
    assert text.endswith("### user\nhello\n\n### assistant\n")


@pytest.mark.parametrize("name", ["no-slash", "a/b/c", "../etc/passwd", "a/../b"])
def test_an_id_that_is_none_is_refused(name: str, settings: Settings) -> None:
    assert "not the id" in check_model(ModelChoice("hub", name), settings).problem


def test_a_hub_that_cannot_be_reached_is_reported(settings: Settings, tmp_path: Path) -> None:
    import dataclasses

    offline = dataclasses.replace(settings, models=tmp_path)
    report = check_model(ModelChoice("hub", "owner/model"), offline)
    assert "cannot be reached" in report.problem
