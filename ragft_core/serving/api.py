"""The endpoint as an ASGI application: names, answers whole or streamed, and who may ask.

Without a key only this machine's own names are answered, so that a web page which was rebound to
127.0.0.1 cannot ask; with one, whoever holds it may. Bodies have to be JSON by their type, which
another site's page cannot send without asking first, and it is never allowed to.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ragft_core.serving.names import Asker, served_models
from ragft_core.serving.protocol import (
    ApiError,
    ChatRequest,
    extension,
    finish_reason,
    piece,
    read_request,
    usage,
    whole,
)
from ragft_core.strategies import Lab, PendingAnswer

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LARGEST_BODY = 4 << 20
# Answers at a time; who comes then is told to come again.
MOST_AT_ONCE = 64
LOOK_S = 0.02


def make_api(lab: Lab, key: str = "", hosts: Collection[str] = ()) -> Starlette:
    """The endpoint over a lab.

    Args:
        lab: Whose arms are served; it stays the caller's to close.
        key: What clients have to send as a bearer token; none asks for nothing.
        hosts: Further names that requests without a key may be addressed to.
    """
    chats = _Chats(Asker(lab))

    async def models(request: Request) -> Response:
        rows = await run_in_threadpool(served_models, lab)
        name = request.path_params.get("model")
        if name is None:
            return JSONResponse({"object": "list", "data": rows})
        found = next((row for row in rows if row["id"] == name), None)
        if found is None:
            raise ApiError(
                404, f"There is no model {name[:80]!r} here.", "model", "model_not_found"
            )
        return JSONResponse(found)

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/models/{model:path}", models),
            Route("/v1/chat/completions", chats.answer, methods=["POST"]),
        ],
        middleware=[Middleware(_Door, key=key, hosts=OWN_NAMES | set(hosts))],
        exception_handlers={ApiError: _refusal, HTTPException: _refusal},
    )


async def _refusal(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = ApiError(error.status_code, error.detail)
    assert isinstance(error, ApiError)
    headers = {"Retry-After": "2"} if error.status == 429 else None
    return JSONResponse(error.body(), error.status, headers)


class _Door:
    """ASGI middleware: lets in who holds the key, or, where there is none, this machine's names."""

    def __init__(self, app: ASGIApp, key: str, hosts: Collection[str]) -> None:
        self._app, self._key, self._hosts = app, key.encode(), hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        error = self._refused(dict(scope["headers"])) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse(error.body(), error.status)(scope, receive, send)

    def _refused(self, headers: dict[bytes, bytes]) -> ApiError | None:
        if self._key:
            given = headers.get(b"authorization", b"").removeprefix(b"Bearer ").strip()
            if hmac.compare_digest(given, self._key):
                return None
            return ApiError(401, "The key is missing or wrong.", code="invalid_api_key")
        host = headers.get(b"host", b"").decode("latin-1")
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        if name in self._hosts:
            return None
        return ApiError(421, f"This server is not {host[:80]!r}; it answers on this machine only.")


class _Chats:
    """Answers chat completions."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._running: list[PendingAnswer] = []
        self._starting = 0

    async def answer(self, request: Request) -> Response:
        """One question, answered whole or as a stream of events."""
        wanted = read_request(
            await _body(request), self._asker.lab.workspace.settings().max_new_tokens
        )
        self._running = [each for each in self._running if not each.done]
        if len(self._running) + self._starting >= MOST_AT_ONCE:
            raise ApiError(429, f"{MOST_AT_ONCE} answers are being made already; come again soon.")
        self._starting += 1
        try:
            pending, note = await run_in_threadpool(self._asker.start, wanted)
        finally:
            self._starting -= 1
        self._running.append(pending)
        identity = f"chatcmpl-{secrets.token_hex(12)}"
        if pending.done and (failed := pending.answer()).error:
            raise ApiError(422, failed.error, "messages")
        if wanted.stream:
            events = self._events(pending, wanted, identity, note)
            return StreamingResponse(events, media_type="text/event-stream")
        try:
            while not pending.done and not await request.is_disconnected():
                await asyncio.sleep(LOOK_S)
        finally:
            pending.cancel()  # an answer that nobody waits for any more is not made to its end
        answer = await run_in_threadpool(pending.answer, 60)  # its end may take a while
        if answer.error:
            raise ApiError(500, answer.error, code="arm_failed")
        return JSONResponse(whole(identity, wanted.model, answer, note))

    async def _events(
        self, pending: PendingAnswer, wanted: ChatRequest, identity: str, note: str
    ) -> AsyncIterator[str]:
        sent = ""
        try:
            yield _event(piece(identity, wanted.model, {"role": "assistant", "content": ""}))
            while not pending.done:
                # White space at either end is not part of an answer.
                text = pending.text.strip()
                if len(text) > len(sent) and text.startswith(sent):
                    yield _event(piece(identity, wanted.model, {"content": text[len(sent) :]}))
                    sent = text
                await asyncio.sleep(LOOK_S)
        finally:
            pending.cancel()
        answer = pending.answer(timeout=60)
        if answer.error or not answer.text.startswith(sent):
            why = answer.error or "The model's server broke off and began anew; ask again."
            yield _event(ApiError(500, why, code="arm_failed").body())
            return
        if answer.text != sent:
            yield _event(piece(identity, wanted.model, {"content": answer.text[len(sent) :]}))
        delta = {"reasoning_content": answer.thought} if answer.thought else {}
        more = {"ragft": extension(answer, note)}
        yield _event(piece(identity, wanted.model, delta, finish_reason(answer), **more))
        if wanted.stream_usage:
            yield _event(piece(identity, wanted.model, None, usage=usage(answer)))
        yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _body(request: Request) -> object:
    """The JSON of a request.

    Raises:
        ApiError: It is something else, or too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "The body has to be JSON, with the type application/json.")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > LARGEST_BODY:
            raise ApiError(413, f"The body is larger than {LARGEST_BODY >> 20} MB.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ApiError(400, "The body is not valid JSON.") from None
