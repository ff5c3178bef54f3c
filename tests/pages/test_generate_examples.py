"""Writing examples on the page: what is missing, the review table, and what a review leaves."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from ragft_core.finetuning import load_examples
from ragft_core.finetuning.writing.job import CANDIDATES, DROPPED
from ragft_core.finetuning.writing.roundtrip import Candidate
from ragft_core.jobs import JobState, JobStatus
from ragft_core.jobs.status import write_status
from ragft_core.types import Document
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl, write_json

SECTION = """
from pages.ui import components
from pages.ui.generate_examples import generate_examples_section

generate_examples_section(components.require_workspace())
"""


def open_section(workspace: Workspace) -> AppTest:
    page = AppTest.from_string(SECTION, default_timeout=60)
    page.session_state["workspace"] = workspace.id
    return page.run()


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.header]
    return "\n".join(str(element.value) for element in elements)


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label.startswith(label)).click().run()


@pytest.fixture
def with_document(workspace: Workspace) -> Workspace:
    document = Document("d1", "Travel", "t.md", "md", "0" * 64, 9, None, 9, 1, 9, "2026-11-22")
    write_json(workspace.folder("documents", "d1") / "document.json", to_dict(document))
    return workspace


@pytest.fixture
def with_result(with_document: Workspace) -> Workspace:
    folder = with_document.folder("jobs", "generate-1")
    write_json(folder / "spec.json", {"kind": "generate", "created_ns": 1, "spec": {"target": 3}})
    write_status(folder, JobStatus(JobState.SUCCEEDED, share=1.0, message="Done"))
    evidence = "It takes 14 days."
    kept = [Candidate(f"How long does {n} take?", "14 days", evidence, "d1", n) for n in "abc"]
    append_jsonl(folder / CANDIDATES, [to_dict(row) for row in kept])
    bad = Candidate("How long is it?", "14 days", evidence, "d1", "d", reason="vague")
    append_jsonl(folder / DROPPED, [to_dict(bad)])
    return with_document


def test_without_documents_it_leads_to_them(workspace: Workspace) -> None:
    page = open_section(workspace)
    assert not page.exception
    assert "There are no documents to write examples from" in texts(page)


def test_with_documents_it_offers_to_write(with_document: Workspace) -> None:
    page = open_section(with_document)
    assert not page.exception
    assert [item.value for item in page.number_input] == [100]


def test_the_result_is_counted_with_what_was_dropped_and_why(with_result: Workspace) -> None:
    page = open_section(with_result)
    assert not page.exception
    assert "**3** kept" in texts(page)
    assert "Names nothing: 'it', 'this document' (1)" in texts(page)


def test_adding_makes_examples_and_ends_the_review(with_result: Workspace) -> None:
    page = press(open_section(with_result), "Add 3 examples")
    assert not page.exception
    assert len(load_examples(with_result)) == 3
    assert "**3** kept" not in texts(open_section(with_result))


def test_discarding_makes_none(with_result: Workspace) -> None:
    page = press(open_section(with_result), "Discard them")
    assert not page.exception
    assert load_examples(with_result) == []
    assert "**3** kept" not in texts(open_section(with_result))
