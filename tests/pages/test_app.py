"""The server's door: where it may listen, and whose its files are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import app
from ragft_core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_the_own_machine_is_always_allowed(address: str) -> None:
    assert app.refuse_open_doors(address, ()) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", None, "::", "192.0.2.7", "lab.example"])
def test_everywhere_else_takes_a_proxy_with_sign_in(address: str | None) -> None:
    assert "sign-in" in app.refuse_open_doors(address, ())
    assert app.refuse_open_doors(address, ("lab.example",)) == ""


def test_a_server_without_a_door_does_not_start(settings: Settings) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "8593"]
    done = subprocess.run(
        [*command, "--server.address", "0.0.0.0"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env=os.environ | {"RAGFT_HOME": str(settings.home)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "no sign-in" in done.stderr


def test_what_a_command_writes_is_its_owners(settings: Settings, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ragft_core", "init", "private"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
        env=os.environ | {"RAGFT_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 0
    files = [path for path in (tmp_path / "home").rglob("*")]
    assert files
    assert not [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
