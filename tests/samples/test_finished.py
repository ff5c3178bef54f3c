"""The finished cases: small, of this lab's model, and whole when they are opened."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from ragft_core.advisor import load_criteria, read_answers
from ragft_core.errors import WorkspaceError
from ragft_core.finetuning.adapters import BUNDLED_FOLDER, CARD
from ragft_core.finetuning.exporting import DIFFERENCE, join_adapter
from ragft_core.jobs import made_elsewhere
from ragft_core.models.weights.bundled import GENERATOR
from ragft_core.samples import (
    Sample,
    list_samples,
    open_finished,
    read_sample,
    tour_of,
)
from ragft_core.samples.finished import FILE, TOUR
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, read_json

SAMPLES = [sample for sample in list_samples() if (sample.folder / FILE).exists()]
MOST_BYTES = 8_000_000
PLACES = {"advisor", "documents", "chat", "evaluation", "record"}


@pytest.fixture(params=SAMPLES, ids=lambda sample: sample.name)
def sample(request: pytest.FixtureRequest) -> Sample:
    found: Sample = request.param
    return found


@pytest.fixture
def unpacked(sample: Sample, tmp_path: Path) -> Path:
    with zipfile.ZipFile(sample.folder / FILE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def test_together_they_stay_small() -> None:
    assert sum((sample.folder / FILE).stat().st_size for sample in SAMPLES) <= MOST_BYTES


def test_a_case_says_where_it_was_made_and_with_which_model(unpacked: Path) -> None:
    origin = made_elsewhere(Workspace(unpacked))
    assert origin
    assert origin.weights == GENERATOR.sha256
    assert {path.name for path in unpacked.glob("adapters/*")} == set(origin.adapters)
    assert {path.name for path in unpacked.glob("evaluations/eval-*")} == set(origin.evaluations)
    ended = {path.parent.name for path in unpacked.glob("evaluations/*/report.json")}
    assert ended == set(origin.evaluations), "one that was broken off is none of the case"
    assert {path.stem for path in unpacked.glob("advisor/records/*")} == set(origin.records)
    assert origin.machine in origin.text
    assert GENERATOR.sha256[:12] in origin.text


def test_no_case_names_a_folder_of_the_machine_it_was_made_on(unpacked: Path) -> None:
    for file in unpacked.rglob("*.json*"):
        text = file.read_text(encoding="utf-8")
        assert not [mark for mark in ('"/tmp', "/root/", '"/home/', "/workspaces/") if mark in text]


def test_stored_adapters_are_those_that_answered(unpacked: Path) -> None:
    for folder in unpacked.glob("adapters/*"):
        expected = read_json(folder / CARD)["sha256"]
        if (folder / DIFFERENCE).exists():
            join_adapter(folder, BUNDLED_FOLDER / "reader")
        assert read_json(folder / CARD)["sha256"] == expected
    answered = set()
    for file in unpacked.glob("evaluations/*/answers.jsonl"):
        rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        answered |= {
            row["answer"]["adapter"] for row in rows if row["arm"] in ("fine-tuned", "hybrid")
        }
    assert answered == {folder.name for folder in unpacked.glob("adapters/*")}


def test_the_tour_has_five_stops_and_the_questionnaire_fits(sample: Sample, tmp_path: Path) -> None:
    stops = read_json(sample.folder / TOUR)["stops"]
    assert len(stops) == 5
    assert {stop["page"] for stop in stops} == PLACES
    answers = read_answers(load_criteria(Workspace(tmp_path)), sample.folder / "answers.json")
    assert len(answers.choices) > 15


def test_a_case_that_leads_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    from ragft_core.samples.finished import _safe

    names = ["adapters/a/card.json", "../x", "/etc/x", "adapters/../../x", "chats/x", "advisor/"]
    assert _safe(names) == ["adapters/a/card.json"]


@pytest.mark.slow
def test_an_opened_case_is_ready_and_has_nothing_left_to_ask(
    settings: Settings, generator_folder: Path, embedder_folder: Path
) -> None:
    from ragft_core.evaluation.store.answers import answer_tasks, stored_keys
    from ragft_core.evaluation.store.plans import list_plans, load_plan
    from ragft_core.strategies import arm_states

    workspace = open_finished(settings, "triage")
    assert len(tour_of(workspace)) == 5
    ready = {state.arm.id for state in arm_states(workspace) if state.ready}
    assert ready >= {"prompt", "rag", "fine-tuned"}
    plan, questions = load_plan(workspace, list_plans(workspace)[0].id)
    stored = stored_keys(workspace.path / "evaluations" / plan.id)
    # Model, adapters, documents and prompts are what they were: the same answers by their digests.
    for task in answer_tasks(workspace, settings, plan, questions):
        assert stored[task.entrant.name, task.question.id, task.draw] == task.key


def test_a_sample_without_a_finished_case_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "samples" / "triage"
    folder.mkdir(parents=True)
    shutil.copy(read_sample("triage").folder / "sample.json", folder)
    monkeypatch.setattr("ragft_core.samples.load.FOLDER", folder.parent)
    with pytest.raises(WorkspaceError, match="no finished case"):
        open_finished(settings, "triage")
