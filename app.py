"""The application: start-up and security headers. ``streamlit run app.py`` finds ``app``.

The router is ``pages/frame.py``: with ``st.navigation`` in this file, beside a folder named
``pages``, the first deep link on a fresh server would miss the frame.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragft_core.access import rights
from ragft_core.errors import RagftError
from ragft_core.jobs import pause_jobs, resume_paused, settle_jobs
from ragft_core.overview import FAILING, health
from ragft_core.people import not_ready
from ragft_core.settings import Settings, keep_private
from ragft_core.telemetry import metrics, set_up_logs
from ragft_core.workspace import list_workspaces

log = logging.getLogger("ragft_core.app")
# Streamlit puts the folder of the script there for each run, and takes it away after it: a module that
# another thread looks for meanwhile is missed. What is there already it leaves.
sys.path.append(str(Path(__file__).resolve().parent / "pages"))
# A container's engine waits ten seconds before it kills.
PAUSE_S = 8.0
# Streamlit's own page needs inline styles, eval (for its charts) and blob workers; nothing may be
# fetched from another host, whatever a document or a model's answer contains.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-ancestors 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


class SecurityHeaders:
    """ASGI middleware that adds ``HEADERS`` to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and the headers along with the response's start."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class KnownHosts:
    """ASGI middleware that answers only requests addressed to a name of this server.

    A foreign page whose name is made to lead here (DNS rebinding) would otherwise be let in: its
    origin and the host that it asks for are the same. Streamlit checks websockets alone, and only
    where ``server.allowedHosts`` is set.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it and says what to do."""
        if scope["type"] in ("http", "websocket"):
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not is_known_host(host, st.get_option("server.allowedHosts") or ()):
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                    return
                told = f"The lab is not {host[:80]!r}. Name the host in server.allowedHosts."
                await PlainTextResponse(told, 421)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class HealthPage:
    """ASGI middleware that answers ``/health`` in JSON, for a container's or a proxy's check.

    It asks nobody who they are, so it tells words and no names. Only a lab that can keep nothing
    has another status than 200: what else is wrong, a restart would not mend.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or passes the request on."""
        if scope["type"] != "http" or scope["path"] != "/health":
            await self.app(scope, receive, send)
            return
        found = await run_in_threadpool(health, Settings())
        status = 503 if found.status == FAILING else 200
        body = {"status": found.status, **found.parts}
        await JSONResponse(body, status, {"cache-control": "no-store"})(scope, receive, send)


def is_known_host(host: str, allowed: Sequence[str]) -> bool:
    """Whether a ``Host`` header names this machine itself or an allowed host, as Streamlit reads them."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name == "localhost":
        return True
    with suppress(ValueError):
        if ip_address(name).is_loopback:
            return True
    known = (pattern.strip().lower().rstrip(".") for pattern in allowed)
    return any(
        pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))
        for pattern in known
    )


def refuse_open_doors(
    address: str | None, allowed_hosts: Sequence[str], sign_in: str = "none"
) -> str:
    """Why the server may not start; empty where it may.

    Without a sign-in whoever reaches it reads every workspace and spends the keys.

    Args:
        address: Where it listens; None means everywhere.
        allowed_hosts: The names that a proxy in front serves it under.
        sign_in: How people sign in.
    """
    if address == "localhost" or allowed_hosts or sign_in != "none":
        return ""
    with suppress(ValueError):
        if address and ip_address(address).is_loopback:
            return ""
    return (
        f"The lab does not start on {address or 'every address'}: nobody signs in, so everybody "
        "who reaches it could read every workspace. Start it on 127.0.0.1, let people sign in "
        "(RAGFT_SIGN_IN, docs/deploy.md), or put it behind a proxy that signs them in and name its "
        "host in server.allowedHosts (.streamlit/config.toml)."
    )


def why_closed() -> str:
    """Why the server may not start as it is set up; empty where it may."""
    try:
        settings = Settings()
    except RagftError as error:
        return str(error)
    has_provider = False
    with suppress(FileNotFoundError):  # no secrets.toml
        has_provider = settings.sign_in == "oidc" and "auth" in st.secrets
    address, hosts = st.get_option("server.address"), st.get_option("server.allowedHosts") or ()
    return refuse_open_doors(address, hosts, settings.sign_in) or not_ready(settings, has_provider)


def _refuse_to_start(why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.stderr.flush()
    os._exit(1)  # Streamlit would go on to serve after an exception in the lifespan


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Settles the jobs that an earlier server left behind, before anyone looks at them.

    Jobs outlive the server. In a container they cannot: with ``RAGFT_PAUSE_JOBS`` they are asked to
    keep what they have when the server ends, and go on when it starts again.
    """
    closed = why_closed()
    if closed:
        _refuse_to_start(closed)
    keep_private()
    try:
        set_up_logs()
        metrics.serve_metrics()
    except RagftError as error:
        _refuse_to_start(str(error))
    settings = Settings()
    for workspace in list_workspaces(settings):
        with suppress(OSError, RagftError):  # its pages say what is wrong with it
            settle_jobs(workspace)
            resume_paused(workspace)
    log.info("The lab has started")
    if settings.sign_in != "none":
        rights.close_doors()
    yield {}
    if os.environ.get("RAGFT_PAUSE_JOBS"):
        with rights.as_the_lab():
            paused = await run_in_threadpool(pause_jobs, list_workspaces(settings), PAUSE_S)
        log.info("The lab ends; %d jobs go on when it starts again", len(paused))


app = st.App(
    "pages/frame.py",
    lifespan=lifespan,
    middleware=[Middleware(SecurityHeaders), Middleware(KnownHosts), Middleware(HealthPage)],
)
