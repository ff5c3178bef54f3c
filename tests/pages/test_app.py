"""The server's door: where it may listen, and whose its files are."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
from streamlit.testing.v1 import AppTest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import app
from ragft_core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_does_not_change_where_modules_are_found() -> None:
    """Another thread that imports meanwhile would find nothing."""
    before = list(sys.path)
    with modified_sys_path(str(ROOT / "pages" / "frame.py")):
        assert sys.path == before


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_the_own_machine_is_always_allowed(address: str) -> None:
    assert app.refuse_open_doors(address, ()) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", None, "::", "192.0.2.7", "lab.example"])
def test_everywhere_else_takes_a_proxy_with_sign_in(address: str | None) -> None:
    assert "let people sign in" in app.refuse_open_doors(address, ())
    assert app.refuse_open_doors(address, ("lab.example",)) == ""
    assert app.refuse_open_doors(address, (), "oidc") == ""


@pytest.mark.parametrize(
    ("host", "allowed", "known"),
    [
        ("127.0.0.1:8501", (), True), ("localhost", (), True), ("[::1]:8501", (), True),
        ("evil.example", (), False), ("127.0.0.1.evil.example", (), False), ("", (), False),
        ("[", (), False), ("lab.example:443", ("lab.example",), True),
        ("LAB.example.", ("lab.example",), True), ("a.lab.example", ("*.lab.example",), True),
        ("lab.example.evil", ("lab.example", "*.lab.example"), False), ("any", ("*",), True),
    ],
)  # fmt: skip
def test_a_host_is_known_by_its_name(host: str, allowed: tuple[str, ...], known: bool) -> None:
    assert app.is_known_host(host, allowed) is known


@pytest.mark.slow
def test_a_published_server_answers_to_its_names_only(settings: Settings, tmp_path: Path) -> None:
    """Requests and websockets; and it asks no service outside for its own address."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "8594"]
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--server.address", "0.0.0.0", "--server.allowedHosts", "lab.example"],
            cwd=ROOT, stdout=out, stderr=out, env=os.environ | {"RAGFT_HOME": str(settings.home)},
        )  # fmt: skip
    try:
        for _ in range(300):
            with suppress(httpx.TransportError):
                httpx.get("http://127.0.0.1:8594/_stcore/health")
                break
            time.sleep(0.2)
        for path in ("", "_stcore/health", "_stcore/host-config"):
            for host, code in (("lab.example", 200), ("evil.example", 421), ("127.0.0.1", 200)):
                got = httpx.get(f"http://127.0.0.1:8594/{path}", headers={"Host": host})
                assert got.status_code == code, (path, host)
        for host, opens in (("lab.example", True), ("evil.example", False)):
            with suppress(InvalidStatus):
                with connect(
                    f"ws://{host}/_stcore/stream", sock=socket.create_connection(("127.0.0.1", 8594)),
                    origin=f"http://{host}", proxy=None,
                ):  # fmt: skip
                    assert opens, host
                continue
            assert not opens, host
    finally:
        server.terminate()
        server.wait(timeout=30)
    assert "External URL" not in log.read_text(errors="replace")


def test_tables_have_no_download_of_their_own() -> None:
    """Streamlit's would leave a formula in a cell live."""
    assert tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["client"][
        "disableDataExport"
    ]


def test_a_server_without_a_door_does_not_start(settings: Settings) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "8593"]
    done = subprocess.run(
        [*command, "--server.address", "0.0.0.0"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env=os.environ | {"RAGFT_HOME": str(settings.home)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "nobody signs in" in done.stderr


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


def test_what_goes_wrong_in_a_part_that_draws_itself_is_said_in_words() -> None:
    def page() -> None:
        from pages.ui.people.visit import fragment
        from ragft_core.errors import JobError

        @fragment()
        def part() -> None:
            raise JobError("The job is gone.", "Start a new one.")

        part()

    shown = AppTest.from_function(page).run()
    assert not shown.exception
    assert [error.value for error in shown.error] == ["Start a new one."]
