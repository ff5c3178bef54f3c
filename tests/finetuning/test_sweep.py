"""The search over settings: what it tries, how it judges, and that it goes on where it was cut."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ragft_core.errors import SettingsError
from ragft_core.evaluation.running.training import run_sweep
from ragft_core.finetuning import RunConfig
from ragft_core.finetuning.training import best_config, best_trial, start_sweep, trials_of
from ragft_core.finetuning.training.sweeps import spread, study
from ragft_core.finetuning.training.sweeps.here import fresh_folder
from ragft_core.finetuning.training.sweeps.study import Study
from ragft_core.finetuning.training.sweeps.trials import Trial, score, with_trial
from ragft_core.jobs import Job
from ragft_core.jobs.job import METRICS_FILE
from ragft_core.jobs.worker import JobContext
from ragft_core.workspace import Workspace, read_json, write_jsonl


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


class EndedCalls:
    """Calls of a cluster, one of which is at work."""

    def done(self, call: str) -> bool:
        return call != "at work"

    def cancel(self, call: str) -> None:
        assert call == "at work"

    def result(self, call: Trial) -> Trial:
        return call


def test_on_a_cluster_a_hopeless_trial_is_told_to_end_by_a_file_and_no_other(
    workspace: Workspace, tmp_path: Path
) -> None:
    """By what trials write into their folders, as the median rule has it; calls end by hand."""
    context = JobContext(workspace, tmp_path, {"minutes": 60})
    found, calls = Study(context, RunConfig(), 60, together=True), EndedCalls()

    def sent(rights: list[bool]) -> spread._Sent:
        asked = found.ask()
        assert asked is not None
        folder = fresh_folder(tmp_path, asked.number)
        rows = [
            {"step": step, "val_loss": 1.0, "answers": [{"right": right}]}
            for step, right in enumerate(rights, start=1)
        ]
        # The step before the first, and steps that are not evaluated, count for nothing.
        write_jsonl(folder / METRICS_FILE, [{"step": 0, "val_loss": 9.0}, *rows, {"step": 9}])
        one = spread._Sent(asked, "at work", folder)
        spread._watch(context, found, calls, one)  # type: ignore[arg-type]
        return one

    for _ in range(2):
        good = sent([True, True])
        assert not (good.folder / "stop").exists()
        good.call = made(good.asked.number, 1, 1.0)
        assert spread._end(found, calls, good) == 1  # type: ignore[arg-type]
    bad = sent([False, False])
    assert (bad.rejected, bad.n_judged) == (True, 2)
    assert (bad.folder / "stop").exists()
    assert not spread._given_up(bad), "it measures, so that it is waited for"
    bad.call = made(bad.asked.number, 0, 1.0, "cut short")
    spread._end(found, calls, bad)  # type: ignore[arg-type]
    assert [trial.state for trial in trials_of(tmp_path)] == ["finished", "finished", "rejected"]

    # What has not begun when the end is asked for is taken back, and made when the search goes on.
    waiting = sent([])
    (waiting.folder / METRICS_FILE).unlink()
    (tmp_path / "stop").touch()
    spread._watch(context, found, calls, waiting)  # type: ignore[arg-type]
    assert spread._given_up(waiting)
    assert spread._end(found, calls, waiting) == 0  # type: ignore[arg-type]
    assert found.ask() is None
    (tmp_path / "stop").unlink()
    again = Study(context, RunConfig(), 60).ask()
    assert again is not None
    assert again.number == waiting.asked.number


@pytest.mark.slow
def test_trials_are_run_judged_and_resumed(
    trainable: Workspace, short: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, so that the number of trials bounds it and not the clock."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    monkeypatch.setattr(study, "MOST_TRIALS", 3)
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
    monkeypatch.setattr(study, "MOST_TRIALS", 4)
    run_sweep(JobContext(trainable, job.folder, spec))
    assert trials_of(job)[:3] == trials, "what was done is kept"
    assert len(trials_of(job)) == 4
