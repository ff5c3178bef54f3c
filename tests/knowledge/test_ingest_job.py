"""Ingest as a background job."""

from __future__ import annotations

import io
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from ragft_core.documents import MAX_FILE_BYTES
from ragft_core.errors import JobError
from ragft_core.jobs import Job, JobContext, JobState, list_jobs
from ragft_core.knowledge import KnowledgeBase, documents, ingest_state, start_ingest
from ragft_core.knowledge import job as job_module
from ragft_core.knowledge.job import INBOX, run_ingest
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are prepared and not launched; their function runs here, with an instant embedder."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    monkeypatch.setattr(job_module, "embedder_of", lambda workspace, settings: HashEmbedder())


def run(job: Job) -> JobContext:
    context = JobContext(job.workspace, job.folder, job.spec)
    run_ingest(context)
    return context


def outcomes(job: Job) -> list[tuple[str, str]]:
    return [(item.file_name, item.outcome) for item in ingest_state(job).reports]


@pytest.mark.slow
def test_a_job_takes_files_in_and_reports(workspace: Workspace, embedder_folder: Path) -> None:
    rules, broken = io.BytesIO(b"Dogs may not enter."), io.BytesIO(b"no pdf")
    job = start_ingest(workspace, [("a.txt", rules), ("b.pdf", broken)])
    assert job.wait(600).state is JobState.SUCCEEDED, job.log_tail(20)
    assert outcomes(job) == [("a.txt", "added"), ("b.pdf", "refused")]
    assert [document.file_name for document in documents(workspace)] == ["a.txt"]
    assert not (job.folder / INBOX).exists()


def test_files_are_kept_where_the_cluster_takes_no_job(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_RAY", "http://127.0.0.1:9")
    with pytest.raises(JobError, match="does not answer.* What was added is kept: resume ingest-"):
        start_ingest(workspace, [("a.txt", io.BytesIO(b"Dogs may not enter."))])
    (job,) = list_jobs(workspace)
    assert job.status().state is JobState.INTERRUPTED
    assert "does not answer" in job.status().error
    monkeypatch.delenv("RAGFT_RAY")
    monkeypatch.setattr(Job, "launch", lambda self: None)
    monkeypatch.setattr(job_module, "embedder_of", lambda workspace, settings: HashEmbedder())
    job.resume()
    run(job)
    assert outcomes(job) == [("a.txt", "added")]


@pytest.mark.usefixtures("here")
def test_uploads_are_private_and_their_names_are_no_paths(workspace: Workspace) -> None:
    before = os.umask(0)
    try:
        job = start_ingest(workspace, [("../../evil.txt", io.BytesIO(b"Be good."))])
    finally:
        os.umask(before)
    inbox = job.folder / INBOX
    (upload,) = inbox.iterdir()
    assert upload.name == "0"
    assert (inbox.stat().st_mode & 0o777, upload.stat().st_mode & 0o777) == (0o700, 0o600)
    run(job)
    assert outcomes(job) == [("evil.txt", "added")]


@pytest.mark.usefixtures("here")
def test_what_cannot_be_copied_is_refused_and_the_rest_goes_in(
    workspace: Workspace, tmp_path: Path
) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    good = files.text(tmp_path / "good.txt", "Dogs may not enter.")
    given = [("large.txt", large), ("gone.txt", tmp_path / "gone"), ("good.txt", good)]
    job = start_ingest(workspace, [*given, ("empty.txt", io.BytesIO())])
    assert [path.name for path in (job.folder / INBOX).iterdir()] == ["2"]
    run(job)
    assert [outcome for _, outcome in outcomes(job)] == ["refused", "refused", "added", "refused"]
    assert "limit" in ingest_state(job).reports[0].error


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("n_before_stop", [1, 2])
def test_an_interrupted_job_goes_on_with_the_next_document(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, n_before_stop: int
) -> None:
    monkeypatch.setattr("ragft_core.knowledge.ingest._GROUP_CHUNKS", 1)
    named = [("a.txt", io.BytesIO(f"Rule {number} of the hall.".encode())) for number in range(4)]
    job = start_ingest(workspace, named)

    class Interrupted(JobContext):
        @property
        def stopping(self) -> bool:
            return len(documents(workspace)) >= n_before_stop

    run_ingest(Interrupted(workspace, job.folder, job.spec))
    first = ingest_state(job).reports
    assert len(first) == n_before_stop
    read: list[str] = []
    parse = job_module.KnowledgeBase.add_files
    monkeypatch.setattr(
        job_module.KnowledgeBase,
        "add_files",
        lambda self, given, *rest: (
            read.extend(path.name for _, path in given) or parse(self, given, *rest)
        ),
    )
    run(job)
    assert read == [str(number) for number in range(n_before_stop, 4)]
    assert outcomes(job) == [
        ("a.txt", "added"), ("a (2).txt", "added"), ("a (3).txt", "added"), ("a (4).txt", "added")
    ]  # fmt: skip
    assert len(documents(workspace)) == 4


@pytest.mark.usefixtures("here")
def test_a_crash_before_the_report_adds_nothing_twice(workspace: Workspace) -> None:
    job = start_ingest(workspace, [("a.txt", io.BytesIO(b"Dogs may not enter."))])
    KnowledgeBase(workspace, HashEmbedder()).add_files([("a.txt", job.folder / INBOX / "0")])
    run(job)
    assert outcomes(job) == [("a.txt", "already there")]
    assert len(documents(workspace)) == 1


@pytest.mark.usefixtures("here")
def test_documents_of_a_known_name_are_replaced_or_kept(workspace: Workspace) -> None:
    run(start_ingest(workspace, [("a.txt", io.BytesIO(b"One."))]))
    replaced = start_ingest(workspace, [("a.txt", io.BytesIO(b"Two."))])
    run(replaced)
    assert outcomes(replaced) == [("a.txt", "replaced")]
    kept = start_ingest(workspace, [("a.txt", io.BytesIO(b"Three."))], keep_names=True)
    run(kept)
    assert outcomes(kept) == [("a (2).txt", "added")]
    assert {document.file_name for document in documents(workspace)} == {"a.txt", "a (2).txt"}


def test_a_full_disk_is_told_before_anything_is_copied(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10**12, 10**12, 10**7)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(
        JobError, match="Adding documents needs about 20 MB of disk, and 10 MB are free"
    ):
        start_ingest(workspace, [("a.txt", io.BytesIO(b"Dogs may not enter."))])
    assert list_jobs(workspace) == []
