"""Jobs as real processes: every end a job can come to, and the way back from it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ragft_core.errors import JobError, TrainingDataError
from ragft_core.jobs import (
    KINDS,
    Job,
    JobState,
    JobStatus,
    Kind,
    Needs,
    get_job,
    list_jobs,
    settle_jobs,
    start_job,
    worker,
)
from ragft_core.jobs import job as job_module
from ragft_core.jobs.process import ProcessMark, is_alive, mark_of, read_mark, write_mark
from ragft_core.jobs.status import read_status, write_status
from ragft_core.overview import examine_machine
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, write_json

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("refuse", "break_down", "run_out_of_memory", "be_killed", "ignore_everything"):
        monkeypatch.setitem(KINDS, name, Kind(f"tests.jobs.kinds:{name}"))
    for name in ("fill_the_disk", "run_out_of_memory_in_torch"):
        monkeypatch.setitem(KINDS, name, Kind(f"tests.jobs.kinds:{name}"))
    monkeypatch.setitem(KINDS, "count", Kind("tests.jobs.kinds:count"))
    monkeypatch.setitem(KINDS, "heavy", Kind("tests.jobs.kinds:count", queue="model"))
    monkeypatch.setitem(KINDS, "show_environment", Kind("tests.jobs.kinds:show_environment"))


def until(condition, seconds: float = 15) -> None:  # noqa: ANN001
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_sign_of_life_that_could_not_be_written_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT_S", 0.01)
    file = tmp_path / "not there yet" / "heartbeat"
    beating = threading.Thread(target=worker._beat, args=(file,), daemon=True)
    beating.start()
    time.sleep(0.1)
    file.parent.mkdir()
    until(file.exists)


def finished(job: Job) -> JobStatus:
    status = job.wait(30)
    assert not status.active, job.log_tail()
    return status


def test_a_job_reports_progress_metrics_and_a_result(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 3})
    status = finished(job)
    assert (status.state, status.share, status.error) == (JobState.SUCCEEDED, 1.0, "")
    assert [row["number"] for row in job.metrics()] == [0, 1, 2]
    assert job.result() == {"total": 3}
    assert status.started_at
    assert status.attempt == 1


def test_files_are_put_into_the_folder_before_the_job_starts(workspace: Workspace) -> None:
    def prepare(folder: Path) -> None:
        (folder / "seen.txt").write_text("0 1 ")

    job = start_job(workspace, "count", {"n": 3}, prepare)
    finished(job)
    assert [row["number"] for row in job.metrics()] == [2]


def test_what_is_asked_for_twice_is_done_once(workspace: Workspace) -> None:
    asked = {"n": 500, "pause": 0.1, "names": ("a", "b")}
    first = start_job(workspace, "heavy", asked, once=True)
    assert start_job(workspace, "heavy", asked, once=True) == first
    other = start_job(workspace, "heavy", {"n": 2}, once=True)
    assert other != first
    first.stop()
    again = start_job(workspace, "heavy", asked, once=True)  # the one that ends is none any more
    assert again not in (first, other)
    for job in (first, other, again):
        job.stop(force=True)
        finished(job)
    assert len(list_jobs(workspace)) == 3


def test_a_job_that_another_page_deleted_is_left_at_that(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 1})
    finished(job)
    job.delete()
    job.delete()
    with pytest.raises(JobError, match="was deleted meanwhile"):
        job.resume()
    assert not job.folder.exists()


def test_nothing_is_left_when_preparing_fails(workspace: Workspace) -> None:
    def prepare(folder: Path) -> None:
        raise TrainingDataError("no")

    with pytest.raises(TrainingDataError):
        start_job(workspace, "count", {"n": 3}, prepare)
    assert list(workspace.folder("jobs").iterdir()) == []


def test_an_unknown_kind_is_named_with_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(JobError, match="no kind of job 'bake'.*train"):
        start_job(workspace, "bake", {})


def test_the_folder_does_not_choose_the_code(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 1})
    finished(job)
    write_json(job.folder / "spec.json", {"kind": "os:system", "spec": {}, "created_ns": 1})
    write_status(job.folder, JobStatus(JobState.FAILED))
    with pytest.raises(JobError, match="no kind of job"):
        get_job(workspace, job.id).resume()


def test_an_error_for_people_is_shown_with_its_remedy(workspace: Workspace) -> None:
    status = finished(start_job(workspace, "refuse", {}))
    assert status.state is JobState.FAILED
    assert status.error == "There are 3 examples. Add 7 more."


def test_a_bug_names_the_log_and_the_log_has_the_traceback(workspace: Workspace) -> None:
    job = start_job(workspace, "break_down", {})
    status = finished(job)
    assert status.state is JobState.FAILED
    assert "ZeroDivisionError" in status.error
    assert f"jobs/{job.id}/log.txt" in status.error
    assert str(workspace.path) not in status.error
    assert "Traceback" in job.log_tail()


@pytest.mark.parametrize("kind", ["run_out_of_memory", "run_out_of_memory_in_torch"])
def test_running_out_of_memory_gets_advice(workspace: Workspace, kind: str) -> None:
    status = finished(start_job(workspace, kind, {}))
    assert status.state is JobState.FAILED
    assert "smaller batch" in status.error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named(workspace: Workspace) -> None:
    status = finished(start_job(workspace, "fill_the_disk", {}))
    assert status.state is JobState.FAILED
    assert "The disk is full" in status.error


def test_a_killed_job_is_interrupted_and_resumes_where_it_was(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 30, "pause": 0.1})
    until(lambda: len(job.metrics()) >= 3)
    os.kill(read_mark(job.folder / "process.json").pid, signal.SIGKILL)
    status = finished(job)
    assert status.state is JobState.INTERRUPTED
    assert "memory" in status.error
    job.resume()
    status = finished(job)
    assert (status.state, status.attempt) == (JobState.SUCCEEDED, 2)
    assert [row["number"] for row in job.metrics()] == list(range(30))


def test_a_kill_with_little_memory_left_says_so(workspace: Workspace) -> None:
    job = start_job(workspace, "be_killed", {})
    finished(job)
    write_json(job.folder / "heartbeat", {"rss_mb": 3000.0, "available_mb": 90.0})
    write_status(job.folder, JobStatus(JobState.RUNNING))
    assert "only 90 MB of memory" in job.status().error


def test_stop_keeps_what_was_done_and_can_be_resumed(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 40, "pause": 0.1})
    until(lambda: len(job.metrics()) >= 2)
    job.stop()
    assert finished(job).state is JobState.STOPPED
    done = len(job.metrics())
    assert 2 <= done < 40
    job.resume()
    assert finished(job).state is JobState.SUCCEEDED
    assert len(job.metrics()) == 40


def test_stopping_twice_or_after_the_end_does_nothing(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 1})
    finished(job)
    job.stop()
    job.stop(force=True)
    assert job.status().state is JobState.SUCCEEDED


def test_a_job_that_ignores_the_stop_is_killed_after_the_grace(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(workspace, "ignore_everything", {})
    until(lambda: job.metrics())
    monkeypatch.setattr(job_module, "GRACE_S", 0.5)
    job.stop()
    assert job.status().message == "Stopping"
    assert finished(job).state is JobState.STOPPED
    assert mark_of(job.metrics()[0]["pid"]) is None or not is_alive(
        read_mark(job.folder / "process.json")
    )


def test_sigterm_from_the_system_interrupts_and_does_not_stop(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 60, "pause": 0.1})
    until(lambda: len(job.metrics()) >= 2)
    os.kill(read_mark(job.folder / "process.json").pid, signal.SIGTERM)
    assert finished(job).state is JobState.INTERRUPTED


def test_a_running_or_finished_job_is_not_resumed(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 20, "pause": 0.1})
    with pytest.raises(JobError, match="cannot be resumed"):
        job.resume()
    job.stop(force=True)
    finished(job)
    other = start_job(workspace, "count", {"n": 1})
    finished(other)
    with pytest.raises(JobError, match="succeeded"):
        other.resume()


def test_a_running_job_is_not_deleted(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 40, "pause": 0.1})
    with pytest.raises(JobError, match="still runs"):
        job.delete()
    job.stop()
    finished(job)
    job.delete()
    assert list_jobs(workspace) == []


def test_heavy_jobs_run_one_after_the_other_in_order(workspace: Workspace) -> None:
    jobs = []
    for _ in range(3):
        jobs.append(start_job(workspace, "heavy", {"n": 5, "pause": 0.05}))
        until(lambda job=jobs[-1]: list(workspace.path.parent.parent.glob("queue/model/*.json")) or
              not job.status().active)  # fmt: skip
        time.sleep(0.3)
    for job in jobs:
        assert finished(job).state is JobState.SUCCEEDED
    spans = [[row["at"] for row in job.metrics()] for job in jobs]
    for earlier, later in zip(spans, spans[1:], strict=False):
        assert earlier[-1] <= later[0], "two heavy jobs ran at the same time, or out of order"


def test_a_waiting_job_says_so_and_can_be_stopped(workspace: Workspace) -> None:
    first = start_job(workspace, "heavy", {"n": 60, "pause": 0.1})
    until(lambda: first.status().state is JobState.RUNNING)
    second = start_job(workspace, "heavy", {"n": 1})
    until(lambda: "Waiting for another job" in second.status().message)
    assert second.status().state is JobState.QUEUED
    second.stop()
    assert finished(second).state is JobState.STOPPED
    assert second.metrics() == []
    first.stop(force=True)
    finished(first)


def test_a_killed_job_frees_the_queue(workspace: Workspace) -> None:
    first = start_job(workspace, "heavy", {"n": 100, "pause": 0.1})
    until(lambda: first.metrics())
    second = start_job(workspace, "heavy", {"n": 1})
    first.stop(force=True)
    assert finished(second).state is JobState.SUCCEEDED


def test_a_reused_process_number_is_not_taken_for_ours(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 1})
    finished(job)
    write_status(job.folder, JobStatus(JobState.RUNNING))
    mine = mark_of(os.getpid())
    write_mark(job.folder / "process.json", ProcessMark(mine.pid, mine.started - 100, mine.host))
    assert job.status().state is JobState.INTERRUPTED
    assert is_alive(mine), "the check must not end or mistake the other process"


def test_a_process_of_another_machine_means_nothing_here(workspace: Workspace) -> None:
    mine = mark_of(os.getpid())
    assert not is_alive(ProcessMark(mine.pid, mine.started, "elsewhere"))


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    mark = mark_of(child.pid)
    time.sleep(1)
    assert not is_alive(mark)
    child.wait()


def test_another_process_sees_the_running_job(workspace: Workspace) -> None:
    """The server's restart: a new process, which did not start the job, finds it at work."""
    starter = (
        "import sys; from pathlib import Path; from ragft_core.jobs import *;"
        "from ragft_core.workspace import Workspace;"
        "KINDS['count'] = Kind('tests.jobs.kinds:count');"
        "print(start_job(Workspace(Path(sys.argv[1])), 'count', {'n': 30, 'pause': 0.1}).id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", starter, str(workspace.path)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    job = get_job(workspace, done.stdout.strip())
    assert settle_jobs(workspace) == []
    assert job.status().active
    until(lambda: len(job.metrics()) > 2)
    assert finished(job).state is JobState.SUCCEEDED


def test_dead_jobs_are_settled_at_the_start(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 1})
    finished(job)
    while job.launcher.is_alive(job.folder):  # it wrote its end a moment before it ended
        time.sleep(0.05)
    write_status(job.folder, JobStatus(JobState.RUNNING))
    assert [found.id for found in settle_jobs(workspace)] == [job.id]
    assert read_status(job.folder).state is JobState.INTERRUPTED
    assert settle_jobs(workspace) == []


