"""OpenAI-compatible endpoints as generators.

Answers stream as server-sent events. A busy or failing server (429, 5xx), a connection that
cannot be made and a stream that breaks are tried again with growing pauses; everything else is
reported in words at once. How many requests run at once is found by ``pace``.
"""

from __future__ import annotations

import itertools
import queue
import random
import threading
import time
from collections.abc import Sequence
from typing import Any

from ragft_core.errors import ModelError
from ragft_core.models.generation import RunningGeneration
from ragft_core.models.remote.chat_api import BROKEN, SILENCE_S, ChatClient, PassingError
from ragft_core.models.remote.connection import served_name
from ragft_core.models.remote.pace import MOST, Pace
from ragft_core.models.tokens import THOUGHT_TOKENS, part_thought
from ragft_core.types import Completion, Message, ModelChoice, Request, Thinking

ATTEMPTS = 4
FIRST_PAUSE_S = 0.5
# A server that counts by the minute asks for up to one.
LONGEST_PAUSE_S = 120.0
# Endpoints do not say how much fits; most take more than this.
CONTEXT_TOKENS = 32_768
CHARACTERS_PER_TOKEN = 4.0
# A shorter prompt is mostly template, and tells little of its text.
ENOUGH_CHARACTERS = 400
SLACK_TOKENS = 16
# Characters that no token has more of on average, and pieces without text, as of thoughts.
LONGEST_TOKEN = 64
SILENT_EVENTS = 8192
LONGEST_THOUGHT = 100_000


