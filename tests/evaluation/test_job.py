"""The evaluation as a real job: a process of its own, a real model, a real kill."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ragft_core.arms import BY_ID
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.report import load_report
from ragft_core.evaluation.reports.results import load_results
from ragft_core.evaluation.running.job import start_evaluation
from ragft_core.evaluation.store.plans import Entrant, Plan, folder_of
from ragft_core.jobs import Job, JobState
from ragft_core.jobs.process import PROCESS_FILE, read_mark
from ragft_core.types import ModelChoice, QuestionKind
from ragft_core.workspace import Workspace, now
from tests.evaluation.test_runner import table

pytestmark = pytest.mark.slow


def small_questions() -> QuestionSet:
    rows = [
        Question(f"q{i}", f"What is the price of city {i}?", ("red",), QuestionKind.GENERAL)
        for i in range(30)
    ]
    return QuestionSet("small", tuple(rows))


def start(workspace: Workspace, number: int) -> tuple[Plan, Job]:
    """The bare model, greedy and drawn with a seed; times would differ from run to run."""
    entrants = (Entrant(BY_ID["prompt"]), Entrant(BY_ID["prompt"], 1))
    plan = Plan(f"eval-{number}", "small", now(), entrants, latency_questions=0, similarity=False)
    return plan, start_evaluation(workspace, plan, small_questions())


def count(workspace: Workspace, plan: Plan) -> int:
    file = folder_of(workspace, plan.id) / "answers.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


@pytest.fixture
def small(workspace: Workspace, tiny_model: Path, embedder_folder: Path) -> Workspace:
    workspace.update(
        model=ModelChoice(kind="folder", name=str(tiny_model)), max_new_tokens=24, reader=False
    )
    return workspace


def test_a_killed_job_resumed_gives_the_table_of_an_undisturbed_one(
    small: Workspace, tmp_path: Path
) -> None:
    whole, job = start(small, 1)
    assert job.wait(timeout=300).state is JobState.SUCCEEDED, job.log_tail()
    expected = table(load_report(small, whole.id))
    texts = {key: row.answer.text for key, row in load_results(small, whole.id).answers.items()}
    folder_of(small, whole.id).rename(tmp_path / "whole")  # nothing may be borrowed from it

    plan, job = start(small, 2)
    until = time.monotonic() + 300
    while not 0 < count(small, plan) < 60 and time.monotonic() < until:
        time.sleep(0.005)
    mark = read_mark(job.folder / PROCESS_FILE)
    assert mark is not None
    os.kill(mark.pid, signal.SIGKILL)
    assert job.wait(timeout=60).state is JobState.INTERRUPTED
    kept = count(small, plan)
    assert 0 < kept < 60, "it was killed in the middle"
    job.resume()
    assert job.wait(timeout=300).state is JobState.SUCCEEDED, job.log_tail()
    again = load_results(small, plan.id)
    assert {key: row.answer.text for key, row in again.answers.items()} == texts
    assert table(load_report(small, plan.id)) == expected
