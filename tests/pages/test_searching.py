"""Build / Documents: the ways of searching compared and adopted, and the embedding model changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.evaluation import retrieval
from ragft_core.finetuning import save_examples
from ragft_core.jobs import list_jobs
from ragft_core.knowledge import KnowledgeBase
from ragft_core.types import Example
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder
from tests.pages.test_documents import open_page, texts


@pytest.fixture
def stocked(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnowledgeBase:
    base = KnowledgeBase(workspace, HashEmbedder())
    monkeypatch.setattr("pages.ui.resources.knowledge", lambda workspace: base)
    path = files.text(tmp_path / "a.txt", "The Wren kiln weighs 41 kg and costs 900 euro.")
    base.add_files([("a.txt", path)])
    return base


def test_ways_of_searching_are_compared_and_one_is_adopted(stocked: KnowledgeBase) -> None:
    workspace = stocked.workspace
    page = open_page(workspace)
    page.button(key="documents.lab").click().run()
    assert "import some with a document column" in texts(page)
    save_examples(workspace, [Example("1", "How heavy is the Wren?", "41 kg", document_id="a.txt")])
    page = page.button(key="documents.lab").click().run()
    assert not page.exception
    found = retrieval.last_comparison(workspace)
    assert found is not None
    assert "Nothing finds better here" in texts(page)
    page.selectbox(key="documents.lab.way").set_value("Words")
    page.button(key="documents.lab.adopt").click().run()
    assert workspace.settings().search_mode == "text"
    path = workspace.path.parent / "b.txt"
    stocked.add_files([("b.txt", files.text(path, "Dogs may not enter."))])
    assert "have changed since this comparison" in texts(open_page(workspace))


def test_another_embedding_model_is_a_job(
    stocked: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragft_core.jobs.job.Job.launch", lambda job: None)
    page = open_page(stocked.workspace)
    page.selectbox(key="documents.embedder").set_value("BAAI/bge-small-en-v1.5").run()
    assert "English, made for search" in texts(page)
    page.button(key="documents.embedder.use").click().run()
    (job,) = list_jobs(stocked.workspace, "embed")
    assert job.spec["embedder"]["name"] == "BAAI/bge-small-en-v1.5"
    assert stocked.workspace.settings().embedder is None  # until the job is done
