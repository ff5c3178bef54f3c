"""The container, as far as it goes where no builder is: its files, settings, command and check run.

What is not tried here: the base image, the installation in it (the gate installs the same list), and
the engines of the profile ``scale``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.conftest import MODELS, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS = [
    tuple(line.split(maxsplit=1))
    for line in DOCKERFILE.splitlines()
    if line.strip() and not line.startswith("#")
]


def steps(kind: str) -> list[str]:
    return [rest for name, rest in STEPS if name == kind]


def test_it_runs_as_nobody_special_with_one_volume_and_a_check() -> None:
    names = [name for name, _ in STEPS]
    assert steps("USER") == ["lab"]
    assert names.index("USER") < names.index("CMD")
    assert steps("VOLUME") == ["/data"]
    assert len(steps("HEALTHCHECK")) == 1
    assert not re.search(r"KEY|PASSWORD|TOKEN", " ".join(steps("ENV") + steps("ARG")))


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {part.rstrip("/") for rest in steps("COPY") for part in rest.split()[:-1]}
    assert {f"!{name}" for name in copied} <= set(allowed)
    assert allowed[0] == "*"


def test_compose_publishes_on_loopback_only_and_holds_no_secret() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    alone = [name for name, service in services.items() if not service.get("profiles")]
    assert alone == ["lab"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    for line in text.splitlines():
        if re.search(r"(KEY|SECRET|TOKEN|PASSWORD)\w*:", line):
            assert re.search(r": \$\{\w+:-\}$", line), line


@pytest.mark.slow
def test_the_copied_files_start_answer_the_check_and_end_when_told(tmp_path: Path) -> None:
    image, home = tmp_path / "app", tmp_path / "data"
    home.mkdir()
    for rest in steps("COPY"):
        *sources, target = rest.split()
        for source in sources:
            there = image / (target if (ROOT / source).is_dir() else source)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there)
            else:
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / source, there)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    given = dict(rest.split("=", 1) for rest in steps("ENV"))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "STREAMLIT_SERVER_PORT": port, **given,
        "RAGFT_HOME": str(home), "RAGFT_MODELS": str(MODELS),
    }  # fmt: skip

    def own(command: str) -> list[str]:
        words = json.loads(command[command.index("[") :])
        assert words[0] == "python"
        return [sys.executable, *(word.replace("8501", port) for word in words[1:])]

    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            own(steps("CMD")[0]), cwd=image, env=environment, stdout=log, stderr=log
        )
    try:
        check = own(steps("HEALTHCHECK")[0].partition("CMD ")[2])
        for _ in range(60):
            done = subprocess.run(check, env=environment, capture_output=True, check=False)
            if done.returncode == 0 or server.poll() is not None:
                break
            time.sleep(0.5)
        assert done.returncode == 0, (tmp_path / "log").read_text()
        strange = httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": "evil.example"})
        assert strange.status_code == 421
        server.terminate()
        assert server.wait(timeout=12) in (0, -15)
    finally:
        server.kill()
        server.wait()
    assert b'"message": "The lab has started"' in (tmp_path / "log").read_bytes()
