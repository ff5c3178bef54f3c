"""Finished cases of other models: made by the same script, kept in the lab's home, opened by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ragft_core.errors import WorkspaceError
from ragft_core.jobs import MadeElsewhere, keep_origin, made_elsewhere
from ragft_core.models import weights_digest
from ragft_core.samples import finish, finished_cases, open_finished, read_sample
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace, list_workspaces, write_json

FACTS = {
    "opens": ("When does the kiosk open?", "At seven"),
    "closes": ("When does the kiosk close?", "At nine"),
    "tea": ("How much is a cup of tea?", "Two euros"),
    "owner": ("Who owns the kiosk?", "Marta Lind"),
    "colour": ("Which colour is the kiosk?", "Green"),
    "bread": ("Where does its bread come from?", "The mill at Orre"),
}


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sample as small as can be trained, with the questionnaire and the tour of another."""
    folder = tmp_path / "samples" / "kiosk"
    (folder / "documents").mkdir(parents=True)
    known = read_sample("knowledge").folder
    for name in ("answers.json", "tour.json"):
        shutil.copy(known / name, folder)
    told = json.loads((known / "sample.json").read_text(encoding="utf-8"))
    told |= {"name": "kiosk", "title": "Kiosk", "max_new_tokens": 8, "reader": False}
    (folder / "sample.json").write_text(json.dumps(told), encoding="utf-8")
    lines = "\n\n".join(f"{question} {answer}." for question, answer in FACTS.values())
    (folder / "documents" / "kiosk.md").write_text(f"# The kiosk\n\n{lines}\n", encoding="utf-8")
    rows = [
        {
            "id": f"{fact}-{n}", "question": f"{start} {question}", "answer": answer, "fact": fact,
            "split": "test" if n == 2 else "train", "document_id": "kiosk.md",
        }
        for fact, (question, answer) in FACTS.items()
        for n, start in enumerate(("Tell me:", "Please:", "Say:"))
    ]  # fmt: skip
    text = "\n".join(json.dumps(row) for row in rows)
    (folder / "examples.jsonl").write_text(text, encoding="utf-8")
    monkeypatch.setattr("ragft_core.samples.load.FOLDER", folder.parent)
    monkeypatch.setitem(finish.SIZES, "kiosk", finish.Size(4, 4, 4_000, 4, 4_000, 4))
    return "kiosk"


def test_a_case_that_cannot_be_packed_leaves_the_one_before(workspace: Workspace) -> None:
    target = workspace.path.parent / "case.zip"
    keep_origin(workspace, MadeElsewhere("a desk", "2026-11-30", "Tiny", "0" * 64))
    write_json(workspace.folder("advisor") / "answers.json", {})
    before = finish._pack(workspace, target).read_bytes()
    workspace.folder("adapters", "one-1")  # without its files
    with pytest.raises(FileNotFoundError):
        finish._pack(workspace, target)
    assert target.read_bytes() == before


@pytest.mark.slow
def test_a_case_of_another_model_is_made_kept_and_opened(
    kiosk: str, settings: Settings, tiny_model: Path, embedder_folder: Path
) -> None:
    from ragft_core.evaluation.store.answers import answer_tasks, stored_keys
    from ragft_core.evaluation.store.plans import list_plans, load_plan
    from ragft_core.strategies import arm_states

    sample, choice = read_sample(kiosk), ModelChoice("folder", str(tiny_model))
    assert finished_cases(sample, settings) == []
    file = finish.finish(sample, settings, choice)
    assert not list(sample.folder.glob("*.zip"))  # the lab's own files are not written to
    assert finish.finish(sample, settings, choice) == file  # all was done
    (case,) = finished_cases(sample, settings)
    assert case.file == file
    assert case.origin.weights == weights_digest(tiny_model)
    assert len(case.origin.adapters) == 2

    with pytest.raises(WorkspaceError, match=r"no finished case of the bundled model.*tiny-model"):
        open_finished(settings, kiosk)
    workspace = open_finished(settings, kiosk, model=case.origin.model)
    assert workspace.settings().model == choice
    assert workspace.settings().name == f"kiosk finished {case.origin.model}"
    assert {state.arm.id for state in arm_states(workspace) if state.ready} >= {
        "prompt", "rag", "fine-tuned", "hybrid",
    }  # fmt: skip
    plan, questions = load_plan(workspace, list_plans(workspace)[0].id)
    stored = stored_keys(workspace.path / "evaluations" / plan.id)
    assert stored
    for task in answer_tasks(workspace, settings, plan, questions):
        assert stored[task.entrant.name, task.question.id, task.draw] == task.key


@pytest.mark.slow
def test_weights_that_have_changed_do_not_pass_for_those_of_the_case(
    kiosk: str, settings: Settings, tiny_model: Path, embedder_folder: Path, tmp_path: Path
) -> None:
    from ragft_core.samples.finished import cases_folder

    sample = read_sample(kiosk)
    made = Workspace(tmp_path / "made")
    made.path.mkdir()
    choice = ModelChoice("folder", str(tiny_model))
    keep_origin(made, MadeElsewhere("a desk", "2026-11-30", "Tiny", "0" * 64, choice=choice))
    folder = cases_folder(sample, settings)
    folder.mkdir(parents=True)
    shutil.make_archive(str(folder / "other"), "zip", made.path)
    (folder / "damaged.zip").write_bytes(b"PK no archive")
    assert [case.origin.model for case in finished_cases(sample, settings)] == ["Tiny"]
    with pytest.raises(WorkspaceError, match="made with other weights of Tiny"):
        open_finished(settings, kiosk, model="Tiny")
    assert list_workspaces(settings) == []
    assert made_elsewhere(made)
