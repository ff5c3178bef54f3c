"""A hub on this machine that speaks the real protocol: a model is pinned to the commit it was chosen at."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import ROOT
from tests.fakes import served

OLD, NEW = "a" * 40, "b" * 40
NAME = "owner/tiny"


class Hub(BaseHTTPRequestHandler):
    """Serves two commits of one repository; ``server.main`` says which ``main`` is."""

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts == ["api", "models"]:
            return self.found(parse_qs(urlsplit(self.path).query))
        if parts[:2] == ["api", "models"]:
            kind, revision = (*parts[4:6], "", "")[:2]
            return self.tree(revision) if kind == "tree" else self.info(revision or "main")
        if len(parts) < 4:
            return self.answer(404, b"", {})
        commit = self.server.main if parts[3] == "main" else parts[3]
        file = self.server.commits[commit] / "/".join(parts[4:])
        if not file.exists():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        data = file.read_bytes()
        tag = hashlib.sha256(data).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{tag}"'}
        begin = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.server.ranges.append(begin)
        if begin:
            span = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            return self.answer(206, data[begin:], headers | {"Content-Range": span})
        cut = self.server.cut if file.suffix == ".safetensors" else 0
        return self.answer(200, data, headers, cut=cut)

    do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

    def found(self, query: dict[str, list[str]]) -> None:
        """Models by name; the client asks for what it wants to know of each."""
        assert query["pipeline_tag"] == ["text-generation"]
        row = {
            "id": NAME, "gated": "manual", "downloads": 7, "tags": ["license:mit", "safetensors"],
            "safetensors": {"parameters": {"BF16": 9}, "total": 9},
        }  # fmt: skip
        rows = [row] if query["search"][0] in NAME else []
        return self.answer(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})

    def tree(self, commit: str) -> None:
        rows = [
            {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "c" * 40}
            for path in sorted(self.server.commits[commit].iterdir())
            if path.is_file()
        ]
        return self.answer(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})

    def info(self, revision: str) -> None:
        commit = self.server.main if revision == "main" else revision
        folder = self.server.commits[commit]
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        data = {
            "id": NAME, "sha": commit, "gated": False, "tags": [], "downloads": 0,
            "siblings": [{"rfilename": p.name, "size": p.stat().st_size} for p in files],
            "config": json.loads((folder / "config.json").read_text()) | self.server.config,
        }  # fmt: skip
        return self.answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def answer(self, code: int, data: bytes, headers: dict[str, str], cut: int = 0) -> None:
        """Sends it; with ``cut``, the connection ends after so many bytes."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[: cut or None])
            self.close_connection = bool(cut)


@pytest.fixture
def hub(tiny_model: Path, tmp_path: Path) -> Iterator:
    other = tmp_path / "newer"
    shutil.copytree(tiny_model, other)
    (other / ".weights-digest.json").unlink(missing_ok=True)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 0x01
    (other / "model.safetensors").write_bytes(bytes(weights))
    with served(Hub) as server:
        server.commits, server.main = {OLD: tiny_model, NEW: other}, OLD
        server.config, server.cut, server.ranges = {}, 0, []
        yield server


def run(hub, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command with this hub as the hub."""
    env = os.environ | {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "RAGFT_MODELS": str(tmp_path / "models"),
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


FETCH = """
from ragft_core.models import model_folder, weights_digest
from ragft_core.settings import Settings
from ragft_core.workspace import open_workspace
from ragft_core.evaluation.store.cache_keys import arm_fingerprints
workspace = open_workspace(Settings(), "pinned")
folder = model_folder(workspace.settings().model, Settings())
print(folder.name, weights_digest(folder), arm_fingerprints(workspace, Settings())["prompt"])
"""


def test_a_choice_is_pinned_and_stays_when_main_moves(hub, tmp_path: Path) -> None:
    assert run(hub, tmp_path, "-m", "ragft_core", "init", "pinned").returncode == 0
    choose = ("-m", "ragft_core", "model", "pinned", "--kind", "hub", "--name", NAME)
    chosen = run(hub, tmp_path, *choose)
    assert f"Pinned at commit {OLD[:10]}" in chosen.stdout, chosen.stderr
    # It was fetched, loaded and asked before it was taken.
    assert "Downloading owner/tiny: " in chosen.stderr
    assert "Asked once, it answered" in chosen.stderr
    hub.main = NEW
    before = run(hub, tmp_path, "-c", FETCH)
    assert before.stdout.startswith(OLD), before.stderr
    chosen = run(hub, tmp_path, *choose, "--revision", NEW)
    assert f"Pinned at commit {NEW[:10]}" in chosen.stdout, chosen.stderr
    after = run(hub, tmp_path, "-c", FETCH)
    assert after.stdout.split()[0] == NEW, after.stderr
    for one, other in zip(before.stdout.split(), after.stdout.split(), strict=True):
        assert one != other


def test_what_could_not_be_loaded_is_refused_before_it_is_fetched(hub, tmp_path: Path) -> None:
    assert run(hub, tmp_path, "-m", "ragft_core", "init", "pinned").returncode == 0
    choose = ("-m", "ragft_core", "model", "pinned", "--kind", "hub", "--name", NAME)
    hub.config = {"quantization_config": {"quant_method": "bitsandbytes"}}
    assert "stored quantised" in run(hub, tmp_path, *choose).stderr
    hub.config = {}
    assert "is no commit" in run(hub, tmp_path, *choose, "--revision", "v1.0/../x").stderr
    assert not (tmp_path / "models" / "hub").exists()


def test_models_are_found_by_name(hub, tmp_path: Path) -> None:
    found = run(hub, tmp_path, "-m", "ragft_core", "model", "none", "--find", "tin", "--json")
    (row,) = json.loads(found.stdout)
    assert (row["name"], row["parameters"], row["licence"], row["gated"]) == (NAME, 9, "mit", True)
    found = run(hub, tmp_path, "-m", "ragft_core", "model", "none", "--find", "huge")
    assert "Nothing found" in found.stdout


RESUME = """
import huggingface_hub.constants
huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 4096  # it keeps whole pieces of 10 MB
from ragft_core.errors import ModelError
from ragft_core.models.weights import hub_folder
from ragft_core.settings import Settings
told = []
try:
    hub_folder("owner/tiny", Settings(), progress=lambda share, text: told.append(share))
    print("whole", told[-1])
except ModelError as error:
    print(error.message, error.remedy)
"""


def test_a_download_that_broke_off_goes_on_where_it_stopped(hub, tmp_path: Path) -> None:
    hub.cut = 50_000
    broken = run(hub, tmp_path, "-c", RESUME)
    if "whole" not in broken.stdout:  # the client may go on by itself at once
        assert "What was fetched so far is kept" in broken.stdout, broken.stderr
        hub.cut = 0
        assert "whole 1.0" in run(hub, tmp_path, "-c", RESUME).stdout
    assert any(begin >= 40_000 for begin in hub.ranges)
