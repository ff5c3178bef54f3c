"""The real app on a free port, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import MODELS, ROOT

SHOTS = Path(__file__).parent / "screenshots"
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """The system's browser, or None when Playwright's own is there; tries to get one first."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return None
    message = f"No browser could be had: {done.stderr.strip()[-300:]}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def browser(chromium: str | None) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield launched
        launched.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts the app with a home of its own and returns its address; may be called again."""
    running: list[subprocess.Popen[bytes]] = []

    def start(
        home: Path | None = None, port: int = 0, arguments: Sequence[str] = (), **given: str
    ) -> str:
        for process in running:
            process.terminate()
            process.wait(timeout=20)
        running.clear()
        port = port or free_port()
        environment = {
            **os.environ,
            "RAGFT_HOME": str(home or tmp_path / "home"),
            "RAGFT_MODELS": str(MODELS),
            "HF_HUB_OFFLINE": "1",
            **given,
        }
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        command += arguments
        with (tmp_path / f"server-{port}.log").open("wb") as log:
            running.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            )
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                    return address
            except OSError:
                time.sleep(0.2)
        pytest.fail((tmp_path / f"server-{port}.log").read_text(errors="replace")[-2000:])

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=20)
