"""Signing in, in a real browser: with a provider, with a password, through a proxy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ragft_core import people
from ragft_core.access import Person, Role, rights
from ragft_core.settings import Settings
from ragft_core.workspace import create_workspace
from tests.browser.conftest import free_port
from tests.browser.provider import CLIENT, CLIENT_SECRET, provided
from tests.browser.proxying import proxied
from tests.browser.test_journey import open_page, settled, shot

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ANNA, BEN = "anna@example.org", "ben@example.org"
ADMIN = "root@example.org"
SECRET = "the secret of the proxy"
WHO = {
    "Anna": {"sub": "1", "email": ANNA, "email_verified": True, "name": "Anna"},
    "Root": {"sub": "3", "email": ADMIN, "email_verified": True, "name": "Root"},
    "Mallory": {"sub": "4", "email": BEN, "email_verified": False, "name": "Mallory"},
}


@pytest.fixture
def home(settings: Settings) -> Path:
    """A home with a workspace of Anna's and one of Ben's."""
    for person in (ANNA, BEN):
        people.add_person(person, "editor")
        with rights.acting_as(Person(person, "", Role.EDITOR)):
            create_workspace(settings, f"{person[0].upper()}s papers")
    return settings.home


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


def seen(mail: str) -> re.Pattern[str]:
    """An address as a page shows it: parted, so that nobody takes it for a link."""
    return re.compile(re.escape(mail).replace("@", ".?@"))


def sidebar(page: Page) -> str:
    return page.get_by_test_id("stSidebar").inner_text()


def test_a_provider_signs_people_in(
    page: Page, home: Path, serve: Callable[..., str], tmp_path: Path
) -> None:
    """Who is signed in sees their own only, and is out with the click after their suspension."""
    port, other = free_port(), free_port()
    with provided(other, WHO) as provider:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
            f'cookie_secret = "a long random text"\nclient_id = "{CLIENT}"\n'
            f'client_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{provider}/.well-known/openid-configuration"\n'
        )
        base = serve(
            home, port, ["--secrets.files", str(secrets)],
            RAGFT_SIGN_IN="oidc", RAGFT_ADMIN=ADMIN,
        )  # fmt: skip
        open_page(page, base, "documents?workspace=bs-papers")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert "papers" not in page.content()
        shot(page, "people-sign-in-light")

        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Mallory").click()
        expect(page.get_by_text("may not use this lab")).to_be_visible(timeout=20_000)
        settled(page)
        page.get_by_role("button", name="Sign in as somebody else").click()
        page.get_by_role("button", name="Sign in", exact=True).click(timeout=20_000)
        page.get_by_role("link", name="Anna").click()
        expect(page.get_by_text(seen(ANNA)).first).to_be_visible(timeout=20_000)
        settled(page)
        open_page(page, base, "?workspace=bs-papers")
        assert "As papers" in page.content()
        assert "Bs papers" not in page.content()
        assert "People" not in sidebar(page)
        shot(page, "people-signed-in-light")

        people.change_person(ANNA, suspended=True)
        page.get_by_test_id("stSidebar").get_by_role("link", name="Documents").click()
        expect(page.get_by_text("is suspended")).to_be_visible(timeout=20_000)
        assert "papers" not in page.content()

        people.change_person(ANNA, suspended=False)
        open_page(page, base, "")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in", exact=True).click(timeout=20_000)
        page.get_by_role("link", name="Root").click()
        expect(page.get_by_text(seen(ADMIN)).first).to_be_visible(timeout=20_000)
        open_page(page, base, "people")
        expect(page.get_by_role("heading", name="What happened")).to_be_visible()
        shot(page, "people-admin-light")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 900})
        open_page(page, base, "people")
        shot(page, "people-admin-dark-narrow")
        said = [(e.who, e.what, e.result) for e in people.audit_log()]
        assert (ANNA, "sign in", "done") in said
        assert (ANNA, "sign out", "done") in said


def test_one_password_signs_everybody_in(page: Page, home: Path, serve: Callable[..., str]) -> None:
    people.set_password("twelve letters")
    base = serve(home, RAGFT_SIGN_IN="password")
    open_page(page, base, "")
    page.get_by_role("textbox", name="Your name").fill("Anna")
    page.locator("input[type=password]").fill("wrong letters")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This is not the password")).to_be_visible(timeout=20_000)
    shot(page, "people-password-light")
    page.locator("input[type=password]").fill("twelve letters")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("stSidebar").get_by_text("Anna", exact=True)).to_be_visible(
        timeout=20_000
    )
    settled(page)
    people.set_password("another twelve")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Documents").click()
    expect(page.get_by_text("The password was changed")).to_be_visible(timeout=20_000)


def test_a_proxy_signs_people_in(browser: Browser, home: Path, serve: Callable[..., str]) -> None:
    """With the proxy's secret the headers say who comes; without it they are nobody's."""
    base = serve(home, RAGFT_SIGN_IN="header", RAGFT_PROXY_SECRET=SECRET, RAGFT_ADMIN=ADMIN)
    port = int(base.rpartition(":")[2])
    for secret, told in ((SECRET, seen(ANNA)), ("guessed", re.compile("did not come through"))):
        headers = {"X-Forwarded-Email": ANNA, "X-Ragft-Proxy-Secret": secret}
        with proxied(port, headers) as address:
            context = browser.new_context()
            page = context.new_page()
            open_page(page, address, "")
            expect(page.get_by_text(told).first).to_be_visible(timeout=20_000)
            assert ("As papers" in page.content()) is (secret == SECRET)
            assert "Bs papers" not in page.content()
            context.close()
