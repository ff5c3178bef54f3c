"""The real server on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT


@dataclass(frozen=True)
class Server:
    """The lab's server, running."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with this test's home and further variables."""
    running: list[Server] = []

    def begin(**variables: str) -> Server:
        port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        log = tmp_path / f"server-{port}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **variables}, stdout=out, stderr=out
            )
        server = Server(f"http://127.0.0.1:{port}", process, log)
        running.append(server)
        for _ in range(150):
            if process.poll() is not None:
                break
            try:
                httpx.get(f"{server.address}/_stcore/health", timeout=1).raise_for_status()
                return server
            except httpx.HTTPError:
                time.sleep(0.2)
        pytest.fail(log.read_text(errors="replace")[-2000:])

    yield begin
    for server in running:
        server.process.kill()
        server.process.wait()
