"""Jobs on a real Ray cluster of two nodes with a token, and every way in which it can fail."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from ragft_core.errors import JobError, SettingsError
from ragft_core.evaluation import load_report
from ragft_core.evaluation.reports.results import load_results
from ragft_core.evaluation.running.training import run_sweep
from ragft_core.evaluation.store.plans import folder_of
from ragft_core.finetuning import RunConfig, list_adapters, save_examples, start_run
from ragft_core.finetuning.training import start_sweep, trials_of
from ragft_core.finetuning.training.sweeps import study
from ragft_core.jobs import KINDS, Job, JobState, Kind, activity, list_jobs, settle_jobs, start_job
from ragft_core.jobs.cluster import api, cluster_of
from ragft_core.jobs.cluster import launcher as launcher_module
from ragft_core.jobs.worker import JobContext
from ragft_core.knowledge import (
    Embedder,
    FileReport,
    KnowledgeBase,
    embedder_of,
    ingest_state,
    start_embedding,
    start_ingest,
)
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace, create_workspace
from tests.cluster import RayCluster, ray_cluster
from tests.conftest import ROOT
from tests.evaluation.test_job import start as start_small
from tests.evaluation.test_runner import table
from tests.finetuning.conftest import colour_examples

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as found:
        yield found


@pytest.fixture(autouse=True)
def _on_the_cluster(cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cluster.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(KINDS, "count", Kind("tests.jobs.kinds:count"))
    monkeypatch.setitem(KINDS, "refuse", Kind("tests.jobs.kinds:refuse"))
    monkeypatch.setitem(KINDS, "environment", Kind("tests.jobs.kinds:show_environment"))
    api._failed.clear()


def until(condition, seconds: float = 40) -> None:  # noqa: ANN001
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_job_looks_as_it_does_here(workspace: Workspace) -> None:
    job = start_job(workspace, "count", {"n": 20, "pause": 0.1})
    assert job.status().active
    until(lambda: job.status().state is JobState.RUNNING and len(job.metrics()) > 2)
    assert job.where.startswith("on ")
    job.stop()
    assert job.wait(30).state is JobState.STOPPED
    done = len(job.metrics())
    assert 2 < done < 20
    job.resume()
    status = job.wait(40)
    assert (status.state, status.attempt, status.share) == (JobState.SUCCEEDED, 2, 1.0)
    assert [row["number"] for row in job.metrics()] == list(range(20))
    assert job.result() == {"total": 20}
    assert len({row["pid"] for row in job.metrics()}) == 2


def test_errors_secrets_and_the_log(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_KEY_ENDPOINT", "canary-of-a-key")
    refused = start_job(workspace, "refuse", {})
    shown = start_job(workspace, "environment", {})
    assert refused.wait(40).error == "There are 3 examples. Add 7 more."
    assert shown.wait(40).state is JobState.SUCCEEDED
    names = shown.result()["names"]
    assert {"RAGFT_HOME", "RAGFT_RAY"} <= set(names)
    assert "RAGFT_KEY_ENDPOINT" not in names, "keys are the nodes' own, Ray would show them"


def test_a_job_is_ended_at_once_and_a_copy_of_its_folder_ends_nothing(
    workspace: Workspace, settings: Settings
) -> None:
    job = start_job(workspace, "count", {"n": 10_000, "pause": 0.05})
    until(lambda: len(job.metrics()) > 1)
    copy = settings.workspaces / "copy"
    (copy / "jobs" / job.id).mkdir(parents=True)
    for name in ("spec.json", "status.json", "cluster.json"):
        (copy / "jobs" / job.id / name).write_bytes((job.folder / name).read_bytes())
    Job(Workspace(copy), job.id).stop(force=True)
    assert job.status().state is JobState.RUNNING
    job.stop(force=True)
    assert job.wait(30).state is JobState.STOPPED


def test_a_job_that_waits_for_a_place_can_be_stopped(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_RAY_CPUS", "64")
    job = start_job(workspace, "count", {"n": 1})
    time.sleep(1)
    assert job.status().state is JobState.QUEUED
    assert job.where == "waits for a free place on the cluster"
    job.stop()
    assert job.wait(30).state is JobState.STOPPED


def test_a_lost_node_interrupts_its_job_which_goes_on_elsewhere(
    workspace: Workspace, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = cluster.add_node(2)
    monkeypatch.setenv("RAGFT_RAY_CPUS", "2")  # only there is so much
    job = start_job(workspace, "count", {"n": 30, "pause": 0.1})
    until(lambda: len(job.metrics()) > 3)
    cluster.ray.remove_node(node, allow_graceful=False)
    status = job.wait(60)
    assert status.state is JobState.INTERRUPTED
    assert "lost" in status.error
    monkeypatch.setenv("RAGFT_RAY_CPUS", "1")
    job.resume()
    assert job.wait(60).state is JobState.SUCCEEDED
    assert [row["number"] for row in job.metrics()] == list(range(30))


def test_nodes_are_named(cluster: RayCluster) -> None:
    nodes = cluster_of(Settings()).nodes()
    assert [node.cpus for node in nodes] == [1.0, 1.0]
    assert [node.is_head for node in nodes] == [True, False]


def test_a_wrong_token_is_told_and_hides_no_job(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(workspace, "count", {"n": 10_000, "pause": 0.05})
    until(lambda: len(job.metrics()) > 1)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    with pytest.raises(JobError, match=r"refuses this lab's token \(403\)"):
        start_job(workspace, "count", {"n": 1})
    assert [found.id for found in list_jobs(workspace)] == [job.id], "the refused one left a folder"
    assert [found.id for found, _ in activity(workspace).active] == [job.id]
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(JobError, match="401"):
        cluster_of(Settings()).nodes()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    api._failed.clear()
    job.stop(force=True)
    assert job.wait(30).state is JobState.STOPPED


def test_a_cluster_that_is_silent_is_told_within_ten_seconds_and_not_asked_by_every_page(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(workspace, "count", {"n": 10_000, "pause": 0.05})
    until(lambda: len(job.metrics()) > 1)
    address = Settings().ray
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("RAGFT_RAY", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(JobError, match="does not answer"):
            start_job(workspace, "count", {"n": 1})
        assert time.monotonic() - began < 10
        began = time.monotonic()
        for _ in range(20):
            assert [found.id for found, _ in activity(workspace).active] == [job.id]
        assert time.monotonic() - began < 5
    monkeypatch.setenv("RAGFT_RAY", address)
    job.stop(force=True)
    assert job.wait(30).state is JobState.STOPPED


def test_without_the_switch_its_jobs_are_seen_all_the_same(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(workspace, "count", {"n": 20, "pause": 0.1})
    until(lambda: len(job.metrics()) > 1)
    monkeypatch.delenv("RAGFT_RAY")
    assert job.status().state is JobState.RUNNING
    here = start_job(workspace, "count", {"n": 1})
    assert here.wait(20).state is JobState.SUCCEEDED
    assert not (here.folder / "cluster.json").exists()
    assert here.where == ""
    assert job.wait(60).state is JobState.SUCCEEDED


DOCUMENTS = sorted((ROOT / "ragft_core/samples/knowledge/documents").iterdir())[:4]


def rows_of(base: KnowledgeBase) -> dict[str, tuple[str, bytes]]:
    """What the index holds: text and vector of every chunk; each is there once."""
    table = base._index.table().search().select(["id", "text", "vector"]).limit(None).to_arrow()
    rows = table.to_pylist()
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: (row["text"], np.float32(row["vector"]).tobytes()) for row in rows}


def at_task(*tasks: str) -> list[psutil.Process]:
    """The cluster's processes that are at such a task now."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(part.startswith(tasks) for part in process.info["cmdline"] or ())
    ]


