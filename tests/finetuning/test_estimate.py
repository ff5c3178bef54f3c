"""What is told before a run starts, and how long a run is."""

from __future__ import annotations

import dataclasses

import pytest

from ragft_core.errors import SettingsError, TrainingDataError
from ragft_core.finetuning import PRESETS, RunConfig, estimate_run, preset_config, save_examples
from ragft_core.finetuning.config import check_config
from ragft_core.finetuning.training import estimate
from ragft_core.finetuning.training.estimate import known_speed, remember_speed
from ragft_core.settings import Settings
from ragft_core.types import Example
from ragft_core.workspace import Workspace
from tests.finetuning.conftest import colour_examples


def test_a_run_has_its_fewest_steps_however_few_examples_there_are() -> None:
    assert RunConfig(steps=60, epochs=3, batch_size=8).n_steps(40, 30.0) == 60


def test_epochs_make_a_run_longer_and_the_tokens_bound_it() -> None:
    config = RunConfig(steps=60, epochs=10, batch_size=8, most_tokens=10**7)
    assert config.n_steps(400, 30.0) == 500
    assert dataclasses.replace(config, most_tokens=24_000).n_steps(400, 30.0) == 100


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("n", [45, 110, 450])
def test_every_preset_evaluates_at_least_five_times(name: str, n: int) -> None:
    config = preset_config(name)
    steps = config.n_steps(n, 40.0)
    assert steps >= 60
    assert steps // config.evaluation_step(steps) >= 5


def test_presets_are_valid_and_unknown_ones_are_named() -> None:
    for config in PRESETS.values():
        check_config(config)
    with pytest.raises(SettingsError, match="'fast'.*quick, balanced, thorough"):
        preset_config("fast")


def test_an_estimate_tells_steps_time_and_memory(trainable: Workspace, settings: Settings) -> None:
    quick, thorough = (
        estimate_run(trainable, PRESETS[name], colour_examples(), settings)
        for name in ("quick", "thorough")
    )
    assert (quick.n_train, quick.n_validation) == (43, 5)
    assert 0 < quick.seconds < thorough.seconds
    assert 0 < quick.memory_mb < thorough.memory_mb
    assert any("few" in warning for warning in quick.warnings)


def test_an_earlier_run_tells_the_speed(trainable: Workspace, settings: Settings) -> None:
    config = PRESETS["quick"]
    before = estimate_run(trainable, config, colour_examples(), settings)
    assert before.basis == "this machine's arithmetic speed"
    digest = _digest(trainable)
    remember_speed(settings, digest, config, 6000, 60.0, 120.0)
    after = estimate_run(trainable, config, colour_examples(), settings)
    assert (after.basis, after.tokens_per_s) == ("an earlier run here", 100.0)
    hybrid = dataclasses.replace(config, with_context=True)
    assert known_speed(settings, digest, hybrid) is None, "passages have their own speed"


def test_a_run_beside_other_load_does_not_spoil_the_next_estimate(settings: Settings) -> None:
    config = PRESETS["quick"]
    remember_speed(settings, "digest", config, 6000, 60.0, 114.0)
    quiet = known_speed(settings, "digest", config)
    # The same work in the same processor time, but five times as long by the clock.
    remember_speed(settings, "digest", config, 6000, 300.0, 114.0)
    assert known_speed(settings, "digest", config) == quiet == pytest.approx(100.0, rel=0.01)


def test_what_competes_makes_the_estimate_longer_and_is_said(
    trainable: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_speed(settings, _digest(trainable), PRESETS["quick"], 6000, 60.0, 120.0)
    found = []
    for share in (0.0, 0.4, 1.0):
        monkeypatch.setattr(estimate, "others_share", lambda share=share: share)
        found.append(estimate_run(trainable, PRESETS["quick"], colour_examples(), settings))
    quiet, busy, full = found
    assert busy.seconds == pytest.approx(quiet.seconds / 0.6)
    assert full.seconds == pytest.approx(quiet.seconds * 2), "the scheduler shares"
    assert any("use 40 % of the processors" in text for text in busy.warnings)
    assert not any("processors" in text for text in quiet.warnings)


def test_the_speed_of_another_machine_is_not_used(
    trainable: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_speed(settings, "digest", PRESETS["quick"], 6000, 60.0, 120.0)
    monkeypatch.setattr("platform.node", lambda: "another")
    assert known_speed(settings, "digest", PRESETS["quick"]) is None


def test_three_examples_are_refused(workspace: Workspace, settings: Settings) -> None:
    save_examples(workspace, colour_examples(3))
    with pytest.raises(TrainingDataError, match="has 3"):
        estimate_run(workspace, PRESETS["quick"], colour_examples(3), settings)


def test_passages_make_a_run_longer(trainable: Workspace, settings: Settings) -> None:
    rows = [Example(f"e{i}", f"Question {i}?", "a") for i in range(60)]
    config = dataclasses.replace(PRESETS["quick"], most_tokens=10**7)
    plain = estimate_run(trainable, config, rows, settings)
    hybrid = estimate_run(trainable, dataclasses.replace(config, with_context=True), rows, settings)
    assert hybrid.tokens > 2 * plain.tokens


def _digest(workspace: Workspace) -> str:
    from pathlib import Path

    from ragft_core.models import weights_digest

    return weights_digest(Path(workspace.settings().model.name))
