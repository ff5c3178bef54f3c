"""A fact is changed in a document: what reads it follows, what was trained does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ragft_core.errors import DocumentError
from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.strategies import Lab, change_and_ask, list_changes, undo
from ragft_core.strategies.changes import Told
from ragft_core.types import Request
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.fakes import ScriptedGenerator

WARRANTY = "# Warranty\n\nThe kiln has a warranty of 24 months. The wheel has 24 months as well."
QUESTION = "How long is the kiln's warranty?"


def reads(request: Request) -> str:
    """Says what the passages say, and without passages always the same."""
    prompt = " ".join(message.content for message in request.messages)
    return next((months for months in ("24 months", "36 months") if months in prompt), "I know not")


@pytest.fixture
def lab(workspace: Workspace, embedder_folder: Path, tmp_path: Path) -> Lab:
    base = KnowledgeBase(workspace, Embedder(embedder_folder))
    (tmp_path / "warranty.md").write_text(WARRANTY, encoding="utf-8")
    base.add_files([("warranty.md", tmp_path / "warranty.md")])
    return Lab(workspace, ScriptedGenerator(reads), base)


def the_document(lab: Lab) -> str:
    (document,) = lab.knowledge.documents()
    return document.id


def test_what_reads_follows_and_what_does_not_stays(lab: Lab) -> None:
    change = change_and_ask(lab, the_document(lab), QUESTION, "24 months", "36 months")
    told = {one.arm: one for one in change.answers}
    assert (told["rag"].before, told["rag"].after) == ("24 months", "36 months")
    assert change.says_now(told["rag"]) == "the new fact"
    assert change.says_now(told["prompt"]) == "neither"
    stuck = Told("fine-tuned", "24 months", "It is 24 months, as ever.")
    assert change.says_now(stuck) == "the old fact"
    assert lab.knowledge.text(the_document(lab)).count("36 months") == 2
    assert list_changes(lab.workspace) == [change]

    undone = undo(lab.knowledge, change)
    assert lab.knowledge.text(the_document(lab)).count("24 months") == 2
    assert list_changes(lab.workspace) == [undone]
    with pytest.raises(DocumentError, match="cannot be undone"):
        undo(lab.knowledge, undone)


def test_a_deleted_document_is_forgotten_and_comes_back(lab: Lab) -> None:
    change = change_and_ask(lab, the_document(lab), QUESTION)
    told = {one.arm: one for one in change.answers}
    assert "nothing left" in told["rag"].error
    assert change.says_now(told["rag"]) == "no answer"
    assert change.says_now(told["prompt"]) == "the same as before"
    assert lab.knowledge.documents() == []
    undo(lab.knowledge, change)
    assert "24 months" in lab.knowledge.text(the_document(lab))


def test_the_later_change_is_undone_first(lab: Lab) -> None:
    first = change_and_ask(lab, the_document(lab), QUESTION, "24 months", "36 months")
    second = change_and_ask(lab, the_document(lab), QUESTION, "36 months", "48 months")
    with pytest.raises(DocumentError, match="changed again"):
        undo(lab.knowledge, first)
    undo(lab.knowledge, second)
    undo(lab.knowledge, first)
    assert "24 months" in lab.knowledge.text(the_document(lab))


def test_a_folder_that_has_gone_makes_no_change_write_over_another(lab: Lab) -> None:
    first = change_and_ask(lab, the_document(lab), QUESTION, "24 months", "36 months")
    second = change_and_ask(lab, the_document(lab), QUESTION, "36 months", "48 months")
    shutil.rmtree(lab.workspace.path / "changes" / first.id)
    third = change_and_ask(lab, the_document(lab), QUESTION, "48 months", "60 months")
    assert [change.id for change in list_changes(lab.workspace)] == [third.id, second.id]
    undo(lab.knowledge, third)
    undo(lab.knowledge, second)
    assert "36 months" in lab.knowledge.text(the_document(lab))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [("12 months", "1 day", "does not stand"), (" ", "x", "does not stand"), ("24", "24", "is the old one")],
)  # fmt: skip
def test_what_cannot_be_changed_changes_nothing(lab: Lab, old: str, new: str, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        change_and_ask(lab, the_document(lab), QUESTION, old, new)
    assert list_changes(lab.workspace) == []
    assert lab.knowledge.text(the_document(lab)).count("24 months") == 2


def test_a_document_that_is_no_text_is_told(lab: Lab, tmp_path: Path) -> None:
    file = files.docx(tmp_path / "letter.docx", "Letter", ["The kiln weighs 80 kg."])
    (report,) = lab.knowledge.add_files([("letter.docx", file)])
    assert report.document is not None
    with pytest.raises(DocumentError, match="is a Word document"):
        change_and_ask(lab, report.document.id, QUESTION, "80 kg", "90 kg")