@pytest.mark.parametrize("name", ["status.json", "spec.json", "process.json"])
def test_an_emptied_file_does_not_hide_the_other_jobs(workspace: Workspace, name: str) -> None:
    broken = start_job(workspace, "count", {"n": 1})
    whole = start_job(workspace, "count", {"n": 1})
    finished(broken), finished(whole)
    (broken.folder / name).write_text("")
    found = {job.id: job.status().state for job in list_jobs(workspace)}
    assert found[whole.id] is JobState.SUCCEEDED
    assert broken.id in found


def test_a_missing_job_is_named(workspace: Workspace) -> None:
    with pytest.raises(JobError, match="no job '../etc'"):
        get_job(workspace, "../etc")


def test_jobs_are_listed_newest_first_and_by_kind(workspace: Workspace) -> None:
    jobs = [start_job(workspace, kind, {"n": 0}) for kind in ("count", "heavy", "count")]
    assert [job.id for job in list_jobs(workspace)] == [job.id for job in reversed(jobs)]
    assert [job.id for job in list_jobs(workspace, "heavy")] == [jobs[1].id]
    for job in jobs:
        finished(job)


def test_secrets_stay_out_of_the_job(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "canary")
    monkeypatch.setenv("DATABASE_PASSWORD", "canary")
    monkeypatch.setenv("RAGFT_KEY_ENDPOINT", "needed")
    choice = workspace.settings().model
    monkeypatch.setenv("RAGFT_KEY_JUDGE", "needed")
    judge = type(choice)(kind="endpoint", key_variable="RAGFT_KEY_JUDGE")
    workspace.update(
        model=type(choice)(kind="endpoint", key_variable="RAGFT_KEY_ENDPOINT"), judge=judge
    )
    job = start_job(workspace, "show_environment", {})
    finished(job)
    names = job.result()["names"]
    assert "RAGFT_KEY_ENDPOINT" in names
    assert "RAGFT_KEY_JUDGE" in names
    assert "MY_API_KEY" not in names
    assert "DATABASE_PASSWORD" not in names


