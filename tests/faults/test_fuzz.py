"""A seeded sample of ``tests.benchmarks.fuzz``: spoilt files end in sentences, never in tracebacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragft_core.workspace import Workspace
from tests.benchmarks.fuzz import chosen
from tests.faults.drive import COMMANDS, Driver, without_models
from tests.faults.states import build

N_STATES = 24


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with without_models(tmp_path):
        yield tmp_path


@pytest.mark.slow
def test_spoilt_files_never_show_a_traceback(home: Path) -> None:
    whole = build(home / "whole", home)
    driver = Driver(home, some_pages=1, some_commands=2, seed=1)
    for number, fault in enumerate(chosen(whole, seed=1)[:N_STATES]):
        workspace = Workspace(home / "workspaces" / f"w{number}")
        shutil.copytree(whole.path, workspace.path)
        fault.spoil(workspace.path / fault.file)
        seen = driver.drive(workspace, pages=number % 3 == 0)
        shutil.rmtree(workspace.path)
        assert seen.tracebacks == {}, f"{fault.file}: {fault.name}"
        assert seen.netted == {}, f"{fault.file}: {fault.name}"


def test_the_driver_sees_a_traceback_and_a_mistake(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr("ragft_core.overview.workspace_steps", broken)
    (home / "workspaces" / "w").mkdir(parents=True)
    driver = Driver(home)
    workspace = Workspace(home / "workspaces" / "w")
    workspace.start_over()
    monkeypatch.setattr("tests.faults.drive.COMMANDS", (("status", "W"),))
    seen = driver.drive(workspace, pages=False)
    assert list(seen.netted) == ["status W"]
    assert "KeyError" in seen.netted["status W"]
    assert "planted" in (home / "mistakes.log").read_text(encoding="utf-8")


def test_every_command_is_driven() -> None:
    from ragft_core.commands.app import app

    callbacks = [item.callback for item in app.registered_commands if item.callback]
    names = {callback.__name__.replace("_", "-") for callback in callbacks}
    assert names == {line[0] for line in COMMANDS} | {"serve"}, "serve runs until it is ended"
