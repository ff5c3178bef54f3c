"""The ways to sign in: each takes what a browser brought and says who that is, or raises.

    password   one shared password; the name is only told, nobody checks it
    oidc       an OpenID Connect provider vouches for a mail address (Streamlit's st.login)
    header     a proxy in front vouches for it, and proves with a secret that it is the proxy

Who a provider or a proxy vouches for must also be in the table of people, and not suspended. A
``Visit`` is what a session remembers; ``seen_again`` is asked with it at every click.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragft_core.access.rights import Person, Role
from ragft_core.errors import NotAllowedError, SettingsError
from ragft_core.people.accounts import bind_subject, clean_id, known_people
from ragft_core.people.passwords import is_password, password_stamp
from ragft_core.settings import Settings

SECRET_VARIABLE = "RAGFT_PROXY_SECRET"
SECRET_HEADER = "X-Ragft-Proxy-Secret"
USER_VARIABLE = "RAGFT_USER_HEADER"
USER_HEADER = "X-Forwarded-Email"
SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Visit:
    """Who signed in, and with which state of the shared password where that was the way."""

    person: Person
    stamp: str = ""


def not_ready(settings: Settings, has_provider: bool) -> str:
    """Why people could not sign in; empty where they can.

    Args:
        settings: Says how people sign in.
        has_provider: Whether ``secrets.toml`` names an OpenID Connect provider.
    """
    mode = settings.sign_in
    if mode == "password" and not password_stamp():
        return "No password is set: 'python -m ragft_core accounts --set-password'."
    if mode == "header" and len(os.environ.get(SECRET_VARIABLE, "")) < SHORTEST_SECRET:
        return (
            f"{SECRET_VARIABLE} must hold {SHORTEST_SECRET} characters or more, which the proxy sends "
            f"as {SECRET_HEADER}: otherwise anybody could say who they are."
        )
    if mode == "oidc" and not has_provider:
        return "There is no [auth] in .streamlit/secrets.toml; docs/deploy.md shows one."
    if mode in ("oidc", "header") and not any(
        one.role is Role.ADMIN and not one.suspended for one in known_people().values()
    ):
        return (
            "Nobody is an administrator: set RAGFT_ADMIN to a mail address, or "
            "'python -m ragft_core accounts --add MAIL --role admin'."
        )
    return ""


def by_password(name: str, password: str) -> Visit:
    """Signs in with the shared password.

    Args:
        name: What the person calls themselves; kept with what they do, as not verified.
        password: What they typed.

    Raises:
        NotAllowedError: It is not the password.
        SettingsError: They gave no name.
    """
    name = " ".join(name.split())[:60]
    if not name:
        raise SettingsError("Say who you are.", "Any name that the others know you by.")
    if not is_password(password):
        raise NotAllowedError("This is not the password.", "Try again, or ask who runs the lab.")
    return Visit(Person(f"{name} (not verified)", name, Role.ADMIN), password_stamp())


def by_claims(claims: Mapping[str, object]) -> Visit:
    """Signs in whom an OpenID Connect provider vouches for.

    A mail address counts only where the provider says that it was verified; whoever has none may be
    in the table by their subject. An address belongs to the first who came with it.

    Args:
        claims: Of the identity token: ``iss``, ``sub``, ``email``, ``email_verified``, ``name``.

    Raises:
        NotAllowedError: They are not in the table, suspended, or somebody else had the address.
    """
    subject = f"{claims.get('iss', '')} {claims.get('sub', '')}".strip()
    mail = clean_id(str(claims.get("email") or ""))
    verified = claims.get("email_verified") in (True, "true")
    key = mail if mail and verified else clean_id(str(claims.get("sub") or ""))
    person = _known(
        key, "" if verified else " Your provider does not say that your mail is verified."
    )
    before = known_people()[key].subject
    if not before:
        bind_subject(key, subject)
    elif before != subject:
        raise NotAllowedError(
            f"{key} signed in as somebody else before.",
            "If you have a new account, ask an administrator to remove and add you again.",
        )
    return Visit(person)


def by_headers(headers: Mapping[str, Sequence[str]]) -> Visit:
    """Signs in whom the proxy in front vouches for.

    Args:
        headers: All values of each header, by its name in lower case.

    Raises:
        NotAllowedError: They did not come through the proxy, or are not in the table.
    """
    expected = os.environ.get(SECRET_VARIABLE, "")
    given = headers.get(SECRET_HEADER.lower(), ())
    proved = len(given) == 1 and hmac.compare_digest(given[0].encode(), expected.encode())
    if not proved or len(expected) < SHORTEST_SECRET:
        raise NotAllowedError(
            "You did not come through the proxy that signs people in.", "Use its address."
        )
    name = os.environ.get(USER_VARIABLE) or USER_HEADER
    users = headers.get(name.lower(), ())
    if len(users) != 1:  # one of two would be the client's own
        raise NotAllowedError(
            f"The proxy sent {len(users)} headers {name}, and it has to be one.",
            "Let it set the header, and remove the one that a client sends.",
        )
    return Visit(_known(clean_id(users[0])))


def seen_again(visit: Visit, settings: Settings) -> Person:
    """The person of a visit, as they are now.

    Raises:
        NotAllowedError: They were suspended, taken out, or the password was changed.
    """
    if settings.sign_in == "password":
        if not visit.stamp or visit.stamp != password_stamp():
            raise NotAllowedError("The password was changed.", "Sign in again.")
        return visit.person
    return _known(visit.person.id)


def _known(key: str, hint: str = "") -> Person:
    account = known_people().get(key)
    if account is None:
        raise NotAllowedError(
            f"{key[:80] or 'This account'} may not use this lab.{hint}",
            "Ask an administrator to add you by exactly this id.",
        )
    if account.suspended:
        raise NotAllowedError(f"{key} is suspended.", "Ask an administrator.")
    return account.person
