"""Whose a workspace is, what its members may do, and what archiving it means."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ragft_core import people
from ragft_core.access import Members, Person, Right, Role, rights
from ragft_core.advisor import Answers, load_answers, load_criteria, save_answers
from ragft_core.errors import NotAllowedError, SettingsError
from ragft_core.evaluation.store import save_review
from ragft_core.jobs.launcher import LocalLauncher
from ragft_core.knowledge import start_embedding
from ragft_core.overview import (
    archive_workspace,
    export_workspace,
    import_workspace,
    remove_workspace,
    rename_workspace,
    restore_workspace,
)
from ragft_core.settings import Settings
from ragft_core.strategies import Vote, load_votes, save_vote
from ragft_core.types import ModelChoice
from ragft_core.workspace import (
    Workspace,
    create_workspace,
    list_archived,
    list_workspaces,
    read_jsonl,
)

ANNA = Person("anna@example.org", "Anna", Role.EDITOR)
BEN = Person("ben@example.org", "Ben", Role.EDITOR)
VIC = Person("vic@example.org", "Vic", Role.VIEWER)
ROOT = Person("root@example.org", "Root", Role.ADMIN)
CHAT = "chat-20261122-093000000-1f2e"


@pytest.fixture
def annas(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of Anna's with Ben and Vic as members, on a server where people sign in."""
    for one in (ANNA, BEN, VIC):
        people.add_person(one.id, one.role)
    monkeypatch.setattr(rights, "_closed", True)
    with rights.acting_as(ANNA):
        made = create_workspace(Settings(), "Annas")
        people.share_workspace(made, members=["BEN@example.org", VIC.id, ANNA.id])
    return made


def test_whoever_makes_a_workspace_owns_and_shares_it(annas: Workspace) -> None:
    with rights.acting_as(ANNA):
        assert rights.members_of(annas.path) == Members(ANNA.id, (BEN.id, VIC.id))
        with pytest.raises(SettingsError, match="no 'x@y'"):
            people.share_workspace(annas, members=["x@y"])
    for member in (BEN, VIC):
        with rights.acting_as(member):
            assert [one.id for one in list_workspaces(Settings())] == ["annas"]
            with pytest.raises(NotAllowedError, match="it is not yours"):
                people.share_workspace(annas, owner=member.id)
    with rights.acting_as(ANNA):
        people.share_workspace(annas, owner=BEN.id, members=[])
        with pytest.raises(NotAllowedError, match="no member"):
            annas.settings()


def test_members_do_what_their_role_says(annas: Workspace) -> None:
    with rights.acting_as(BEN):
        annas.update(top_k=7)
        for refused in (
            lambda: rename_workspace(annas, "Bens"),
            lambda: archive_workspace(annas),
            lambda: remove_workspace(annas),
            lambda: annas.update(model=ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1")),
        ):
            with pytest.raises(NotAllowedError):
                refused()
    with rights.acting_as(VIC):
        assert annas.settings().top_k == 7
        with pytest.raises(NotAllowedError, match="your role is viewer"):
            annas.update(top_k=1)
        with pytest.raises(NotAllowedError, match="your role is viewer"):
            create_workspace(Settings(), "Vics")
        with pytest.raises(NotAllowedError):
            export_workspace(annas, Settings().home / "away.zip")
    with rights.acting_as(ROOT):
        annas.update(model=ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1"))
        rename_workspace(annas, "Ours")


def test_an_editor_adopts_what_was_tuned_here(
    annas: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of the hub or of another folder takes an administrator, one of the workspace does not."""
    monkeypatch.setattr(LocalLauncher, "spawn", lambda *_: None)
    with rights.acting_as(BEN):
        annas.folder("embedders", "tune-1")
        job = start_embedding(annas, ModelChoice("folder", "embedders/tune-1"))
        assert job.by == BEN.id
        for elsewhere in ("embedders/../..", "/tmp", "embedders/tune-2"):
            with pytest.raises(NotAllowedError, match="reach beyond the lab"):
                start_embedding(annas, ModelChoice("folder", elsewhere))


def test_what_people_say_carries_who(annas: Workspace) -> None:
    with rights.acting_as(VIC):
        save_vote(annas, CHAT, Vote("t1", "rag", ("rag", "prompt"), "2026-11-22"))
        save_review(annas, "k", 1.0)
        assert [vote.by for vote in load_votes(annas)] == [VIC.id]
        (review,) = read_jsonl(annas.path / "evaluations" / "reviews.jsonl")
        assert review["by"] == VIC.id
        with pytest.raises(NotAllowedError):
            save_answers(annas, Answers({"need": "facts"}))
    with rights.acting_as(BEN):
        save_answers(annas, Answers({"need": "facts"}))
        assert load_answers(annas, load_criteria(annas)).by == BEN.id


def test_the_local_owner_is_not_named(workspace: Workspace) -> None:
    save_vote(workspace, CHAT, Vote("t1", "rag", ("rag", "prompt"), "2026-11-22"))
    assert [vote.by for vote in load_votes(workspace)] == [""]


def test_an_archived_workspace_is_read_and_not_changed(workspace: Workspace) -> None:
    archive_workspace(workspace)
    assert list_workspaces(Settings()) == []
    assert [one.id for one in list_archived(Settings())] == [workspace.id]
    assert workspace.settings().name == "Test"
    for change in (
        lambda: workspace.update(top_k=2),
        lambda: save_vote(workspace, CHAT, Vote("t", "rag", (), "2026")),
        lambda: rename_workspace(workspace, "Other"),
    ):
        with pytest.raises(NotAllowedError, match="it is archived"):
            change()
    restore_workspace(workspace)
    workspace.update(top_k=2)
    assert [one.id for one in list_workspaces(Settings())] == [workspace.id]


def test_members_stay_behind_when_a_workspace_travels(annas: Workspace, tmp_path: Path) -> None:
    away = tmp_path / "away.zip"
    with rights.acting_as(ANNA):
        archive_workspace(annas)
        export_workspace(annas, away)
    with zipfile.ZipFile(away, "a") as archive:
        archive.writestr(".MEMBERS.json", f'{{"owner": "{VIC.id}", "members": []}}')
        archive.writestr(".archived", "")
    with rights.acting_as(BEN):
        made = import_workspace(Settings(), away)
        assert rights.members_of(made.path) == Members(BEN.id, ())
        assert not made.archived
    with rights.acting_as(VIC), pytest.raises(NotAllowedError):
        import_workspace(Settings(), away)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": 1}', '{"owner": "", "members": [""]}'])
def test_damaged_members_are_nobody(annas: Workspace, text: str) -> None:
    (Settings().workspaces / annas.id / rights.MEMBERS_FILE).write_text(text)
    for person in (ANNA, VIC, Person("", "", Role.EDITOR)):
        with rights.acting_as(person):
            assert not rights.may(Right.READ, Settings().workspaces / annas.id)
    with rights.acting_as(ROOT):
        people.share_workspace(annas, owner=ANNA.id)
    with rights.acting_as(ANNA):
        assert annas.settings().name == "Annas"
