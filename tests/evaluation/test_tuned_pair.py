"""Tuned search and hybrid adapter as a pair beside what was before, with the real small models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ragft_core.approval import unapproved
from ragft_core.errors import ConsentError
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.retrieval.contrastive import Triple, tune
from ragft_core.evaluation.running.job import run_evaluation
from ragft_core.evaluation.store import make_plan
from ragft_core.evaluation.store.answers import stored_answers
from ragft_core.evaluation.store.cache_keys import arm_fingerprints
from ragft_core.evaluation.store.plans import folder_of, save_plan
from ragft_core.finetuning.adapters import READER
from ragft_core.jobs import JobContext
from ragft_core.knowledge import (
    KnowledgeBase,
    embedder_of,
    embedders,
    find_version,
    name_version,
    open_version,
    version_models,
)
from ragft_core.knowledge.job import run_embedding
from ragft_core.overview import export_workspace, import_workspace
from ragft_core.settings import Settings
from ragft_core.strategies import add_arm, lab, open_lab
from ragft_core.types import ModelChoice, QuestionKind
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import context_of

TEXTS = {
    "wren.md": "# Wren\n\nThe Wren is a small kiln. It weighs 38 kg.",
    "heron.md": "# Heron\n\nThe Heron is a large kiln. It weighs 240 kg.",
    "delivery.md": "# Delivery\n\nDelivery to the island takes nine days.",
}
ASKED = QuestionSet(
    "Kilns",
    (Question("q1", "How much does the Wren weigh?", ("38 kg",), QuestionKind.DOCUMENT_FACT),),
)
TUNED = ModelChoice("folder", "embedders/tune-1")


@pytest.fixture
def adopted(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Named, tuned and adopted, as docs/retrieval.md says; the hybrid adapter is the reader."""
    monkeypatch.setenv("RAGFT_THREADS", "1")
    base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    base.add_files([(name, tmp_path / name) for name in TEXTS])
    name_version(base, "Before tuning")
    pairs = [("little oven", TEXTS["wren.md"]), ("big oven", TEXTS["heron.md"])]
    monkeypatch.setattr("ragft_core.evaluation.retrieval.contrastive.FEWEST_STEPS", 2)
    tune(
        base.embedder.folder,  # type: ignore[attr-defined]
        [Triple(*pair) for pair in pairs], workspace.path / TUNED.name, threads=1,
    )  # fmt: skip
    workspace.update(embedder=TUNED)  # who tuned it here chose it
    workspace.update(embedder=None)
    run_embedding(
        JobContext(workspace, workspace.folder("jobs", "embed-1"), {"embedder": to_dict(TUNED)})
    )
    for name, version in (("Hybrid, tuned", None), ("Hybrid, as before", "Before tuning")):
        add_arm(workspace, "hybrid", name, adapter=READER, version=version)
    return workspace


@pytest.mark.slow
def test_the_pair_and_what_was_before_are_arms_of_one_evaluation_and_one_chat(
    adopted: Workspace, monkeypatch: pytest.MonkeyPatch, generator_folder: Path
) -> None:
    opened: list[ModelChoice | None] = []

    def open_and_note(choice: ModelChoice | None, settings: Settings) -> object:
        opened.append(choice)
        return embedders.open_embedder(choice, settings)

    monkeypatch.setattr(lab, "open_chosen", open_and_note)
    tuned, before = adopted.settings().arms
    keys = arm_fingerprints(adopted, Settings())
    assert keys[tuned.id] != keys[before.id]
    second = add_arm(adopted, "rag", "RAG, as before", version="Before tuning")
    asking = open_lab(adopted, Settings())
    try:
        arms = [tuned.id, before.id, second.id, "rag"]
        answers = [p.answer() for p in asking.ask(ASKED.questions[0].text, arms)]
    finally:
        asking.close()
    assert [answer.error for answer in answers] == [""] * 4
    assert [a.named_version for a in answers] == ["", "Before tuning", "Before tuning", ""]
    assert [answer.adapter for answer in answers] == [READER] * 4
    version = find_version(adopted, "Before tuning")
    assert answers[1].index_version == version.index_version != answers[0].index_version
    similar = [answer.passages[0].similarity for answer in answers]
    assert similar[1] == similar[2] != similar[0] == similar[3]
    assert len(opened) == 2  # one open embedder for the tuned model, one for the bundled one

    plan = make_plan(ASKED, [tuned, before], latency_questions=0)
    save_plan(adopted, plan, ASKED)
    run_evaluation(context_of(adopted, plan))
    rows = {row.arm: row.answer for row in stored_answers(folder_of(adopted, plan.id)).values()}
    assert "38" in rows[before.id].text
    assert rows[before.id].named_version == "Before tuning"
    assert rows[tuned.id].index_version == answers[0].index_version


@pytest.mark.slow
def test_a_copy_elsewhere_asks_before_it_loads_a_version_s_model(
    adopted: Workspace, tmp_path: Path
) -> None:
    base = KnowledgeBase(adopted, embedder_of(adopted, Settings()))
    name_version(base, "Tuned")
    adopted.update(embedder=None)
    export_workspace(adopted, tmp_path / "away.zip")
    shutil.rmtree(Settings().home)  # another machine, another secret
    here = import_workspace(Settings(), tmp_path / "away.zip")
    assert [arm.settings.version for arm in here.settings().arms] == [None, "Before tuning"]
    assert unapproved(here) == []
    (asked,) = unapproved(here, version_models(here))
    assert asked == TUNED
    with pytest.raises(ConsentError):
        open_version(here, find_version(here, "Tuned"), Settings())
    here.update(embedder=TUNED)  # chosen by a person
    found = open_version(here, find_version(here, "Tuned"), Settings())
    assert found.search("How heavy is the little oven?")[0].document_title == "Wren"
