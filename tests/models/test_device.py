"""Where models run: what the probe finds and chooses, what is reckoned, and numbers in 16 bits."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ragft_core.errors import ModelError, SettingsError
from ragft_core.evaluation.store.cache_keys import arm_fingerprints
from ragft_core.models import check_model
from ragft_core.models.factory import open_folder
from ragft_core.models.weights import check_folder, choose_device, device, load_base
from ragft_core.models.weights.device import CPU, Device, reckon, training_bytes, weight_bytes
from ragft_core.models.weights.folders import ModelFacts
from ragft_core.settings import Settings
from ragft_core.types import Adapter, ModelChoice
from ragft_core.workspace import Workspace
from tests.models.helpers import ask, finder

EIGHT_BILLION = ModelFacts(
    "eight", "LlamaForCausalLM", 8_000_000_000, 8192, "MIT", True, "llama", "BF16",
    layers=32, hidden=4096, inner=14336, vocabulary=128_256, kv_width=1024,
)  # fmt: skip


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes torch say what it would on another machine; no tensor goes there."""
    import torch

    def pretend(cuda: int = 0, bf16: bool = True, mps: bool = False, free: int = 10**11) -> None:
        monkeypatch.setattr(device, "DRIVERS", ("/dev/null",))
        monkeypatch.setattr("sys.platform", "darwin" if mps else "linux")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda kind: f"Card {kind}")
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda kind: (free, free))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


def test_a_machine_without_a_driver_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def asked() -> bool:
        raise AssertionError("torch was asked")

    monkeypatch.setattr(device, "DRIVERS", ())
    monkeypatch.setattr(torch.cuda, "is_available", asked)
    assert choose_device(Settings()) == CPU


def test_the_best_device_is_taken_in_the_type_that_it_computes(machine, monkeypatch) -> None:
    machine()
    assert choose_device(Settings()) == CPU
    machine(cuda=1)
    assert choose_device(Settings()) == Device("cuda", "bf16", "Card cuda")
    machine(cuda=1, bf16=False)
    found = choose_device(Settings())
    assert found.precision == "fp16"
    assert found.for_training().precision == "fp32"
    machine(mps=True)
    # No Metal lies behind the name, so that the trial of bfloat16 there fails.
    assert choose_device(Settings()) == Device("mps", "fp16", "Apple GPU")


def test_the_settings_have_the_last_word(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(cuda=2)
    monkeypatch.setenv("RAGFT_DEVICE", "cuda:1")
    monkeypatch.setenv("RAGFT_PRECISION", "fp32")
    assert choose_device(Settings()) == Device("cuda:1", "fp32", "Card cuda:1")
    monkeypatch.setenv("RAGFT_DEVICE", "cuda:2")
    with pytest.raises(ModelError, match="cuda:2, which torch .* does not find"):
        choose_device(Settings())
    monkeypatch.setenv("RAGFT_DEVICE", "cpu")
    assert choose_device(Settings()) == CPU
    for name, value in (("RAGFT_DEVICE", "gpu"), ("RAGFT_PRECISION", "fp8")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(SettingsError, match=name):
                Settings()


def test_four_bits_take_the_library(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="not installed") as found:
        choose_device(Settings(precision="4bit"))
    assert "pip install bitsandbytes" in found.value.remedy


def test_memory_is_reckoned_and_a_smaller_form_is_named(machine) -> None:
    machine(cuda=1, free=13 * 10**9)
    card = choose_device(Settings())
    assert weight_bytes(EIGHT_BILLION, card) == 16 * 10**9
    # Published: the cache of Llama 3 8B takes 128 KiB a token in 16 bits.
    assert reckon(EIGHT_BILLION, card).cache == 4 * 4096 * 131_072
    with pytest.raises(ModelError, match=r"16\.5 GB of memory in bf16, and 13\.0 GB") as found:
        device.check_memory(EIGHT_BILLION, card)
    assert "RAGFT_PRECISION=4bit" in found.value.remedy
    device.check_memory(EIGHT_BILLION, replace(card, precision="4bit"))
    # On a CPU a model that was published in bfloat16 lies there twice, wide and packed.
    assert weight_bytes(EIGHT_BILLION, CPU) == 48 * 10**9
    assert training_bytes(EIGHT_BILLION, CPU, 16, 0) < weight_bytes(EIGHT_BILLION, CPU)


def test_what_a_folder_says_is_what_its_model_takes(tiny_model: Path) -> None:
    """Counted against the loaded model, and against one that takes no memory."""
    from ragft_core.models.weights.loading import empty_model

    facts = check_folder(tiny_model)
    model, _ = load_base(tiny_model)
    assert facts.parameters == sum(p.numel() for p in model.parameters())
    assert facts.parameters == sum(p.numel() for p in empty_model(tiny_model).parameters())
    assert (facts.stored, facts.layers, facts.kv_width) == ("F32", 2, 32)


def test_the_check_shows_the_device_and_what_it_takes(tiny_model: Path, machine) -> None:
    machine(cuda=1, free=10**9)
    report = check_model(ModelChoice("folder", str(tiny_model)), Settings())
    assert report.usable
    assert "Card cuda, bf16 (RAGFT_DEVICE, RAGFT_PRECISION)" in report.memory_text
    assert 0 < report.cache_bytes < report.needed_bytes
    assert report.training_bytes > 0


def test_a_model_is_put_where_the_probe_says(
    tiny_model: Path, machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    asked = {}

    def loading(folder: str, **options: object) -> None:
        asked.update(options)
        raise ValueError("no such card here")

    machine(cuda=1)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", loading)
    with pytest.raises(ModelError, match="no such card"):
        open_folder(tiny_model, Settings(), finder({}))
    assert asked["device_map"] == {"": "cuda"}
    assert str(asked["dtype"]) == "torch.bfloat16"


def test_answers_in_sixteen_bits_are_kept_apart(workspace: Workspace, tiny_model: Path) -> None:
    workspace.update(model=ModelChoice("folder", str(tiny_model)))
    wide, narrow = (
        arm_fingerprints(workspace, Settings(precision=name))["prompt"] for name in ("", "bf16")
    )
    assert wide != narrow


@pytest.mark.parametrize("kind", ["own", "library"])
def test_sixteen_bits_answer_with_adapters(
    kind: str,
    tiny_model: Path,
    tiny_adapters: dict[str, Adapter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both passes in bfloat16; the base is the same before, beside and after adapters."""
    if kind == "library":
        monkeypatch.setattr("ragft_core.models.engine.llama.LLAMA_FAMILY", ())
    engine = open_folder(tiny_model, Settings(precision="bf16"), finder(tiny_adapters))
    assert type(engine._decoder).__name__ == {"own": "LlamaDecoder"}.get(kind, "GenericDecoder")
    assert getattr(engine._decoder, "batches", True)
    name = next(iter(tiny_adapters))
    before = engine.submit(ask("how many days", n=12)).result(60).text
    rows = [engine.submit(ask("how many days", who, n=12)) for who in (None, name)]
    beside, tuned = (row.result(60).text for row in rows)
    engine.close()
    assert before == beside != tuned
