"""Real LoRA runs on a tiny model, in real background processes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from ragft_core.errors import ModelError, SettingsError, TrainingDataError
from ragft_core.finetuning import RunConfig, list_adapters, list_runs, save_examples, start_run
from ragft_core.finetuning.adapters import BUNDLED_FOLDER, WEIGHTS
from ragft_core.finetuning.training.checkpoints import newest_checkpoint, verifies
from ragft_core.jobs import Job, JobState
from ragft_core.jobs.process import read_mark
from ragft_core.models.weights.loading import weights_digest
from ragft_core.types import Example, ModelChoice, QuestionKind
from ragft_core.workspace import Workspace, file_digest
from tests.finetuning.conftest import colour_examples

pytestmark = pytest.mark.slow


def finished(job: Job, state: JobState = JobState.SUCCEEDED) -> dict:
    status = job.wait(400)
    assert status.state is state, f"{status}\n{job.log_tail()}"
    return job.result() or {}


def weights(workspace: Workspace, job: Job) -> dict:
    return load_file(workspace.path / "adapters" / job.id / "adapter_model.safetensors")


def until_step(job: Job, step: int) -> None:
    end = time.monotonic() + 300
    while not any(row["step"] >= step for row in job.metrics()):
        assert time.monotonic() < end, job.log_tail()
        assert job.status().active, job.log_tail()
        time.sleep(0.02)


def test_a_run_learns_tells_how_and_leaves_an_adapter_with_its_card(
    trainable: Workspace, short: RunConfig, tiny_model: Path
) -> None:
    before = {
        f.name: file_digest(f) for f in tiny_model.iterdir() if f.is_file() and f.suffix != ".lock"
    }
    job = start_run(trainable, short)
    result = finished(job)
    # The tiny model's tied embeddings are so small that no adapter gets far below 5 nats.
    assert result["val_loss"] < result["first_val_loss"] - 0.5, "it did not learn"
    (adapter,) = [a for a in list_adapters(trainable) if not a.bundled]
    assert adapter.id == result["adapter"] == trainable.settings().adapter
    assert adapter.base == weights_digest(tiny_model)
    assert not adapter.with_context
    card = adapter.card
    assert card["counts"] == {"train": 43, "validation": 5}
    assert card["config"]["learning_rate"] == short.learning_rate
    assert card["steps"] == 60
    assert {"torch", "transformers", "peft", "python", "ragft"} <= set(card["versions"])
    after = {name: file_digest(tiny_model / name) for name in before}
    assert after == before, "training touched the base model on disk"
    _check_metrics(job)
    _check_files(trainable.path / "adapters" / job.id, [tiny_model, trainable.path])


def _check_metrics(job: Job) -> None:
    """Loss, validation, speed and the time left are told at every step."""
    rows = job.metrics()
    assert rows[0]["step"] == 0, "the base model is measured first"
    assert [row["step"] for row in rows[1:]] == list(range(1, rows[-1]["steps"] + 1))
    phases = [row["phase"] for row in rows[1:]]
    assert phases.count("search") == 60
    assert set(phases[60:]) == {"refit"}, "the refit follows with all rows"
    assert not any("val_loss" in row for row in rows[61:]), "there is nothing left to watch"
    assert sum("val_loss" in row for row in rows) >= 6
    assert all(row["tokens_per_s"] > 0 and row["eta_s"] >= 0 for row in rows[1:])
    assert rows[-1]["eta_s"] == 0
    for told in ("tokens", "seconds"):  # of the whole run, the search and its refit
        assert [row[told] for row in rows[1:]] == sorted({row[told] for row in rows[1:]})


def _check_files(folder: Path, places: list[Path]) -> None:
    """An adapter is three files, and none names a place on this machine."""
    for name in ("adapter_config.json", "card.json"):
        assert not any(str(place) in (folder / name).read_text() for place in places)
    assert sorted(f.name for f in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    ]


def test_the_same_seed_gives_the_same_adapter(trainable: Workspace, short: RunConfig) -> None:
    config = dataclasses.replace(short, steps=6, dropout=0.1)
    first, second = start_run(trainable, config), start_run(trainable, config)
    finished(first), finished(second)
    one, two = weights(trainable, first), weights(trainable, second)
    assert all(one[name].equal(two[name]) for name in one)


def test_killed_twice_and_resumed_it_equals_an_uninterrupted_run(
    trainable: Workspace, short: RunConfig
) -> None:
    config = dataclasses.replace(short, steps=120, eval_every=10, dropout=0.1, patience=0)
    whole = start_run(trainable, config)
    finished(whole)
    killed = start_run(trainable, config)
    for step in (35, 125):  # in the search, and in the refit
        until_step(killed, step)
        os.kill(read_mark(killed.folder / "process.json").pid, signal.SIGKILL)
        finished(killed, JobState.INTERRUPTED)
        assert not (trainable.path / "adapters" / killed.id).exists()
        killed.resume()
    finished(killed)
    one, two = weights(trainable, whole), weights(trainable, killed)
    worst = max((one[name] - two[name]).abs().max().item() for name in one)
    assert worst < 1e-6, f"the adapters differ by {worst}"
    losses = [[row["loss"] for row in job.metrics() if "loss" in row] for job in (whole, killed)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6), "the curve does not continue"
    steps = [[row["step"] for row in job.metrics()] for job in (whole, killed)]
    assert steps[0] == steps[1] == list(range(len(steps[0])))


def test_a_broken_newest_checkpoint_is_passed_over_and_the_run_resumes_from_the_one_before(
    trainable: Workspace, short: RunConfig
) -> None:
    job = start_run(trainable, dataclasses.replace(short, steps=100, eval_every=10))
    until_step(job, 45)
    job.stop(force=True)
    job.wait(120)
    folder = job.folder / "checkpoints"
    newest = newest_checkpoint(folder)
    older = sorted(folder.glob("step-*"))[-2]
    assert newest is not None
    for file in sorted(newest.iterdir()):
        for damage in ("truncated", "deleted"):
            kept = newest.with_name("kept")
            shutil.copytree(newest, kept)
            if damage == "deleted":
                file.unlink()
            else:
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
            assert not verifies(newest), f"{file.name} was {damage} and still verifies"
            assert newest_checkpoint(folder) == older
            shutil.rmtree(newest)
            kept.replace(newest)
    assert newest_checkpoint(folder) == newest
    (newest / "optimiser.safetensors").unlink()
    job.resume()
    assert finished(job)["steps"] == 100


def test_stop_keeps_the_best_adapter_and_can_go_on(trainable: Workspace, short: RunConfig) -> None:
    job = start_run(trainable, dataclasses.replace(short, steps=2000, patience=0))
    until_step(job, 15)
    job.stop()
    result = finished(job, JobState.STOPPED)
    (adapter,) = [a for a in list_adapters(trainable) if not a.bundled]
    assert adapter.id == job.id == trainable.settings().adapter
    assert adapter.card["stopped"]
    assert 15 <= result["steps"] < 2000
    job.resume()
    until_step(job, result["steps"] + 5)
    job.stop()
    assert finished(job, JobState.STOPPED)["steps"] > result["steps"]


def test_sigterm_saves_a_checkpoint_and_makes_no_adapter(
    trainable: Workspace, short: RunConfig
) -> None:
    job = start_run(trainable, dataclasses.replace(short, steps=2000, eval_every=300))
    until_step(job, 12)
    os.kill(read_mark(job.folder / "process.json").pid, signal.SIGTERM)
    finished(job, JobState.INTERRUPTED)
    saved = newest_checkpoint(job.folder / "checkpoints")
    assert saved is not None
    assert json.loads((saved / "progress.json").read_text())["step"] >= 12
    assert [a for a in list_adapters(trainable) if not a.bundled] == []


def test_a_rising_validation_loss_ends_the_run_and_the_best_adapter_is_kept(
    trainable: Workspace, short: RunConfig
) -> None:
    noise = [
        dataclasses.replace(e, answer=f"{(i * 7919) % 97}")
        for i, e in enumerate(colour_examples(24))
    ]
    save_examples(trainable, noise)
    job = start_run(trainable, dataclasses.replace(short, steps=400, eval_every=5, patience=2))
    result = finished(job)
    assert result["steps"] < 400, "it never ended early"
    assert result["best_step"] < result["steps"]
    watched = [row for row in job.metrics()[1:] if "recited" in row and row["phase"] == "search"]
    (kept,) = [row for row in watched if row["step"] == result["best_step"]]
    assert result["val_loss"] == kept["val_loss"]
    assert kept["recited"] == max(row["recited"] for row in watched)
    (adapter,) = [a for a in list_adapters(trainable) if not a.bundled]
    assert adapter.card["ended"].startswith("Ended early")


def test_a_hybrid_run_trains_with_passages(trainable: Workspace, short: RunConfig) -> None:
    def passages(example: Example) -> list[tuple[str, str]]:
        return [("City", f"the price is {example.answer}"), ("Days", "many days in the city")]

    job = start_run(trainable, dataclasses.replace(short, with_context=True), passages)
    result = finished(job)
    assert result["val_loss"] < result["first_val_loss"]
    assert trainable.settings().hybrid_adapter == result["adapter"]
    assert trainable.settings().adapter == ""


def test_what_began_as_the_reader_is_kept_half_of_the_way(
    workspace: Workspace, short: RunConfig, generator_folder: Path
) -> None:
    save_examples(workspace, colour_examples(12))
    config = dataclasses.replace(short, with_context=True, steps=2, refit=False, learning_rate=1e-3)
    runs = [
        start_run(
            workspace,
            dataclasses.replace(config, interpolate=share),
            lambda example: [("City", f"the price is {example.answer}")],
        )
        for share in (0.5, 1.0)
    ]
    for run in runs:
        finished(run)
    half, whole = (weights(workspace, run) for run in runs)
    reader = load_file(BUNDLED_FOLDER / "reader" / WEIGHTS)
    changed = {name: (whole[name] - reader[name].float()).abs().max().item() for name in whole}
    assert max(changed.values()) > 1e-4
    for name, one in half.items():
        assert one.allclose((reader[name].float() + whole[name]) / 2, atol=1e-6)


def test_a_hybrid_run_without_documents_is_refused(trainable: Workspace, short: RunConfig) -> None:
    with pytest.raises(TrainingDataError, match="there are none.*Add documents"):
        start_run(trainable, dataclasses.replace(short, with_context=True), lambda example: [])
    assert list_runs(trainable) == []


def test_few_examples_are_refused_before_anything_starts(
    trainable: Workspace, short: RunConfig
) -> None:
    save_examples(trainable, colour_examples(3))
    with pytest.raises(TrainingDataError, match="at least 10 .* has 3"):
        start_run(trainable, short)
    assert list_runs(trainable) == []


def test_an_endpoint_is_not_trained(trainable: Workspace, short: RunConfig) -> None:
    trainable.update(model=ModelChoice(kind="endpoint", name="big", url="http://127.0.0.1:1"))
    with pytest.raises(ModelError, match="big is reached through an endpoint"):
        start_run(trainable, short)


@pytest.mark.parametrize("change", [{"rank": 0}, {"targets": "lm_head"}, {"learning_rate": 5.0}])
def test_settings_out_of_range_are_refused_by_name(
    trainable: Workspace, short: RunConfig, change: dict
) -> None:
    with pytest.raises(SettingsError, match=next(iter(change))):
        start_run(trainable, dataclasses.replace(short, **change))


def test_a_folder_that_is_no_model_fails_in_words(
    trainable: Workspace, short: RunConfig, tmp_path: Path
) -> None:
    trainable.update(model=ModelChoice(kind="folder", name=str(tmp_path)))
    job = start_run(trainable, short)
    finished(job, JobState.FAILED)
    assert "no config.json" in job.status().error


def test_an_example_too_long_for_the_model_is_named(trainable: Workspace, short: RunConfig) -> None:
    long = Example("long", "why " * 990, "red", kind=QuestionKind.LABEL)
    save_examples(trainable, [*colour_examples(12), long])
    job = start_run(trainable, short)
    finished(job, JobState.FAILED)
    assert "'why why" in job.status().error
