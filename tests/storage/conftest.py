"""A real S3 server of the tests' own: moto in a process, so that it can die, and one bucket."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from ragft_core.knowledge import KnowledgeBase
from ragft_core.storage import place
from ragft_core.storage.bucket import _file_system
from ragft_core.workspace import Workspace
from tests.knowledge.hashing import HashEmbedder

SERVER = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
server._thread.join()
"""


@dataclass(frozen=True)
class S3:
    """An S3 server with an empty bucket."""

    address: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def serve() -> S3:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    lines = (line for line in process.stdout if line.strip().isdigit())
    address = f"http://127.0.0.1:{int(next(lines))}"
    assert urlsplit(address).port
    return S3(address, process)


def empty(s3: S3) -> None:
    """A fresh server's state, and the bucket ``lab``."""
    httpx.post(f"{s3.address}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3.address}/lab", headers={"Host": "s3.amazonaws.com"}).raise_for_status()


@pytest.fixture(scope="session")
def _server() -> Iterator[S3]:
    server = serve()
    yield server
    server.stop()


def point_at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Makes this process and its children use the store at an address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    place._probed.clear()
    _file_system.cache_clear()


@pytest.fixture
def s3(_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server, emptied, and this process's environment made to use it."""
    empty(_server)
    point_at(monkeypatch, _server.address)
    yield _server
    place._probed.clear()


@pytest.fixture
def remote(s3: S3, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> KnowledgeBase:
    """A knowledge base whose index lies in the store."""
    monkeypatch.setenv("RAGFT_INDEX_URI", "s3://lab/indices")
    return KnowledgeBase(workspace, HashEmbedder())


def within(seconds: float, began: float) -> bool:
    return time.monotonic() - began < seconds
