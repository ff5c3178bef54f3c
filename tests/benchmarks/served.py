"""A real server of another make, transformers serve, with the bundled model: five arms, a record.

    python -m tests.benchmarks.served [MERGED]

The server (pip install fastapi uvicorn) loads what it is asked for by its folder: the bundled model,
and as the tuned ones the same model with a bundled adapter merged in, written by "As one model" (into
MERGED, which is used again). Two questions of the sample are asked, then a decision record is made. Everything goes through commands.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx

from ragft_core.evaluation import list_plans, load_report, load_results
from ragft_core.finetuning.adapters import READER
from ragft_core.models.weights.bundled import GENERATOR, fetch
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, list_workspaces

QUESTIONS = "2"
START_S = 120.0
ARMS = ("prompt", "long-context", "rag", "fine-tuned", "hybrid")


def main() -> None:
    model = fetch(GENERATOR, Settings().models)
    models = {"RAGFT_MODELS": str(Settings().models), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, models):
        os.environ["RAGFT_HOME"] = home
        began = time.monotonic()
        told("init", "demo", "--sample", "knowledge")
        merged = sys.argv[1] if len(sys.argv) > 1 else str(Path(home) / "merged")
        if not Path(merged).exists():
            told("adapters", "demo", "--export", READER, "--format", "merged", "--to", merged)
        print(f"prepared in {time.monotonic() - began:.0f} s", flush=True)
        with transformers_server(home) as url:
            evaluate(list_workspaces(Settings())[0], str(model), merged, url)


@contextmanager
def transformers_server(home: str) -> Iterator[str]:
    """``transformers serve`` on this machine; gives its OpenAI-compatible address."""
    port = free_port()
    server = subprocess.Popen(
        [Path(sys.executable).parent / "transformers", "serve", "--host", "127.0.0.1"]
        + ["--port", str(port), "--device", "cpu", "--dtype", "float32"],
        env={**os.environ, "HF_HOME": f"{home}/hub"},
    )
    try:
        began = time.monotonic()
        wait_for(f"http://127.0.0.1:{port}/health")
        print(f"the server is up in {time.monotonic() - began:.0f} s", flush=True)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def evaluate(workspace: Workspace, model: str, merged: str, url: str) -> None:
    workspace.update(max_new_tokens=24, long_context_tokens=700, top_k=3)
    began = time.monotonic()
    told(
        "model", "demo", "--kind", "endpoint", "--name", model, "--url", url,
        "--tuned", merged, "--tuned-hybrid", merged,
    )  # fmt: skip
    print(f"connected in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    arms = [word for arm in ARMS for word in ("--arm", arm)]
    told("evaluate", "demo", "--limit", QUESTIONS, "--wait", *arms)
    seconds = time.monotonic() - began
    (plan,) = list_plans(workspace)
    answers = load_results(workspace, plan.id).answers.values()
    failed = [row.answer.error for row in answers if row.answer.error]
    for row in answers:
        print(f"{row.arm:13} {row.question_id}: {row.answer.text[:90]!r}")
    print(f"{len(answers)} answers in {seconds:.0f} s, {len(failed)} failed {failed[:1]}")
    print(load_report(workspace, plan.id).verdict)
    told("report", "demo", "--out", str(workspace.path / "record.md"))
    print((workspace.path / "record.md").read_text(encoding="utf-8")[:600])


def told(*words: str) -> None:
    """Runs a command of the lab, which must succeed."""
    subprocess.run([sys.executable, "-m", "ragft_core", *words], check=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for(url: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    main()
