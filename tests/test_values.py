"""Values are checked when they are read: what does not fit is named with its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ragft_core.advisor import list_records, load_answers, load_criteria, load_record
from ragft_core.errors import RagftError, WorkspaceError
from ragft_core.evaluation import list_plans, load_report, load_results
from ragft_core.finetuning import load_examples
from ragft_core.finetuning.training.checkpoints import Progress
from ragft_core.jobs import JobState, list_jobs
from ragft_core.knowledge import chunks_of, documents
from ragft_core.overview import find_damage
from ragft_core.schema import MIGRATIONS, SCHEMAS, bring_forward
from ragft_core.strategies import list_conversations, load_votes
from ragft_core.types import Answer, Example, SearchMode
from ragft_core.values import InvalidValueError, from_dict, to_dict
from ragft_core.workspace import (
    Workspace,
    WorkspaceSettings,
    append_jsonl,
    read_json,
    read_jsonl,
    read_values,
    write_json,
)

OLD = Path(__file__).parent / "data" / "workspace-v1"
SETTINGS = {"name": "Test", "created_at": "2026-11-22"}


@pytest.fixture
def old(tmp_path: Path) -> Workspace:
    """A workspace as the first version of the product wrote it."""
    return Workspace(Path(shutil.copytree(OLD, tmp_path / "old")))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"top_k": "many"}, "top_k is 'many'; allowed: a valid integer"),
        ({"top_k": 0}, "top_k is 0; allowed: greater than or equal to 1"),
        ({"top_k": True}, "top_k is True; a number is allowed"),
        ({"search_mode": "fuzzy"}, "search_mode is 'fuzzy'; allowed: 'hybrid', 'dense' or 'text'"),
        ({"labels": "x"}, "labels is 'x'; allowed: a valid tuple"),
        ({"model": {"kind": 3}}, "model.kind is 3; allowed: a valid string"),
        ({"reader": "perhaps"}, "reader is 'perhaps'; allowed: a valid boolean"),
        ({"name": None}, "name is None; allowed: a valid string"),
    ],
)
def test_a_bad_field_is_named_with_what_is_allowed(changes: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        from_dict(WorkspaceSettings, SETTINGS | changes, "workspace.json")
    assert refused.value.message.startswith(f"workspace.json: {told}")


def test_a_missing_field_and_data_that_is_no_object_are_named() -> None:
    with pytest.raises(InvalidValueError, match="e: question is missing"):
        from_dict(Example, {"id": "e1", "answer": "a"}, "e")
    with pytest.raises(InvalidValueError, match=r"\['a'\] is not a JSON object"):
        from_dict(Example, ["a"])


def test_unknown_keys_are_passed_over_and_values_come_back_equal() -> None:
    answer = Answer("rag", "q", "a", citations=())
    assert from_dict(Answer, {**to_dict(answer), "later": 1}) == answer


def test_a_bad_row_is_named_by_file_and_number(tmp_path: Path) -> None:
    file = tmp_path / "examples.jsonl"
    append_jsonl(file, [{"id": "a", "question": "q", "answer": "a"}, {"id": "b", "question": 7}])
    with pytest.raises(InvalidValueError, match=r"examples.jsonl, row 2: question is 7"):
        read_values(file, Example)


def test_every_file_carries_its_version_and_loses_it_when_read(tmp_path: Path) -> None:
    for name in SCHEMAS:
        file = tmp_path / name.replace("*", "")
        write_json(file, {"a": 1})
        assert json.loads(file.read_text())["schema"] == SCHEMAS[name]
        assert read_json(file) == {"a": 1}


def test_a_file_of_a_newer_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"schema": 99}))
    with pytest.raises(WorkspaceError, match="newer version.*Update the lab"):
        read_json(file)


def test_every_older_version_has_a_way_forward() -> None:
    for name, version in SCHEMAS.items():
        assert all((name, older) in MIGRATIONS for older in range(1, version))


def test_a_checkpoint_of_the_first_version_keeps_its_patience() -> None:
    old = {"step": 5, "worse": 2}
    assert from_dict(Progress, bring_forward("progress.json", old)).evals_without_improvement == 2


def test_a_row_behind_a_cut_line_is_not_glued_to_it(tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text('{"n": 1}\n{"n": 2, "te')
    append_jsonl(file, [{"n": 3}])
    assert list(read_jsonl(file)) == [{"n": 1}, {"n": 3}]


def test_a_whole_last_row_without_its_line_end_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text('{"n": 1}')
    append_jsonl(file, [{"n": 2}])
    assert list(read_jsonl(file)) == [{"n": 1}, {"n": 2}]


def test_a_workspace_of_the_first_version_opens_as_a_whole(old: Workspace) -> None:
    settings = old.settings()
    assert (settings.name, settings.search_mode) == ("Old times", SearchMode.HYBRID)
    assert [e.fact for e in load_examples(old)] == ["wren", ""]
    (document,) = documents(old)
    assert "The Wren weighs 41 kg" in chunks_of(old, document.id)[0].text
    (chat,) = list_conversations(old)
    assert [answer.arm for answer in chat.turns[0].answers] == ["prompt", "rag"]
    assert [vote.choice for vote in load_votes(old)] == ["rag"]
    (job,) = list_jobs(old)
    assert job.status().state is JobState.SUCCEEDED
    assert job.result() == {"adapter": job.id}


def test_its_evaluation_and_its_decision_are_read_as_they_were(old: Workspace) -> None:
    (plan,) = list_plans(old)
    assert plan.arms == ("prompt", "rag", "fine-tuned")
    assert [entrant.arm.name for entrant in plan.entrants][1] == "RAG"
    assert load_results(old, plan.id).table("correct").summaries["rag"].mean == 1.0
    assert load_report(old, plan.id).n_questions == 6
    assert load_answers(old, load_criteria(old)).choices == {"need": "facts"}
    (record,) = list_records(old)
    assert load_record(old, record).note == "old"


@pytest.mark.parametrize(
    ("file", "field", "read"),
    [
        ("workspace.json", "top_k", lambda w: w.settings()),
        ("advisor/answers.json", "choices", lambda w: load_answers(w, load_criteria(w))),
    ],
)
def test_a_spoilt_field_of_a_file_is_named(
    old: Workspace, file: str, field: str, read: object
) -> None:
    path = spoil(old, file, field)
    with pytest.raises(RagftError, match=f"{field} is 'spoilt'; allowed") as refused:
        read(old)  # type: ignore[operator]
    assert path.name in str(refused.value)


@pytest.mark.parametrize(
    ("file", "field", "read"),
    [
        ("documents/*/document.json", "n_chunks", documents),
        ("evaluations/*/plan.json", "latency_questions", list_plans),
    ],
)
def test_a_spoilt_field_takes_one_out_of_a_list_and_is_named(
    old: Workspace, file: str, field: str, read: object
) -> None:
    path = spoil(old, file, field)
    assert read(old) == []  # type: ignore[operator]
    (damage,) = find_damage(old)
    assert damage.path == path.parent.relative_to(old.path).as_posix()
    assert f"{field} is 'spoilt'; allowed" in damage.reason


def spoil(workspace: Workspace, file: str, field: str) -> Path:
    (path,) = workspace.path.glob(file)
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: "spoilt"}))
    return path
