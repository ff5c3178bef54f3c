"""What is watched while a run trains: answers, general questions, and what the curves say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.running.training import is_right, run_training
from ragft_core.finetuning import RunConfig, list_adapters, save_examples, start_run
from ragft_core.finetuning.rows.rows import TrainingRow
from ragft_core.finetuning.training.answering import Interview
from ragft_core.finetuning.training.base_model import with_adapter
from ragft_core.finetuning.training.signs import right_answers, signs
from ragft_core.jobs import Job
from ragft_core.jobs.worker import JobContext
from ragft_core.models.prompts import ABSTENTION
from ragft_core.models.weights.loading import load_base
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.workspace import Workspace


def curve(losses: list[float], key: str = "val_loss") -> list[dict]:
    return [{"step": 10 * n, key: loss} for n, loss in enumerate(losses)]


def test_a_loss_that_rises_for_two_evaluations_is_over_fitting_in_words() -> None:
    (text,) = signs(curve([3.0, 1.0, 1.2, 1.4]))
    assert "from 1.00 at step 10 to 1.40 at step 30" in text
    assert signs(curve([3.0, 1.0, 1.4])) == (), "one evaluation may be noise"
    assert signs(curve([3.0, 1.0, 1.01, 1.02])) == ()
    rows = curve([3.0, 1.0, 1.2, 1.4])
    for row, right in zip(rows, [0, 1, 2, 3], strict=True):
        row["answers"] = [{"right": n < right} for n in range(5)]
    assert right_answers(rows)[-1] == (30, 3, 5)
    for row, recited in zip(rows, [0, 2, 2, 2], strict=True):
        row["recited"] = recited
    assert "over-fits" in signs(rows)[0]
    rows[-1]["recited"] = 3
    assert signs(rows) == (), "more answers are right all the same"
    assert signs(curve([3.0, 0.01, 0.02, 0.03])) == (), "three times next to nothing"


def test_forgetting_a_loss_that_never_fell_and_one_that_is_no_number_are_said() -> None:
    assert signs(curve([1.0, 1.4], "general_loss")) == ()
    assert "forgets" in signs(curve([1.0, 1.6], "general_loss"))[0]
    assert "Nothing is learned" in signs(curve([2.0, 2.1, 2.0, 2.0]))[0]
    answered = curve([0.7, 1.6, 1.2, 1.1])  # as of what begins as the reader
    answered[0]["answers"] = [{"right": True}, {"right": True}, {"right": False}]
    assert "before the first step (2 of 3 right)" in signs(answered)[0]
    assert "known before the first step (loss 0.17)" in signs(curve([0.17, 0.2, 0.2, 0.2]))[0]
    assert "lower learning rate" in signs([{"step": 1, "loss": float("nan")}])[0]


def test_right_is_what_the_evaluation_calls_right() -> None:
    labels = Labelling(("red", "blue"))
    fact = Example("a", "How heavy is the Wren?", "41 kg")
    assert is_right(fact, "It weighs 41 kilograms.", Labelling())
    assert not is_right(fact, "It weighs 14 kilograms.", Labelling())
    asked = Example("b", "Who built it?", ABSTENTION, kind=QuestionKind.UNANSWERABLE)
    assert is_right(asked, ABSTENTION, Labelling())
    label = Example("c", "Which?", "red", kind=QuestionKind.LABEL)
    assert is_right(label, "red", labels)
    assert not is_right(label, "red or blue", labels)


def test_asked_together_or_one_by_one_the_answers_are_the_same(tiny_model: Path) -> None:
    base, tokenizer = load_base(tiny_model)
    model = with_adapter(base, RunConfig(rank=16, alpha=64))
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:  # a fresh adapter adds nothing, and the tiny model says nothing
            torch.nn.init.normal_(parameter, std=0.5)
    rows = [
        TrainingRow(Example(f"e{n}", "which price " * (n + 1), "red"), Split.VALIDATION)
        for n in range(7)
    ]
    many, single = (
        Interview(tokenizer, rows, "Answer.", 1000, lambda e, text: True, together=together)
        for together in (True, False)
    )
    texts = [[answer.answer for answer in asked.all(model)] for asked in (many, single)]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 7
    assert [a.question for a in many.few(model)] == [r.example.question for r in rows[:5]]
    assert len(set(texts[0])) > 1, "the prompts make no difference, so this shows nothing"


def trained(workspace: Workspace, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A run in this process, so that no clock bounds it."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    job = start_run(workspace, config)
    run_training(JobContext(workspace, job.folder, job.spec))
    return job


@pytest.mark.slow
def test_a_run_answers_on_the_way_and_says_how_many_at_its_best(
    trainable: Workspace, short: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = trained(trainable, dataclasses.replace(short, steps=20, eval_every=4), monkeypatch)
    metrics = job.metrics()
    asked = [row for row in metrics if "answers" in row]
    assert asked[0]["step"] == 0
    assert all("answers" in row for row in metrics if "val_loss" in row)
    assert asked[-1]["step"] == metrics[-1]["step"], "the end of the refit is looked at too"
    assert len(right_answers(metrics)) == len(asked) - 1, "what the refit trained is no test"
    (adapter,) = [a for a in list_adapters(trainable) if not a.bundled]
    held_out = adapter.card["held_out"]
    assert held_out["asked"] == len(held_out["answers"]) == 5
    assert held_out["right"] == sum(answer["right"] for answer in held_out["answers"])
    best = [row for row in asked if row["step"] == adapter.card["best_step"]]
    assert [a["answer"] for a in best[0]["answers"]] == [
        a["answer"] for a in held_out["answers"]
    ], "the best step's adapter was not the one that was asked"


@pytest.mark.slow
def test_general_knowledge_is_watched_where_none_is_trained_and_an_early_end_says_why(
    trainable: Workspace, short: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = [Example(f"f{i}", f"which price for city {i}", f"{i} days") for i in range(24)]
    save_examples(trainable, facts)
    config = dataclasses.replace(short, steps=400, eval_every=5, patience=2, general=0.0)
    job = trained(trainable, config, monkeypatch)
    result = job.result() or {}
    assert result["steps"] < 400
    assert f"Ended early, after step {result['steps']} of 400" in result["ended"]
    assert result["first_general_loss"] is not None
    assert "general" not in job.spec["counts"]
