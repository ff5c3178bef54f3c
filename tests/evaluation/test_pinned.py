"""An evaluation on a named version reads what was, whatever the documents are now."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.arms import BY_ID, Arm
from ragft_core.errors import EvaluationError, RetrievalError, SettingsError
from ragft_core.evaluation import load_report
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.running.job import run_evaluation, start_evaluation
from ragft_core.evaluation.store import index_in_words, index_since, index_versions, make_plan
from ragft_core.evaluation.store.answers import stored_answers
from ragft_core.evaluation.store.cache_keys import arm_fingerprints
from ragft_core.evaluation.store.plans import Plan, folder_of, load_plan, save_plan
from ragft_core.knowledge import (
    KnowledgeBase,
    Version,
    delete_version,
    name_version,
    open_version,
)
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, Need, add_arm, arm_states, arms_on
from ragft_core.types import QuestionKind
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import context_of
from tests.fakes import ScriptedGenerator
from tests.knowledge.hashing import HashEmbedder

ASKED = QuestionSet(
    "Weights", (Question("q1", "How heavy is the Wren?", ("38 kg",), QuestionKind.DOCUMENT_FACT),)
)


def hashed(*_: object) -> HashEmbedder:
    return HashEmbedder()


def says(request: object) -> str:
    text = str(request)
    return "38 kg" if "38 kg" in text else "42 kg" if "42 kg" in text else "no idea"


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragft_core.knowledge.embedders.Embedder", hashed)
    monkeypatch.setattr("ragft_core.knowledge.embedders.fetch", hashed)
    monkeypatch.setattr("ragft_core.strategies.open_embedder", hashed)
    monkeypatch.setattr(
        "ragft_core.strategies.lab.open_generator", lambda *_: ScriptedGenerator(says)
    )


def put(base: KnowledgeBase, folder: Path, text: str) -> None:
    (folder / "wren.txt").write_text(text, encoding="utf-8")
    base.add_files([("wren.txt", folder / "wren.txt")])


@pytest.fixture
def base(workspace: Workspace, tmp_path: Path) -> KnowledgeBase:
    base = KnowledgeBase(workspace, HashEmbedder())
    put(base, tmp_path, "The Wren weighs 38 kg.")
    return base


def run(workspace: Workspace, version: Version | None, *more: Arm) -> Plan:
    arms = [BY_ID["prompt"], BY_ID["rag"], *more]
    plan = make_plan(ASKED, arms, latency_questions=0, similarity=False, version=version)
    save_plan(workspace, plan, ASKED)
    run_evaluation(context_of(workspace, plan))
    return plan


def said(workspace: Workspace, plan: Plan) -> str:
    return stored_answers(folder_of(workspace, plan.id))["rag", "q1", 0].answer.text


def test_a_pinned_run_reads_the_version_and_the_next_one_the_documents(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    version = name_version(base, "Spring")
    put(base, tmp_path, "The Wren weighs 42 kg.")
    pinned, plain = run(workspace, version), run(workspace, None)
    assert said(workspace, pinned) == "38 kg"
    assert said(workspace, plain) == "42 kg"
    assert load_plan(workspace, pinned.id)[0].version == version
    assert any("“Spring”" in note for note in load_report(workspace, pinned.id).notes)
    old, new = (index_versions(workspace, run) for run in (pinned, plain))
    assert (old, new) == ({version.index_version}, {base.version})
    assert index_since(plain, new, base.version) == "as it was"
    assert "the documents now are others" in index_in_words(pinned, old, base.version, [version])
    put(base, tmp_path, "The Wren weighs 38 kg.")
    assert index_since(plain, new, base.version) == "changed since"
    assert "changed since this run" in index_in_words(plain, new, base.version)
    assert "the documents now are the same" in index_in_words(pinned, old, base.version, [version])


def test_answers_are_kept_by_what_the_version_holds(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    before = arm_fingerprints(workspace, Settings())
    version = name_version(base, "Spring")
    assert arm_fingerprints(workspace, Settings(), version) == before
    plain = run(workspace, None)
    put(base, tmp_path, "The Wren weighs 42 kg.")
    assert arm_fingerprints(workspace, Settings())["rag"] != before["rag"]
    assert arm_fingerprints(workspace, Settings(), version) == before
    pinned = run(workspace, version)
    (answer,) = [
        row for row in stored_answers(folder_of(workspace, pinned.id)).values() if row.arm == "rag"
    ]
    assert answer.reused == plain.id


def test_a_version_can_be_asked_when_the_workspace_holds_nothing_any_more(
    base: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(base, "Spring")
    base.remove(base.documents()[0].id)
    assert said(workspace, run(workspace, version)) == "38 kg"


def test_a_version_that_is_gone_cannot_be_asked_and_is_told(
    base: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(base, "Spring")
    pinned = run(workspace, version)
    delete_version(workspace, version)
    assert "was deleted since" in index_in_words(pinned, (), base.version)
    plan = make_plan(ASKED, [BY_ID["rag"]], version=version)
    with pytest.raises(RetrievalError, match="no version"):
        start_evaluation(workspace, plan, ASKED)


def test_an_arm_with_a_version_of_its_own_keeps_to_it_in_every_run(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    version = name_version(base, "Spring")
    before = add_arm(workspace, "rag", "RAG before", version="Spring")
    put(base, tmp_path, "The Wren weighs 42 kg.")
    other = name_version(base, "Summer")
    put(base, tmp_path, "The Wren weighs 45 kg.")
    for pinned in (None, other):
        plan = run(workspace, pinned, before)
        rows = stored_answers(folder_of(workspace, plan.id))
        answer = rows[before.id, "q1", 0].answer
        assert (answer.text, answer.named_version) == ("38 kg", "Spring")
        assert answer.index_version == version.index_version
        assert rows["rag", "q1", 0].answer.named_version == (pinned.name if pinned else "")
        assert "RAG before was asked on the named version “Spring”" in " ".join(
            load_report(workspace, plan.id).notes
        )
        seen = index_versions(workspace, plan)
        assert seen == {pinned.index_version if pinned else base.version}
    assert index_since(run(workspace, None, before), seen, other.index_version) == "as it was"


def test_an_arm_on_a_version_shares_answers_by_what_that_holds(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    name_version(base, "Spring")
    before = add_arm(workspace, "rag", "RAG before", version="Spring")
    keys = arm_fingerprints(workspace, Settings())
    assert keys[before.id] == keys["rag"]
    put(base, tmp_path, "The Wren weighs 42 kg.")
    later = arm_fingerprints(workspace, Settings())
    assert later[before.id] == keys["rag"] != later["rag"]


def test_an_arm_whose_version_was_deleted_cannot_be_asked_and_the_others_go_on(
    base: KnowledgeBase, workspace: Workspace
) -> None:
    version = name_version(base, "Spring")
    before = add_arm(workspace, "rag", "RAG before", version=version.id)
    plan = run(workspace, None, before)
    assert arms_on(workspace, version) == [before]
    delete_version(workspace, version)
    assert "“Spring”, which was deleted since" in index_in_words(plan, (), base.version)
    state = {state.arm.id: state for state in arm_states(workspace)}[before.id]
    assert (state.need, state.ready) == (Need.VERSION, False)
    assert "“Spring”" in state.reason
    with pytest.raises(EvaluationError, match="RAG before cannot run: The named version “Spring”"):
        start_evaluation(workspace, plan, ASKED)
    lab = Lab(workspace, ScriptedGenerator(says), base)
    gone, usual = [p.answer() for p in lab.ask("How heavy is the Wren?", [before.id, "rag"])]
    assert "“Spring”" in gone.error
    assert usual.text == "38 kg"


def test_an_arm_on_a_version_whose_model_is_gone_leaves_the_others_alone(
    base: KnowledgeBase, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_version(base, "Spring")
    before = add_arm(workspace, "rag", "RAG before", version="Spring")
    monkeypatch.setattr(
        "ragft_core.knowledge.embedders.Embedder", lambda *_: HashEmbedder("another")
    )

    def open_base(version: Version) -> KnowledgeBase:
        return open_version(workspace, version, Settings())

    lab = Lab(workspace, ScriptedGenerator(says), base, open_base=open_base)
    gone, usual = [p.answer() for p in lab.ask("How heavy is the Wren?", [before.id, "rag"])]
    assert "cannot be compared" in gone.error
    assert usual.text == "38 kg"


def test_what_means_nothing_for_an_arm_is_refused(
    base: KnowledgeBase, workspace: Workspace
) -> None:
    with pytest.raises(RetrievalError, match="no version 'Autumn'"):
        add_arm(workspace, "rag", "RAG before", version="Autumn")
    name_version(base, "Spring")
    with pytest.raises(SettingsError, match="reads no documents"):
        add_arm(workspace, "prompt", "Prompt before", version="Spring")
