"""What every generator offers, local or remote: submit a request, watch it, cancel it.

A page polls ``text`` and ``done``; a batch submits everything first and then collects results.
There is no other way to generate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ragft_core.types import Completion, Message, Request


class Generation(Protocol):
    """A running generation. Safe to read from any thread.

    ``place`` is its place in the line of those that wait; 0 when it is being answered.
    """

    place: int

    @property
    def text(self) -> str:
        """The text so far."""

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""

    def cancel(self) -> None:
        """Ends it soon; what was generated is kept. Does nothing once it is done."""

    def result(self, timeout: float | None = None) -> Completion:
        """Waits for the end.

        Raises:
            ModelError: The generation failed; the message says why.
            TimeoutError: It did not end within ``timeout`` seconds.
        """


class Generator(Protocol):
    """A language model that answers requests, with or without an adapter."""

    @property
    def name(self) -> str:
        """The model's name as people know it."""

    @property
    def weights(self) -> str:
        """A digest of the weights, or the endpoint's address and model."""

    @property
    def context_tokens(self) -> int:
        """How many tokens of prompt and answer fit."""

    @property
    def supports_adapters(self) -> bool:
        """Whether requests may name an adapter."""

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model sees."""

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the rendered messages take."""

    def submit(self, request: Request, *, priority: int = 0) -> Generation:
        """Starts a generation and returns at once.

        Args:
            request: What to generate.
            priority: 0 for people who wait, larger for work in the background.

        Raises:
            ModelError: The request cannot be served: too long, unknown adapter.
        """

    def close(self, *, wait: bool = False) -> None:
        """Takes no more requests, ends everything that runs and frees the memory.

        Args:
            wait: Lets what was submitted end by itself first.
        """
