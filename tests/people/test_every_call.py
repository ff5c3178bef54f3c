"""Whoever has no right to a workspace gets nothing of it and changes nothing, by any call at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragft_core.access import Person, Role, rights
from ragft_core.errors import NotAllowedError
from ragft_core.settings import Settings
from ragft_core.strategies import add_arm
from ragft_core.workspace import Workspace, open_workspace
from tests.faults.drive import without_models
from tests.faults.states import build
from tests.people.calls import HARMLESS, Things, calls, listed

ANNA = Person("anna@example.org", "Anna", Role.EDITOR)
BEN = Person("ben@example.org", "Ben", Role.EDITOR)
VIC = Person("vic@example.org", "Vic", Role.VIEWER)
SAYING = {"save_turn", "save_vote", "save_review"}
CALLS = list(calls())
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with Ben's workspace, which holds one of everything and has Vic as its member."""
    home = tmp_path_factory.mktemp("home")
    with without_models(home):
        (home / "workspaces").mkdir()
        made = build(home / "workspaces" / "bens", home)
        add_arm(made, "rag", "Mine")
        members = '{"owner": "ben@example.org", "members": ["vic@example.org"]}'
        (made.path / rights.MEMBERS_FILE).write_text(members, encoding="utf-8")
        yield home


@pytest.fixture
def things(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Things:
    monkeypatch.setenv("RAGFT_HOME", str(home))
    return Things(Workspace(home / "workspaces" / "bens"), tmp_path)


def content(folder: Path) -> dict[str, str]:
    """Every file with its digest; the lab's own locks left out."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and ".locks" not in file.parts
    }


def not_refused(things: Things) -> list[str]:
    """The calls that end in any other way than by a refusal, each with how."""
    found = []
    for call in CALLS:
        try:
            found.append(f"{call}: {str(call.make(things))[:120]}")
        except NotAllowedError:
            continue
        except Exception as error:
            found.append(f"{call}: {repr(error)[:200]}")
    return found


def test_a_stranger_gets_nothing_by_any_call(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(things.folder)
    monkeypatch.setattr(rights, "_closed", True)
    with rights.acting_as(ANNA):
        assert listed() == []
        with pytest.raises(NotAllowedError):
            open_workspace(Settings(), "bens")
        let_in = not_refused(things)
    assert not let_in, "\n".join(let_in)
    assert content(things.folder) == before
    assert len(CALLS) > 150


def test_nobody_gets_nothing_either(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread, a callback or a part of a page that named nobody: the doors are shut."""
    monkeypatch.setattr(rights, "_closed", True)
    assert listed() == []
    let_in = not_refused(things)
    assert not let_in, "\n".join(let_in)


def test_a_viewer_changes_nothing_by_any_call(
    things: Things, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What changes a workspace when its owner does it is refused to a member who may only read."""
    monkeypatch.setattr(rights, "_closed", True)
    kept = shutil.copytree(things.folder, tmp_path / "kept")
    before = content(things.folder)
    wrong, changing = {}, set()
    for call in CALLS:
        refused = False
        with rights.acting_as(VIC):
            try:
                call.make(things)
            except Exception as error:  # whatever it is, nothing may have changed
                refused = isinstance(error, NotAllowedError)
        changed = content(things.folder) != before
        if changed and call.name not in SAYING:
            wrong[call.name] = "a viewer changed something"
        if changed:
            _restore(kept, things.folder)
        with rights.acting_as(BEN):
            try:
                call.make(things)
            except Exception as error:
                if isinstance(error, NotAllowedError) and "reach beyond" not in error.message:
                    wrong[call.name] = f"refused to its owner: {error}"
        if not things.folder.exists() or content(things.folder) != before:
            changing.add(call.name)
            if call.name not in SAYING and not refused:
                wrong[call.name] = "its owner changes something, and a viewer is not refused"
            _restore(kept, things.folder)
    assert wrong == {}
    assert SAYING < changing
    assert len(changing) > 35


def _restore(kept: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)


def test_each_call_that_is_left_out_has_a_reason() -> None:
    assert all(HARMLESS.values())
    assert len(HARMLESS) <= 12
