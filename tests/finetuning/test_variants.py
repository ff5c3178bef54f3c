"""rsLoRA and LoRA+ do what their papers say; DoRA is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ragft_core.errors import SettingsError
from ragft_core.finetuning import RunConfig
from ragft_core.finetuning.config import with_settings
from ragft_core.finetuning.training.base_model import with_adapter
from ragft_core.finetuning.training.optimise import Schedule, make_optimiser, optimise
from ragft_core.models.weights.loading import load_base


def test_rslora_weighs_by_the_root_of_the_rank(tiny_model: Path) -> None:
    config = RunConfig(rank=16, alpha=32, rslora=True)
    model = with_adapter(load_base(tiny_model)[0], config)
    scales = {
        module.scaling["default"]
        for module in model.modules()
        if isinstance(getattr(module, "scaling", None), dict)
    }
    assert scales == {config.scale} == {8.0}
    assert RunConfig(rank=16, alpha=32).scale == 2.0


def test_lora_plus_lets_the_second_matrix_learn_faster(tiny_model: Path) -> None:
    model = with_adapter(load_base(tiny_model)[0], RunConfig(rank=2, alpha=4))
    schedule = Schedule(4, 1e-3, lora_plus=16.0)
    optimiser = make_optimiser(model, schedule)
    optimise(model, optimiser, schedule, lambda step: [], after_step=lambda step: False)
    names = {id(p): name for name, p in model.named_parameters()}
    rates = {
        (".lora_B." in names[id(p)], group["lr"])
        for group in optimiser.param_groups
        for p in group["params"]
    }
    assert {second: rate for second, rate in rates} == {
        False: pytest.approx(1e-3), True: pytest.approx(1.6e-2)
    }  # fmt: skip
    assert len(rates) == 2
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_dora_is_refused_with_its_reason() -> None:
    with pytest.raises(SettingsError, match="share one base.*rslora"):
        with_settings(RunConfig(), ["dora=true"])