def test_the_package_imports_nothing_that_computes() -> None:
    code = "import sys, ragft_core.jobs; print([m for m in ('streamlit', 'torch', 'peft', 'lancedb') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_only_one_process_works_in_a_folder(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 30, "pause": 0.1})
    until(lambda: job.metrics())
    second = subprocess.run(
        [sys.executable, "-m", "ragft_core.jobs", str(job.folder)],
        cwd=ROOT, capture_output=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == 3
    job.stop(force=True)
    finished(job)
    pids = {row["pid"] for row in job.metrics()}
    assert len(pids) == 1


def test_status_is_plain_json(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 1})
    finished(job)
    data = json.loads((job.folder / "status.json").read_text())
    assert data["state"] == "succeeded"
    assert not [value for value in data.values() if str(workspace.path) in str(value)]


def test_stop_in_a_copied_workspace_leaves_the_original_alone(
    workspace: Workspace, settings: Settings
) -> None:
    job = start_job(workspace, "count", {"n": 10_000})
    until(lambda: job.status().state is JobState.RUNNING)
    copy = settings.workspaces / "copy"
    # The job writes its files by renaming scratch files, which come and go.
    shutil.copytree(workspace.path, copy, ignore=shutil.ignore_patterns(".*", "*.tmp"))
    copied = get_job(Workspace(copy), job.id)
    copied.stop(force=True)
    assert copied.status().state in (JobState.STOPPED, JobState.INTERRUPTED)
    assert job.status().state is JobState.RUNNING
    job.stop(force=True)


