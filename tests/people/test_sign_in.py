"""Who is let in, by each way to sign in, and for how long."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ragft_core import people
from ragft_core.access import Person, Role, rights
from ragft_core.errors import NotAllowedError, SettingsError
from ragft_core.people import passwords
from ragft_core.settings import Settings

MAIL = "anna@example.org"
CLAIMS = {"iss": "https://p", "sub": "1", "email": "Anna@example.org", "email_verified": True}
SECRET = "a secret of the proxy's"


def headers(**given: str | list[str]) -> dict[str, list[str]]:
    return {
        name.replace("_", "-").lower(): [value] if isinstance(value, str) else value
        for name, value in given.items()
    }


def test_a_provider_vouches_for_a_verified_address() -> None:
    with pytest.raises(NotAllowedError, match="may not use this lab"):
        people.by_claims(CLAIMS)
    people.add_person(MAIL, "editor")
    assert people.by_claims(CLAIMS).person == Person(MAIL, MAIL, Role.EDITOR)


@pytest.mark.parametrize("said", [False, None, "", 1.5, "false"])
def test_an_address_that_was_not_verified_is_nobodys(said: object) -> None:
    people.add_person(MAIL, "admin")
    with pytest.raises(NotAllowedError, match="does not say that your mail is verified"):
        people.by_claims(CLAIMS | {"email_verified": said})
    people.add_person("subject-7")
    unverified = {"iss": "https://p", "sub": "subject-7", "email": MAIL}
    assert people.by_claims(unverified).person.id == "subject-7"


def test_a_later_bearer_of_an_address_is_another() -> None:
    people.add_person(MAIL, "editor")
    people.by_claims(CLAIMS)
    with pytest.raises(NotAllowedError, match="somebody else before"):
        people.by_claims(CLAIMS | {"sub": "2"})
    people.by_claims(CLAIMS)
    people.remove_person(MAIL)
    people.add_person(MAIL)
    people.by_claims(CLAIMS | {"sub": "2"})


def test_a_client_cannot_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    people.add_person(MAIL)
    good = headers(X_Forwarded_Email=MAIL, X_Ragft_Proxy_Secret=SECRET)
    with pytest.raises(NotAllowedError, match="through the proxy"):
        people.by_headers(good)  # no secret is set: nobody can be the proxy
    monkeypatch.setenv("RAGFT_PROXY_SECRET", SECRET)
    assert people.by_headers(good).person.id == MAIL
    for wrong in (
        headers(X_Forwarded_Email=MAIL),
        headers(X_Forwarded_Email=MAIL, X_Ragft_Proxy_Secret="guessed"),
        headers(X_Forwarded_Email=MAIL, X_Ragft_Proxy_Secret=""),
        headers(X_Forwarded_Email=MAIL, X_Ragft_Proxy_Secret=[SECRET, "x"]),
        headers(X_Forwarded_Email=["x@y", MAIL], X_Ragft_Proxy_Secret=SECRET),
        headers(X_Ragft_Proxy_Secret=SECRET),
    ):
        with pytest.raises(NotAllowedError):
            people.by_headers(wrong)


def test_a_suspended_person_is_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_SIGN_IN", "oidc")
    people.add_person(MAIL, "editor")
    visit = people.by_claims(CLAIMS)
    assert people.seen_again(visit, Settings()).role is Role.EDITOR
    people.change_person(MAIL, role="viewer")
    assert people.seen_again(visit, Settings()).role is Role.VIEWER
    people.change_person(MAIL, suspended=True)
    with pytest.raises(NotAllowedError, match="suspended"):
        people.seen_again(visit, Settings())
    with pytest.raises(NotAllowedError, match="suspended"):
        people.by_claims(CLAIMS)
    people.change_person(MAIL, suspended=False)
    people.seen_again(visit, Settings())
    people.remove_person(MAIL)
    with pytest.raises(NotAllowedError):
        people.seen_again(visit, Settings())


def test_one_password_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_SIGN_IN", "password")
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with pytest.raises(SettingsError, match="11 characters"):
        people.set_password("elevencaras")
    with pytest.raises(NotAllowedError):
        people.by_password("Anna", "")  # none is set
    people.set_password("twelve letters")
    kept = (Settings().home / "password").read_text()
    assert kept.startswith("$argon2id$")
    assert "twelve" not in kept
    for _ in range(12):
        with pytest.raises(NotAllowedError, match="not the password"):
            people.by_password("Anna", "twelve Letters")
    assert waited[-1] == 5.0
    assert waited == sorted(waited)
    visit = people.by_password(" Anna ", "twelve letters")
    assert visit.person == Person("Anna (not verified)", "Anna", Role.ADMIN)
    assert people.seen_again(visit, Settings()).name == "Anna"
    people.set_password("another twelve")
    with pytest.raises(NotAllowedError, match="was changed"):
        people.seen_again(visit, Settings())


def test_a_server_that_can_sign_nobody_in_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(mode: str, *, provider: bool = False) -> str:
        monkeypatch.setenv("RAGFT_SIGN_IN", mode)
        return people.not_ready(Settings(), provider)

    assert told("none") == ""
    assert "--set-password" in told("password")
    assert "RAGFT_PROXY_SECRET" in told("header")
    assert "secrets.toml" in told("oidc")
    assert "RAGFT_ADMIN" in told("oidc", provider=True)
    monkeypatch.setenv("RAGFT_ADMIN", MAIL)
    assert told("oidc", provider=True) == ""
    monkeypatch.setenv("RAGFT_PROXY_SECRET", SECRET)
    assert told("header") == ""
    with pytest.raises(SettingsError, match="no way to sign in"):
        told("magic")


def test_the_named_administrator_cannot_be_locked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_ADMIN", f" Anna@Example.org , {MAIL}")
    people.add_person(MAIL, "viewer")
    people.change_person(MAIL, suspended=True)
    assert people.by_claims(CLAIMS).person.role is Role.ADMIN


def test_only_administrators_manage_people(monkeypatch: pytest.MonkeyPatch) -> None:
    people.add_person(MAIL, "editor")
    monkeypatch.setattr(rights, "_closed", True)
    for role in (Role.VIEWER, Role.EDITOR):
        with rights.acting_as(Person(MAIL, "", role)):
            for call in (
                people.list_people,
                people.audit_log,
                lambda: people.add_person("x@y"),
                lambda: people.change_person(MAIL, role="admin"),
                lambda: people.remove_person(MAIL),
                lambda: people.set_password("twelve letters"),
            ):
                with pytest.raises(NotAllowedError, match="only an administrator"):
                    call()
    with rights.acting_as(Person(MAIL, "", Role.ADMIN)):
        for call in (
            lambda: people.change_person(MAIL, role="viewer"),
            lambda: people.change_person(MAIL, suspended=True),
            lambda: people.remove_person(MAIL),
        ):
            with pytest.raises(SettingsError, match="lock yourself out"):
                call()
        assert people.add_person("ben@example.org").role is Role.VIEWER


def test_the_log_says_who_did_what_and_what_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from ragft_core.workspace import create_workspace, delete_workspace

    monkeypatch.setattr(rights, "_closed", True)
    with rights.acting_as(Person(MAIL, "", Role.EDITOR)):
        made = create_workspace(Settings(), "Mine")
        made.update(top_k=5)
    with rights.acting_as(Person("ben@example.org", "", Role.EDITOR)):
        with pytest.raises(NotAllowedError):
            delete_workspace(made)
    with rights.acting_as(Person("root@example.org", "", Role.ADMIN)):
        delete_workspace(made)
        events = people.audit_log()
    told = [(e.who, e.what, e.workspace, e.about, e.result) for e in reversed(events)]
    assert told == [
        (MAIL, "create", "mine", "", "done"),
        (MAIL, "settings", "mine", "top_k", "done"),
        ("ben@example.org", "read", "mine", "", "refused"),
        ("root@example.org", "delete", "mine", "", "done"),
    ]
    lines = (Settings().home / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines] == [row[1] for row in told]


def test_one_persons_laptop_keeps_no_log(tmp_path: Path) -> None:
    from ragft_core.workspace import create_workspace, delete_workspace

    delete_workspace(create_workspace(Settings(), "Mine"))
    assert not (Settings().home / "audit.jsonl").exists()
    assert list(tmp_path.rglob(rights.MEMBERS_FILE)) == []