class EndpointGenerator:
    """See ``Generator``. Each running request has a thread; people's come before background work."""

    def __init__(self, choice: ModelChoice, *, silence_s: float = SILENCE_S) -> None:
        self._choice = choice
        self.client = ChatClient(choice, silence_s)
        self._queue: queue.PriorityQueue[tuple[int, int, Request, RunningGeneration]]
        self._queue = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._characters_per_token = CHARACTERS_PER_TOKEN
        self._closed = threading.Event()
        self._retired = False
        self._submitted: list[RunningGeneration] = []
        self.pace = Pace()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._choice.name

    @property
    def weights(self) -> str:
        """The endpoint's address and model: nothing more is known about its weights."""
        return f"{self.client.url} {self._choice.name}"

    @property
    def thinking(self) -> Thinking:
        """Whether the model is asked to think, or not to; empty leaves it to the server."""
        return self._choice.thinking

    @property
    def context_tokens(self) -> int:
        """What the endpoint said that fits; where it did not, what most take."""
        return self._choice.context_tokens or CONTEXT_TOKENS

    @property
    def in_flight(self) -> int:
        """How many requests should be there to choose from: a few more than may run."""
        return 2 * self.pace.limit

    @property
    def supports_adapters(self) -> bool:
        """False: this machine's adapters are not there; tuned models are known by name."""
        return False

    def render(self, messages: Sequence[Message]) -> str:
        """The messages as they are sent; the endpoint's own template is not known."""
        return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate: four characters a token, or as few as this endpoint has counted."""
        return int(len(self.render(messages)) / self._characters_per_token) + 1

    def learn(self, messages: Sequence[Message], tokens: int) -> None:
        """Takes an endpoint's count of a prompt for the estimates to come."""
        characters = len(self.render(messages))
        if characters >= ENOUGH_CHARACTERS and tokens > 0:
            self._characters_per_token = min(self._characters_per_token, characters / tokens)

    def submit(self, request: Request, *, priority: int = 0) -> RunningGeneration:
        """Starts a generation and returns at once.

        Raises:
            ModelError: The request names an adapter of this machine, or the generator is closed.
        """
        if request.adapter and not served_name(request.adapter):
            raise ModelError(
                f"{self.name} is an endpoint, which cannot use the adapter {request.adapter}.",
                "Name a model that was tuned there, or choose one on this machine for the tuned arms.",
            )
        if self._retired:
            raise ModelError(f"{self.name} has been closed.", "Open the page again.")
        generation = RunningGeneration()
        with self._lock:
            self._submitted = [one for one in self._submitted if not one.done] + [generation]
            self._queue.put((priority, next(self._numbers), request, generation))
            if len(self._threads) < min(len(self._submitted), MOST):
                thread = threading.Thread(target=self._work, name="endpoint", daemon=True)
                self._threads.append(thread)
                thread.start()
        return generation

    def close(self, *, wait: bool = False) -> None:
        """Takes no more requests, ends everything that runs and closes the connections.

        Args:
            wait: Lets what was submitted end by itself first.
        """
        self._retired = True
        while wait and any(not generation.done for generation in self._submitted):
            time.sleep(0.05)
        self._closed.set()
        self.pace.end()
        for thread in list(self._threads):
            thread.join(timeout=5)
        while not self._queue.empty():
            _, _, request, generation = self._queue.get_nowait()
            generation.succeed(Exchange(self, request, generation).complete("cancelled"))
        self.client.close()

    def _work(self) -> None:
        """Answers until nothing waits; a thread is started again for what comes later."""
        while True:
            self.pace.enter()  # before a request is taken, so that the most urgent one is
            try:
                with self._lock:
                    if self.closed or self._queue.empty():
                        self._threads.remove(threading.current_thread())
                        return
                    _, _, request, generation = self._queue.get_nowait()
                self._answer(request, generation)
            finally:
                self.pace.leave()

    def _answer(self, request: Request, generation: RunningGeneration) -> None:
        try:
            generation.succeed(Exchange(self, request, generation).run())
        except ModelError as error:
            generation.fail(error)
        except Exception as error:
            failure = ModelError(f"{self.name} failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            generation.fail(failure)

    def wait(self, seconds: float) -> bool:
        """Waits between attempts; true when the generator was closed meanwhile."""
        return self._closed.wait(seconds)

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._closed.is_set()

    def price(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost by the choice's price list."""
        choice = self._choice
        return (tokens_in * choice.price_in + tokens_out * choice.price_out) / 1e6


class Exchange:
    """One request to an endpoint, with its retries."""

    def __init__(
        self, generator: EndpointGenerator, request: Request, generation: RunningGeneration
    ) -> None:
        self._generator = generator
        self._request = request
        self._generation = generation
        self._began = time.perf_counter()
        thinks = generator.thinking == "on"
        self._limit = request.sampling.max_new_tokens + (THOUGHT_TOKENS if thinks else 0)
        self._reset()

    def _reset(self) -> None:
        self._text = ""
        self._first_token_s = 0.0
        self._pieces = 0
        self._silent = 0
        self._thought = ""
        self._usage: dict[str, Any] = {}

    def run(self) -> Completion:
        """Asks until an answer is complete.

        Raises:
            ModelError: The endpoint refuses, or fails at every attempt.
        """
        attempt, pace = 1, self._generator.pace
        while True:
            self._reset()
            sent_at, answers = time.monotonic(), pace.answers
            try:
                completion = self.complete(self._read())
                pace.answered()
                return completion
            except PassingError as fault:
                wish = min(fault.pause, LONGEST_PAUSE_S)
                if fault.busy:
                    pace.refused(sent_at, wish)
                if attempt == ATTEMPTS:
                    raise ModelError(
                        f"{self._generator.name} failed {ATTEMPTS} times; the last time {fault}.",
                        "Try again later, or check the endpoint.",
                    ) from None
                pause = FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)
                # Being refused while others are answered is no fault, only a turn to wait for.
                attempt += not (fault.busy and pace.answers > answers)
                pace.leave()
                self._pause(max(pause, wish))
                pace.enter(self._is_over)
                if self._is_over():
                    return self.complete("cancelled")

    def _is_over(self) -> bool:
        return self._generation.cancelled or self._generator.closed

    def _pause(self, seconds: float) -> None:
        """Waits, unless nobody wants the answer any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._is_over():
            self._generator.wait(min(0.1, seconds))

    def _read(self) -> str:
        finish = ""
        for event in self._generator.client.stream(self._body()):
            if self._is_over():
                return "cancelled"
            if "error" in event:
                raise PassingError(f"the stream reported {str(event['error'])[:200]}")
            piece, ended = self._take(event)
            if piece:
                self._add(piece)
            else:
                self._silent += 1
            finish = ended or finish
            too_long = len(self._text) > self._limit * LONGEST_TOKEN
            if too_long or self._pieces > self._limit + SLACK_TOKENS:
                self._text = self._text[: self._limit * LONGEST_TOKEN]
                return "length"  # the endpoint ignores the limit
            if self._silent > SILENT_EVENTS:
                raise ModelError(
                    f"{self._generator.name} sent {SILENT_EVENTS} pieces without any text; it may "
                    "be thinking without an end.",
                    "Choose another model, or switch its thinking off.",
                )
        if not finish:
            raise PassingError("the stream broke off")
        return "length" if finish == "length" else "stop"

    def _take(self, event: dict[str, Any]) -> tuple[str, str]:
        """The text of an event and why the answer ended, empty where it says neither.

        Raises:
            ModelError: The event has another form than the protocol's.
        """
        usage, choices = event.get("usage"), event.get("choices")
        try:
            self._usage = dict(usage or self._usage)
            texts = [((c.get("delta") or {}).get("content") or "", c) for c in choices or []]
            piece = "".join(text for text, _ in texts)
            for _, choice in texts:
                said = choice.get("delta") or {}
                more = said.get("reasoning_content") or said.get("reasoning") or ""
                self._thought = (self._thought + str(more))[:LONGEST_THOUGHT]
            return piece, next(
                (str(c["finish_reason"]) for _, c in texts if c.get("finish_reason")), ""
            )
        except (AttributeError, TypeError, ValueError):
            raise ModelError(
                f"{self._generator.name} sent an event of another form than OpenAI's: "
                f"{str(event)[:120]}",
                BROKEN,
            ) from None

    def _add(self, piece: str) -> None:
        if not self._pieces:
            self._first_token_s = time.perf_counter() - self._began
        self._pieces += 1
        self._text += piece
        self._generation.show(part_thought(self._text)[1])

    def _body(self) -> dict[str, Any]:
        sampling = self._request.sampling
        body: dict[str, Any] = {
            "model": served_name(self._request.adapter) or self._generator.name,
            "messages": [{"role": m.role, "content": m.content} for m in self._request.messages],
            "max_tokens": self._limit,
            "temperature": sampling.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if sampling.temperature > 0:
            body |= {"top_p": sampling.top_p, "seed": sampling.seed}
        if self._generator.thinking:
            # Known to vLLM, SGLang and llama.cpp; what refuses it is asked without (``OPTIONAL``).
            body["chat_template_kwargs"] = {"enable_thinking": self._generator.thinking == "on"}
        if sampling.stop:
            body["stop"] = list(sampling.stop)[:4]  # more are refused
        return body

    def complete(self, finish: str) -> Completion:
        """The result; counts are estimated where the endpoint reports none."""
        generator, messages = self._generator, self._request.messages
        counted = _count(self._usage, "prompt_tokens")
        generator.learn(messages, counted)
        tokens_in = counted or generator.count_tokens(messages)
        tokens_out = _count(self._usage, "completion_tokens") or self._pieces
        details = self._usage.get("prompt_tokens_details")
        thought, text = part_thought(self._text)
        return Completion(
            text=text,
            thought=self._thought or thought,
            prompt=generator.render(messages),
            prompt_tokens=tokens_in,
            completion_tokens=tokens_out,
            first_token_s=self._first_token_s,
            total_s=time.perf_counter() - self._began,
            finish=finish,
            cached_tokens=_count(details, "cached_tokens"),
            cost=generator.price(tokens_in, tokens_out),
        )


def _count(usage: object, name: str) -> int:
    """A count that an endpoint reports; 0 where it reports none, or no number."""
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and found >= 0 else 0
