"""Runs side by side, and what people call them."""

from __future__ import annotations

import dataclasses

import pytest

from ragft_core.errors import ModelError, SettingsError
from ragft_core.finetuning import RunConfig
from ragft_core.finetuning.training import (
    compare_runs,
    rename_run,
    run_note,
    run_title,
    seed_spreads,
    spread_text,
    with_seeds,
)
from ragft_core.jobs import Job, get_job
from ragft_core.strategies import add_seed_arms
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl, read_json, write_json
from tests.finetuning.test_adapters import make as make_adapter


def made_run(workspace: Workspace, run_id: str, config: dict, losses: list[float]) -> Job:
    """A run's folder as a job leaves it, without the training."""
    folder = workspace.path / "jobs" / run_id
    folder.mkdir(parents=True)
    spec = {"config": config, "counts": {"train": 40, "validation": 5}}
    head = {"kind": "train", "spec": spec, "created_at": "2026-11-25T10:00:00Z", "created_ns": 1}
    write_json(folder / "spec.json", head)
    write_json(folder / "status.json", {"state": "succeeded", "share": 1.0})
    rows = [
        {
            "step": n,
            "loss": loss,
            "val_loss": loss,
            "answers": [
                {"question": "How heavy?", "gold": "41 kg", "answer": f"{n} kg", "right": n > 0},
                {"question": "Who?", "gold": "Ann", "answer": "Bert", "right": False},
            ],
        }
        for n, loss in enumerate(losses)
    ]
    append_jsonl(folder / "metrics.jsonl", rows)
    held_out = {"right": 3, "asked": 5, "answers": []}
    result = {
        "first_val_loss": losses[0],
        "val_loss": min(losses),
        "best_step": losses.index(min(losses)),
        "steps": len(losses) - 1,
        "seconds": 61.0,
        "ended": "Ended early, after step 1 of 60.",
        "held_out": held_out,
    }
    write_json(folder / "result.json", result)
    return get_job(workspace, run_id)


def test_only_what_differs_is_told_and_scores_stand_in_the_order_asked(
    workspace: Workspace,
) -> None:
    config = RunConfig(name="One")
    first = made_run(workspace, "a", to_dict(config), [2.0, 1.0])
    other = dataclasses.replace(config, name="Two", rank=4, learning_rate=5e-4)
    second = made_run(workspace, "b", to_dict(other), [2.0, 1.5])
    found = compare_runs([second, first])
    assert found.differing == {"rank": (4, 16), "learning_rate": (5e-4, 1e-3)}
    assert [run.title for run in found.runs] == ["Two", "One"]
    assert [run.scores.val_loss for run in found.runs] == [1.5, 1.0]
    assert (found.runs[0].scores.right, found.runs[0].scores.asked) == (3, 5)
    assert found.runs[0].right_share == ((0, 0.0), (1, 0.5))
    assert found.runs[0].scores.general_loss is None, "not measured is not zero"


def test_a_setting_that_an_older_run_did_not_know_stands_with_its_default(
    workspace: Workspace,
) -> None:
    old = {key: value for key, value in to_dict(RunConfig()).items() if key != "refit"}
    first = made_run(workspace, "a", old, [1.0])
    second = made_run(workspace, "b", to_dict(RunConfig(refit=False)), [1.0])
    assert compare_runs([first, second]).differing == {"refit": (True, False)}


def test_a_run_is_renamed_and_annotated(workspace: Workspace) -> None:
    job = made_run(workspace, "a", to_dict(RunConfig(preset="quick")), [1.0])
    assert run_title(job) == "Quick run"
    rename_run(workspace, "a", "  The  good one ", "rank 16, all layers")
    assert run_title(job) == "The good one"
    assert run_note(job).notes == "rank 16, all layers"
    with pytest.raises(ModelError, match="needs a name"):
        rename_run(workspace, "a", " ")


def seeded(workspace: Workspace, seed: int, right: int, **changes: object) -> Job:
    config = dataclasses.replace(RunConfig(name=f"Mine, seed {seed}", seed=seed), **changes)  # type: ignore[arg-type]
    name = f"train-{seed}-{config.rank}"
    job = made_run(workspace, name, to_dict(config), [2.0, 1.0 + seed / 10])
    make_adapter(workspace, name)
    left = read_json(job.folder / "result.json")
    left |= {"adapter": name, "held_out": {"right": right, "asked": 10, "answers": []}}
    write_json(job.folder / "result.json", left)
    return get_job(workspace, name)


def test_runs_that_differ_by_their_seed_alone_show_their_spread(workspace: Workspace) -> None:
    runs = [seeded(workspace, seed, right) for seed, right in ((2, 8), (1, 5), (0, 5))]
    runs.append(seeded(workspace, 3, 9, rank=4))  # another setting is another run
    (found,) = seed_spreads(runs)
    assert found.seeds == (0, 1, 2)
    assert found.rights == (0.5, 0.5, 0.8)
    assert found.val_losses == (1.0, 1.1, 1.2)
    text = spread_text(found)
    assert text.startswith("Mine, 3 seeds: 50 to 80 % of the watched questions right")
    assert "mean 60 %, standard deviation 17 points" in text
    made = add_seed_arms(workspace, found)
    assert [arm.settings.adapter for arm in made] == list(found.adapters)
    assert add_seed_arms(workspace, found) == []  # each has one already


def test_seeds_are_counted_from_the_configs_own() -> None:
    config = RunConfig(name="Mine", seed=3)
    assert with_seeds(config, 1) == [config]
    assert [(c.seed, c.name) for c in with_seeds(config, 2)] == [
        (3, "Mine, seed 3"), (4, "Mine, seed 4"),
    ]  # fmt: skip
    with pytest.raises(SettingsError):
        with_seeds(config, 0)
