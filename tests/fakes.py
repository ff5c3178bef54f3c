"""Generators that implement the Protocol for real, without a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ragft_core.errors import ModelError
from ragft_core.types import Completion, Message, Request


class DoneGeneration:
    """A generation that has ended; with an error, ``result`` raises it."""

    place = 0

    def __init__(self, completion: Completion, error: ModelError | None = None) -> None:
        self._completion = completion
        self._error = error
        self.cancelled = False
        self.late = False

    @property
    def text(self) -> str:
        return self._completion.text

    @property
    def done(self) -> bool:
        return True

    def cancel(self) -> None:
        self.cancelled = True

    def result(self, timeout: float | None = None) -> Completion:
        if self.late:
            raise TimeoutError
        if self._error:
            raise self._error
        return self._completion


class ScriptedGenerator:
    """Answers by a function of the request, one word a token; keeps what it was asked."""

    name = "scripted"
    weights = "scripted-1"
    supports_adapters = True

    def __init__(
        self,
        say: Callable[[Request], str] = lambda request: "yes",
        context_tokens: int = 4000,
    ) -> None:
        self.say = say
        self.context_tokens = context_tokens
        self.requests: list[Request] = []
        self.closed = 0

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(f"{message.role}: {message.content}" for message in messages)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self.render(messages).split())

    def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
        self.requests.append(request)
        text, error = "", None
        try:
            text = self.say(request)
        except ModelError as raised:
            error = raised
        completion = Completion(
            text=text,
            prompt=self.render(request.messages),
            prompt_tokens=self.count_tokens(request.messages),
            completion_tokens=len(text.split()),
            first_token_s=0.01,
            total_s=0.02,
            finish="stop",
        )
        return DoneGeneration(completion, error)

    def close(self, *, wait: bool = False) -> None:
        self.closed += 1


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """A server on this machine with a free port, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