def test_a_changed_clock_does_not_end_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = mark_of(os.getpid())
    assert mark is not None
    if not mark.boot:
        pytest.skip("this system keeps the time of day of a start")
    started = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: started(self) + 3600)
    assert is_alive(mark)


def test_a_step_may_take_minutes_before_a_stop_becomes_a_kill(workspace: Workspace) -> None:
    job = start_job(workspace, "ignore_everything", {})
    until(lambda: job.status().state is JobState.RUNNING)
    job.stop()
    then = time.time() - 150
    os.utime(job.folder / "stop", (then, then))
    assert job.status().message == "Stopping"
    assert is_alive(read_mark(job.folder / "process.json"))
    job.stop(force=True)


def test_a_job_that_does_not_fit_into_memory_says_so_before_it_begins(workspace: Workspace) -> None:
    needs = Needs(memory_mb=1e9)
    job = start_job(workspace, "count", {"n": 1}, needs=needs)
    status = finished(job)
    assert status.state is JobState.FAILED
    assert "job needs about 1000000.0 GB of memory" in status.error
    assert not (job.folder / "seen.txt").exists()


def test_a_job_that_does_not_fit_on_the_disk_is_not_begun(workspace: Workspace) -> None:
    with pytest.raises(JobError, match=r"needs about .* of disk, and .* are free"):
        start_job(workspace, "count", {"n": 1}, needs=Needs(disk_mb=1e12))
    assert list_jobs(workspace) == []


def test_a_cluster_that_is_not_there_is_told_and_takes_no_job(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_RAY", "http://127.0.0.1:9")
    with pytest.raises(JobError, match="does not answer.*RAGFT_RAY"):
        start_job(workspace, "count", {"n": 1})
    assert list_jobs(workspace) == []
    found = {finding.place: finding for finding in examine_machine(Settings())}
    assert "does not answer" in found["cluster"].problem
    monkeypatch.delenv("RAGFT_RAY")
    assert "cluster" not in {finding.place for finding in examine_machine(Settings())}


def test_a_job_that_cannot_be_resumed_on_a_cluster_stays_resumable(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(workspace, "refuse", {})
    finished(job)
    monkeypatch.setenv("RAGFT_RAY", "http://127.0.0.1:9")
    with pytest.raises(JobError, match="does not answer"):
        job.resume()
    assert job.status().state is JobState.FAILED
    monkeypatch.delenv("RAGFT_RAY")
    job.resume()
    assert finished(job).attempt == 2


def test_without_the_switch_nothing_of_ray_is_imported() -> None:
    code = (
        "import sys, ragft_core.jobs, ragft_core.knowledge, ragft_core.evaluation.running.job; "
        "print([m for m in ('ray', 'httpx', 'optuna') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
