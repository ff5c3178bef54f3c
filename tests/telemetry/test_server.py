"""The real server: its health, its metrics, and its end while a job is at work."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from ragft_core.jobs import JobState
from ragft_core.knowledge import documents, start_ingest
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.telemetry.conftest import Server, free_port


def many(folder: Path) -> list[tuple[str, Path]]:
    text = "\n\n".join(f"The kiln {n} is built of firebrick and {n} bolts." for n in range(40))
    named = [f"{n}.txt" for n in range(8)]
    return [(name, files.text(folder / name, f"{name}\n\n{text}")) for name in named]


@pytest.mark.slow
def test_health_and_metrics_are_told_and_name_nobody(
    start: Callable[..., Server], workspace: Workspace
) -> None:
    port = free_port()
    server = start(RAGFT_METRICS_PORT=str(port), RAGFT_LOG="json")
    found = httpx.get(f"{server.address}/health")
    assert found.status_code == 200
    assert found.json() == {
        "status": "ready", "home": "ok", "index": "ok", "store": "ok", "jobs": "ok",
    }  # fmt: skip
    assert workspace.id not in found.text
    told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert f'ragft_documents{{workspace="{workspace.id}"}} 0.0' in told
    assert "ragft_answers_total" in told
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert "The lab has started" in [json.loads(line)["message"] for line in lines]


@pytest.mark.slow
def test_a_store_that_is_away_makes_the_lab_degraded_and_not_restarted(
    start: Callable[..., Server],
) -> None:
    server = start(
        RAGFT_STORE="s3://lab/x",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    began = time.monotonic()
    found = httpx.get(f"{server.address}/health", timeout=15)
    assert time.monotonic() - began < 10
    assert (found.status_code, found.json()["status"]) == (200, "degraded")
    assert "cannot be reached" in found.json()["store"]


@pytest.mark.slow
def test_a_job_outlives_the_server(
    start: Callable[..., Server], workspace: Workspace, tmp_path: Path
) -> None:
    server = start()
    job = start_ingest(workspace, many(tmp_path))
    server.process.terminate()
    assert server.process.wait(timeout=15) in (0, -15)
    assert job.wait(timeout=100).state is JobState.SUCCEEDED
    assert len(documents(workspace)) == 8


@pytest.mark.slow
def test_where_all_ends_with_the_server_a_job_keeps_what_it_has_and_goes_on(
    start: Callable[..., Server], workspace: Workspace, tmp_path: Path
) -> None:
    server = start(RAGFT_PAUSE_JOBS="1")
    job = start_ingest(workspace, many(tmp_path))
    for _ in range(300):
        if job.status().state is JobState.RUNNING:
            break
        time.sleep(0.1)
    server.process.terminate()
    server.process.wait(timeout=20)
    job.launcher.stop(job.folder, force=True)  # as the end of a container ends what is left
    assert not job.wait(timeout=10).state.active
    start(RAGFT_PAUSE_JOBS="1")
    assert job.wait(timeout=100).state is JobState.SUCCEEDED
    assert job.status().attempt == 2
    assert len(documents(workspace)) == 8


def test_a_home_that_cannot_be_written_is_failing(tmp_path: Path) -> None:
    from ragft_core.overview import health

    (tmp_path / "file").write_text("in the way")
    found = health(Settings(home=tmp_path / "file" / "home"))
    assert found.status == "failing"
    assert found.parts["jobs"] == "unknown"
    assert os.environ["RAGFT_HOME"]