def test_documents_are_taken_in_as_here_also_where_a_worker_is_lost(
    workspace: Workspace, settings: Settings, embedder_folder: Path,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("RAGFT_THREADS", "1")
    files = [(path.name, path) for path in DOCUMENTS]
    (tmp_path / "empty.txt").write_text("")
    files.append(("empty.txt", tmp_path / "empty.txt"))
    job = start_ingest(workspace, files)
    until(lambda: at_task("ray::_embed", "ray::_read"))
    at_task("ray::_embed", "ray::_read")[0].kill()
    here = KnowledgeBase(create_workspace(settings, "Here"), Embedder(embedder_folder, 1))
    expected = here.add_files(files)
    assert job.wait(100).state is JobState.SUCCEEDED, job.log_tail()
    there = KnowledgeBase(workspace, here.embedder)
    reports = ingest_state(job).reports

    def told(report: FileReport) -> FileReport:
        document = report.document and replace(report.document, added_at="")
        return replace(report, document=document)

    assert [told(report) for report in reports] == [told(report) for report in expected]
    assert rows_of(there) == rows_of(here)
    assert there.version == here.version

    # Another embedding model fills its index on the cluster, and takes the place of the old one.
    other = tmp_path / "other"
    shutil.copytree(embedder_folder, other)
    embedding = start_embedding(workspace, ModelChoice("folder", str(other)))
    assert embedding.wait(60).state is JobState.SUCCEEDED, embedding.log_tail()
    again = KnowledgeBase(workspace, embedder_of(workspace, settings))
    assert again.table_name != there.table_name
    assert rows_of(again).keys() == rows_of(here).keys()


def test_an_evaluation_gives_the_same_answers_and_the_same_table(
    workspace: Workspace, tiny_model: Path, embedder_folder: Path, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    model = ModelChoice(kind="folder", name=str(tiny_model))
    workspace.update(model=model, max_new_tokens=16, reader=False)
    monkeypatch.setenv("RAGFT_THREADS", "1")
    there, job = start_small(workspace, 1)
    assert job.wait(90).state is JobState.SUCCEEDED, job.log_tail()
    answers = {
        key: row.answer.text for key, row in load_results(workspace, there.id).answers.items()
    }
    expected = table(load_report(workspace, there.id))
    folder_of(workspace, there.id).rename(tmp_path / "there")  # nothing may be borrowed from it
    monkeypatch.delenv("RAGFT_RAY")
    here, job = start_small(workspace, 2)
    assert job.wait(90).state is JobState.SUCCEEDED, job.log_tail()
    results = load_results(workspace, here.id).answers
    assert {key: row.answer.text for key, row in results.items()} == answers
    assert len(answers) == 60
    assert table(load_report(workspace, here.id)) == expected


@pytest.fixture
def trainable(workspace: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("RAGFT_THREADS", "1")
    workspace.update(model=ModelChoice(kind="folder", name=str(tiny_model)))
    save_examples(workspace, colour_examples())
    return workspace


@pytest.mark.long
def test_trials_of_a_search_run_side_by_side_and_a_lost_one_is_made_again(
    trainable: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "sweep", Kind("tests.jobs.kinds:few_trials", spreads=True))
    config = RunConfig(steps=200, epochs=0, learning_rate=1e-2, eval_every=40, patience=0)
    job = start_sweep(trainable, config, 60)

    def at_work() -> list[int]:
        begun = {int(file.parent.name) for file in job.folder.glob("trials/*/metrics.jsonl")}
        return sorted(begun - {trial.number for trial in trials_of(job)})

    until(lambda: len(at_work()) == 2, 300)
    at_task("ray::_run")[0].kill()
    until(lambda: trials_of(job), 300)
    job.stop()
    assert job.wait(60).state is JobState.STOPPED, job.log_tail()
    kept = trials_of(job)
    job.resume()
    assert job.wait(300).state is JobState.SUCCEEDED, job.log_tail()
    trials = trials_of(job)
    assert trials[: len(kept)] == kept
    assert sorted(trial.number for trial in trials) == [0, 1, 2, 3]
    assert len({trial.learning_rate for trial in trials}) == 4
    assert (job.result() or {})["trials"] == 4

    # A trial's settings give the same here: the cluster only makes it elsewhere.
    monkeypatch.delenv("RAGFT_RAY")
    monkeypatch.setattr(study, "MOST_TRIALS", 1)
    monkeypatch.setattr(Job, "launch", lambda self: None)
    here = start_sweep(trainable, config, 60)
    run_sweep(JobContext(trainable, here.folder, here.spec))
    (first,) = trials_of(here)
    found = next(trial for trial in trials if trial.number == 0)
    if found.state == "finished":
        assert replace(found, seconds=0, began=0) == replace(first, seconds=0, began=0)


@pytest.mark.long
def test_two_workers_share_a_run_which_is_stopped_resumed_and_loses_one(
    trainable: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(steps=60, epochs=0, learning_rate=1e-2, eval_every=10, patience=0)
    monkeypatch.setenv("RAGFT_RAY_WORKERS", "2")
    job = start_run(trainable, config)

    def last_step() -> int:
        return max((row["step"] for row in job.metrics()), default=0)

    until(lambda: last_step() > 5, 300)
    assert len(at_task("ray::RayTrainWorker")) == 2
    job.stop()
    assert job.wait(100).state is JobState.STOPPED, job.log_tail()
    before = last_step()
    assert before < 60
    job.resume()
    until(lambda: last_step() > before + 5, 300)
    at_task("ray::RayTrainWorker")[-1].kill()
    status = job.wait(300)
    assert (status.state, status.attempt) == (JobState.SUCCEEDED, 2), job.log_tail()
    assert not (job.folder / ".ray").exists()

    monkeypatch.delenv("RAGFT_RAY")
    here = start_run(trainable, config)
    assert here.wait(100).state is JobState.SUCCEEDED, here.log_tail()
    losses = [
        {row["step"]: row["loss"] for row in one.metrics() if row["step"] and row["step"] <= 60}
        for one in (job, here)
    ]
    assert sorted(losses[0]) == list(range(1, 61)), "each step once, whatever was lost"
    begun = [{step: one[step] for step in range(1, 11)} for one in losses]
    assert begun[0] == pytest.approx(begun[1], rel=1e-5)
    assert losses[0] == pytest.approx(losses[1], rel=1e-2), "rounding grows at so high a rate"
    assert {job.id, here.id} <= {adapter.id for adapter in list_adapters(trainable)}


def test_a_cluster_without_room_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_RAY_CPUS", "3")
    job = start_ingest(workspace, [(DOCUMENTS[0].name, DOCUMENTS[0])])
    status = job.wait(40)
    assert status.state is JobState.FAILED
    assert "No machine of the cluster offers 3 processors" in status.error


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_RAY", "ray://head:10001")
    with pytest.raises(SettingsError, match="http://head:8265"):
        Settings()


def test_z_when_the_cluster_is_gone_its_jobs_are_interrupted_and_the_pages_live(
    workspace: Workspace, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(workspace, "count", {"n": 10_000, "pause": 0.05})
    until(lambda: len(job.metrics()) > 1)
    cluster.ray.shutdown()
    api._failed.clear()
    with pytest.raises(JobError, match="does not answer.*RAGFT_RAY"):
        start_job(workspace, "count", {"n": 1})
    monkeypatch.setattr(launcher_module, "SILENCE_S", 4.0)
    until(lambda: not job.status().active)
    assert settle_jobs(workspace) == []
    status = job.status()
    assert status.state is JobState.INTERRUPTED
    assert "does not answer" in status.error
    monkeypatch.delenv("RAGFT_RAY")
    job.resume()  # on this machine
    done = len(job.metrics())
    until(lambda: len(job.metrics()) > done)
    job.stop(force=True)
