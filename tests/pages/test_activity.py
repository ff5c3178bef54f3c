"""What goes on stands in the sidebar of every page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ragft_core.jobs import Job, JobState, JobStatus, activity, start_job
from ragft_core.jobs.launcher import LocalLauncher
from ragft_core.jobs.process import ProcessMark, place_of, write_mark
from ragft_core.jobs.status import write_status
from ragft_core.workspace import Workspace, write_json

SCRIPT = """
from pages.ui import activity
activity.section()
"""


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are what their files say; that files and processes agree is tested with the jobs."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    monkeypatch.setattr(LocalLauncher, "is_alive", lambda self, folder: True)
    monkeypatch.setattr(LocalLauncher, "stop", lambda self, folder, force=False: None)


@pytest.fixture
def job(workspace: Workspace) -> Job:
    return start_job(workspace, "evaluate", {})


def says(job: Job, state: JobState, **values: object) -> None:
    write_status(job.folder, JobStatus(state, **values))


def look(workspace: Workspace) -> AppTest:
    app = AppTest.from_string(SCRIPT, default_timeout=90)
    app.session_state["workspace"] = workspace.id
    return app.run()


def test_a_running_job_is_shown_with_time_left(workspace: Workspace, job: Job) -> None:
    says(job, JobState.RUNNING, share=0.4, message="40 of 100 answers", eta_s=125.0)
    app = look(workspace)
    assert not app.exception
    assert [button.label for button in app.sidebar.button] == ["Evaluation"]
    (bar,) = app.sidebar.get("progress")
    assert bar.proto.text == "40 of 100 answers, about 2 min left"
    assert bar.proto.value == 40


def test_the_end_is_told_once_also_of_a_job_started_elsewhere(workspace: Workspace) -> None:
    app = look(workspace)
    assert not app.sidebar.button
    job = start_job(workspace, "ingest", {})
    says(job, JobState.SUCCEEDED, message="Done")
    app.run()
    assert [toast.value for toast in app.toast] == ["Adding documents: done"]
    app.run()
    assert not app.toast


def test_what_ended_before_the_first_look_is_no_news(workspace: Workspace, job: Job) -> None:
    says(job, JobState.FAILED, message="Failed")
    assert not look(workspace).toast


def test_a_resumed_job_ends_anew(workspace: Workspace, job: Job) -> None:
    says(job, JobState.STOPPED, message="Stopped")
    app = look(workspace)
    says(job, JobState.RUNNING, message="Again")
    app.run()
    says(job, JobState.FAILED, message="Failed")
    app.run()
    assert [toast.value for toast in app.toast] == ["Evaluation: failed"]


def test_activity_names_what_waits_first_come_first(workspace: Workspace, job: Job) -> None:
    second = start_job(workspace, "train", {})
    third = start_job(workspace, "train", {})
    says(third, JobState.SUCCEEDED)
    found = activity(workspace)
    assert [item.id for item, _ in found.active] == [job.id, second.id]
    assert found.ended == {third.id}


def test_without_a_workspace_there_is_nothing(tmp_path: Path) -> None:
    app = AppTest.from_string(SCRIPT, default_timeout=90).run()
    assert not app.exception
    assert not app.sidebar.button


def test_a_job_on_a_cluster_says_where_it_runs(workspace: Workspace, job: Job) -> None:
    place = place_of(job.folder)
    write_json(job.folder / "cluster.json", {"name": "evaluate-1", "place": place})
    says(job, JobState.QUEUED, message="Starting")
    (bar,) = look(workspace).sidebar.get("progress")
    assert bar.proto.text == "Starting (waits for a free place on the cluster)"
    write_mark(job.folder / "process.json", ProcessMark(1, 1.0, "node-7"))
    says(job, JobState.RUNNING, message="3 of 9 answers")
    (bar,) = look(workspace).sidebar.get("progress")
    assert bar.proto.text == "3 of 9 answers (on node-7)"
