"""The chat completions protocol over HTTP: one request out, one stream of events back.

The key is read from the environment for each request: it is never stored, logged or shown, not
even where a server repeats it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ragft_core.approval import read_key
from ragft_core.errors import ModelError
from ragft_core.types import ModelChoice

if TYPE_CHECKING:
    import httpx

CONNECT_S = 10.0
# Between two pieces of an answer; reading the prompt happens before the first.
SILENCE_S = 90.0
# A server may send signs of life for ever, or one line without an end.
LONGEST_S = 900.0
LONGEST_LINE = 1 << 20
LONGEST_REASON = 1 << 16
# Parameters that an answer can do without, or that have another name elsewhere.
OPTIONAL = (
    "max_tokens", "temperature", "top_p", "seed", "stream_options", "stop", "chat_template_kwargs",
)  # fmt: skip
SUCCESSORS = {"max_tokens": "max_completion_tokens"}
BUSY = (429, 503)
BROKEN = "Check that the address is that of an OpenAI-compatible chat endpoint."


class PassingError(Exception):
    """A fault that may pass; ``pause`` is the server's own wish in seconds, ``busy`` what it is at."""

    def __init__(self, reason: str, pause: float = 0.0, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.pause = pause
        self.busy = busy


class ChatClient:
    """A connection to an endpoint. Safe to use from several threads."""

    def __init__(self, choice: ModelChoice, silence_s: float = SILENCE_S) -> None:
        import httpx

        self._choice = choice
        self.url = chat_url(choice)
        self._refused: set[str] = set()
        read_key(choice.key_variable)  # a missing key is reported now, not with the first question
        timeout = httpx.Timeout(silence_s, connect=CONNECT_S)
        self._client = httpx.Client(timeout=timeout, follow_redirects=False)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def stream(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Sends one request and yields the events of its answer.

        Raises:
            ModelError: The endpoint refuses the request.
            PassingError: A fault that may pass.
        """
        import httpx

        body = self._as_accepted(body)
        key = read_key(self._choice.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with self._client.stream("POST", self.url, json=body, headers=headers) as response:
                if response.status_code != 200:
                    self._refuse(response, key)
                yield from _events(response)
        except httpx.TimeoutException:
            raise PassingError("it did not answer in time", busy=True) from None
        except httpx.TransportError as error:
            raise PassingError(f"the connection failed ({type(error).__name__})") from None

    def _as_accepted(self, body: dict[str, Any]) -> dict[str, Any]:
        """The request without what this endpoint has refused, under the names that it takes."""
        return {
            SUCCESSORS.get(name, name) if name in self._refused else name: value
            for name, value in body.items()
            if name not in self._refused or name in SUCCESSORS
        }

    def _refused_parameter(self, reason: str) -> str:
        """Which parameter a refusal is about, noted for all later requests; empty for none.

        Newer models of OpenAI's take ``max_completion_tokens`` only and no temperature but their
        own; other servers do not know ``stream_options``.
        """
        named = [name for name in OPTIONAL if name in reason and name not in self._refused]
        self._refused.update(named[:1])
        return named[0] if named else ""

    def _refuse(self, response: httpx.Response, key: str) -> None:
        code, reason = response.status_code, _reason(_head(response))
        reason = reason.replace(key, "***") if key else reason
        if code == 429 or code >= 500:
            wish = wished_pause(response.headers.get("retry-after", ""))
            raise PassingError(f"it answered {code}: {reason}", wish, busy=code in BUSY)
        refused = self._refused_parameter(reason) if code in (400, 422) else ""
        if refused:
            raise PassingError(f"it refused the parameter {refused}: {reason}")
        remedy = {
            401: "Check the key in the environment variable of the model's settings.",
            403: "Check that the key may use this model.",
            404: "Check the address (it usually ends with /v1) and the model's name.",
        }.get(code, "Check the model's settings.")
        raise ModelError(f"{self._choice.name} refused the request ({code}): {reason}", remedy)


def wished_pause(header: str) -> float:
    """The pause that a ``Retry-After`` asks for, in seconds from now (RFC 9110, 10.2.3)."""
    with suppress(ValueError, OverflowError):
        return max(0.0, float(header))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return 0.0


def chat_url(choice: ModelChoice) -> str:
    """The address of the chat endpoint.

    Raises:
        ModelError: The choice has no usable address or no model name.
    """
    parts = urlsplit(choice.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ModelError(
            f"The endpoint's address {choice.url!r} is not an http address.",
            "Enter one like https://host/v1; the key belongs into an environment variable.",
        )
    if not choice.name:
        raise ModelError(
            "The endpoint's model has no name.", "Enter the name it is known by there."
        )
    base = choice.url.rstrip("/")
    return base if base.endswith("/chat/completions") else f"{base}/chat/completions"


def _events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The JSON events of a stream, up to its end mark."""
    for line in _lines(response):
        if not line.startswith(b"data:"):
            continue  # comments keep the connection alive
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError:
            raise PassingError("it sent something that is not JSON") from None
        if isinstance(event, dict):
            yield event


def _lines(response: httpx.Response) -> Iterator[bytes]:
    """The lines of a stream, none of which may be long, for as long as an answer may take."""
    until = time.monotonic() + LONGEST_S
    rest = b""
    for piece in response.iter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            raise ModelError(f"The endpoint sent a line of more than {LONGEST_LINE} bytes.", BROKEN)
        if time.monotonic() > until:
            raise ModelError(f"The answer had no end within {LONGEST_S:.0f} s.", BROKEN)
    yield rest


def _head(response: httpx.Response) -> bytes:
    """The beginning of a body, enough for a reason."""
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > LONGEST_REASON:
            break
    return body[:LONGEST_REASON]


def _reason(body: bytes) -> str:
    try:
        error = json.loads(body).get("error", "")
        text = error.get("message", "") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        text = body.decode("utf-8", errors="replace")
    return str(text).strip()[:300] or "no reason given"
