"""The search over settings: what it tries, how it judges, and that it goes on where it was cut."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ragft_core.errors import SettingsError
from ragft_core.evaluation.running.training import run_sweep
from ragft_core.finetuning import RunConfig
from ragft_core.finetuning.training import best_config, best_trial, start_sweep, sweep, trials_of
from ragft_core.finetuning.training.sweep import Trial, score, with_trial
from ragft_core.jobs import Job
from ragft_core.jobs.worker import JobContext
from ragft_core.workspace import Workspace, read_json


def made(number: int, right: int, loss: float | None, state: str = "finished") -> Trial:
    return Trial(number, 1e-3, 16, 60, state, right, 5, loss, 1.0)


def test_a_right_answer_outweighs_any_loss_and_the_loss_decides_between_equals() -> None:
    assert score(3, 5, 9.0) > score(2, 5, 0.0)
    assert score(3, 5, 0.5) > score(3, 5, 0.6)
    assert score(3, 5, None) == score(3, 5, float("nan")) == 0.5
    trials = [made(0, 3, 0.5), made(1, 3, 0.4), made(2, 5, 0.1, "rejected"), made(3, 3, 0.4)]
    assert best_trial(trials) == trials[1]
    assert best_trial([made(0, 5, 0.1, "cut short")]) is None


def test_a_trial_keeps_the_ratio_of_alpha_and_its_steps_are_the_runs() -> None:
    config = with_trial(RunConfig(rank=16, alpha=32), 2e-4, 8, 45)
    assert (config.rank, config.alpha, config.learning_rate) == (8, 16, 2e-4)
    assert config.n_steps(10_000, 40.0) == 45


@pytest.mark.parametrize("minutes", [0, 0.5, 10_000])
def test_minutes_out_of_range_are_refused(
    trainable: Workspace, short: RunConfig, minutes: float
) -> None:
    with pytest.raises(SettingsError, match="between 1 and"):
        start_sweep(trainable, short, minutes)


@pytest.mark.slow
def test_trials_are_run_judged_and_resumed(
    trainable: Workspace, short: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, so that the number of trials bounds it and not the clock."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    monkeypatch.setattr(sweep, "MOST_TRIALS", 3)
    config = dataclasses.replace(short, steps=10, eval_every=2)
    job = start_sweep(trainable, config, 60)
    spec = read_json(job.folder / "spec.json")["spec"]
    run_sweep(JobContext(trainable, job.folder, spec))
    trials = trials_of(job)
    assert [trial.number for trial in trials] == [0, 1, 2]
    first = trials[0]
    assert (first.learning_rate, first.rank, first.steps) == (config.learning_rate, 16, 10)
    assert all(trial.asked == 5 for trial in trials)
    assert len({trial.learning_rate for trial in trials}) == 3
    best = best_trial(trials)
    assert best is not None
    assert (job.result() or {})["best"]["number"] == best.number
    found = best_config(job)
    assert found is not None
    assert (found.rank, found.refit) == (best.rank, True), "the best is trained on all rows"
    assert not list(Path(job.folder).glob("trials/*/checkpoints")), "the disk would fill up"
    monkeypatch.setattr(sweep, "MOST_TRIALS", 4)
    run_sweep(JobContext(trainable, job.folder, spec))
    assert trials_of(job)[:3] == trials, "what was done is kept"
    assert len(trials_of(job)) == 4
