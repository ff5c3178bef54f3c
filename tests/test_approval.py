"""A workspace from elsewhere sends nothing and loads nothing before somebody agreed."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from ragft_core.approval import HUB_KEY, approve, key_variables, read_key, unapproved
from ragft_core.commands.app import app
from ragft_core.errors import ConsentError, ModelError
from ragft_core.models.remote import ChatClient
from ragft_core.settings import Settings
from ragft_core.strategies import add_arm, open_workspace_generator
from ragft_core.types import ModelChoice
from ragft_core.values import to_dict
from ragft_core.workspace import FILE, Workspace, create_workspace

ELSEWHERE = ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1", "RAGFT_KEY_LAB")


def brought(workspace: Workspace, **fields: object) -> Workspace:
    """The workspace as somebody else's lab would have written it."""
    file = workspace.path / FILE
    data = json.loads(file.read_text(encoding="utf-8")) | fields
    file.write_text(json.dumps(data), encoding="utf-8")
    return workspace


@pytest.fixture
def foreign(workspace: Workspace) -> Workspace:
    model = {"kind": "endpoint", "name": "m", "url": ELSEWHERE.url, "key_variable": "RAGFT_KEY_LAB"}
    return brought(workspace, model=model)


def test_what_was_chosen_here_is_agreed_to(workspace: Workspace) -> None:
    workspace.update(model=ELSEWHERE)
    assert unapproved(workspace) == []
    workspace.update(top_k=5)
    assert unapproved(workspace) == []


def test_what_came_from_elsewhere_is_asked_about(
    foreign: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_KEY_LAB", "canary")
    with pytest.raises(ConsentError, match=r"127\.0\.0\.1.*RAGFT_KEY_LAB"):
        open_workspace_generator(foreign, foreign.settings().model, settings)
    assert key_variables(foreign) == ()
    foreign.update(top_k=5)  # another change is no agreement
    assert unapproved(foreign) == [ELSEWHERE]
    approve(foreign, ELSEWHERE)
    assert unapproved(foreign) == []
    assert key_variables(foreign) == ("RAGFT_KEY_LAB",)
    open_workspace_generator(foreign, ELSEWHERE, settings).close()


def test_a_changed_address_is_another_choice(workspace: Workspace) -> None:
    workspace.update(model=ELSEWHERE)
    text = (workspace.path / FILE).read_text(encoding="utf-8")
    (workspace.path / FILE).write_text(text.replace("127.0.0.1:9", "evil.example"), "utf-8")
    assert [choice.url for choice in unapproved(workspace)] == ["http://evil.example/v1"]


def test_judges_and_arms_are_asked_about_too(workspace: Workspace) -> None:
    add_arm(workspace, "rag", "Mine", model=ModelChoice("folder", "/mine"))
    assert unapproved(workspace) == []
    arms = to_dict(workspace.settings())["arms"]
    arms[0]["settings"]["model"]["name"] = "/theirs"
    judge = {"kind": "endpoint", "name": "j", "url": "http://judge.example/v1"}
    brought(workspace, judge=judge, arms=arms)
    assert [choice.name for choice in unapproved(workspace)] == ["j", "/theirs"]


def test_a_copy_on_this_machine_stays_agreed(workspace: Workspace, settings: Settings) -> None:
    workspace.update(model=ELSEWHERE)
    copy = settings.workspaces / "copy"
    shutil.copytree(workspace.path, copy)
    assert unapproved(Workspace(copy)) == []


def test_another_home_does_not_agree(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.update(model=ELSEWHERE)
    monkeypatch.setenv("RAGFT_HOME", str(tmp_path / "other"))
    assert unapproved(workspace) == [ELSEWHERE]


def test_the_secret_is_its_owners(workspace: Workspace, settings: Settings) -> None:
    workspace.update(model=ELSEWHERE)
    mode = (settings.home / "secret").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "PATH"])
def test_only_variables_for_the_lab_are_sent(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "canary")
    with pytest.raises(ModelError, match="RAGFT_KEY_") as caught:
        ChatClient(ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1", variable))
    assert "canary" not in str(caught.value)


def test_further_variables_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "good")
    monkeypatch.setenv("RAGFT_KEYS", "MISTRAL_API_KEY, OPENAI_API_KEY")
    assert read_key("OPENAI_API_KEY") == "good"


def test_the_command_allows(foreign: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    monkeypatch.setenv("RAGFT_KEY_LAB", "k")
    done = CliRunner().invoke(app, ["model", str(foreign.path), "--allow"])
    assert done.exit_code == 0, done.output
    assert unapproved(foreign) == []


def test_a_new_workspace_asks_nothing(settings: Settings) -> None:
    assert unapproved(create_workspace(settings, "Plain")) == []
    assert not (settings.home / "secret").exists()


def test_jobs_get_the_hubs_key_for_a_model_of_the_hub_only(workspace: Workspace) -> None:
    assert key_variables(workspace) == ()
    choice = ModelChoice("hub", "owner/gated", revision="a" * 40)
    workspace.update(model=choice)
    approve(workspace, choice)
    assert key_variables(workspace) == (HUB_KEY,)
