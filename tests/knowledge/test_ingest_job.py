"""Ingest as a background job."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.errors import DocumentError
from ragft_core.jobs import JobContext, start_job
from ragft_core.knowledge import documents
from ragft_core.knowledge.job import run_ingest
from ragft_core.workspace import Workspace
from tests.documents import files


@pytest.mark.slow
def test_job_takes_files_in_and_reports(workspace: Workspace, embedder_folder: Path) -> None:
    inbox = workspace.folder("inbox")
    files.text(inbox / "a", "Dogs may not enter.")
    files.text(inbox / "b", "no pdf")
    rows = [{"name": "a.txt", "path": "inbox/a"}, {"name": "b.pdf", "path": "inbox/b"}]
    job = start_job(workspace, "ingest", {"files": rows})
    job.wait(120)
    outcomes = [report["outcome"] for report in job.result()["reports"]]
    assert outcomes == ["added", "refused"], job.log_tail(20)
    assert [document.file_name for document in documents(workspace)] == ["a.txt"]


def test_path_out_of_the_workspace_is_refused(workspace: Workspace) -> None:
    spec = {"files": [{"name": "passwd.txt", "path": "../../../etc/passwd"}]}
    with pytest.raises(DocumentError, match="outside the workspace"):
        run_ingest(JobContext(workspace, workspace.folder("jobs", "x"), spec))
