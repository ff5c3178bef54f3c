"""What a run needs of the rest, as protocols; ``strategies.Lab`` and ``knowledge.Embedder`` fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ragft_core.types import Answer, Sampling


class Pending(Protocol):
    """An answer while it is being made (``strategies.PendingAnswer``)."""

    @property
    def done(self) -> bool:
        """Whether it is complete."""

    def cancel(self) -> None:
        """Ends it soon."""

    def answer(self) -> Answer:
        """Waits for the end; a failure is part of the answer."""


class ArmRunner(Protocol):
    """What answers questions (``strategies.Lab``)."""

    @property
    def in_flight(self) -> int:
        """How many answers it can make at once, where it knows."""

    def ask(
        self,
        question: str,
        arms: Sequence[str],
        *,
        sampling: Sampling | None = None,
        priority: int = 0,
    ) -> Sequence[Pending]:
        """Starts every arm on one question and returns at once."""

    def close(self) -> None:
        """Frees the models."""


class Embedder(Protocol):
    """What turns texts into vectors of length 1 (``knowledge.Embedder``)."""

    def embed_documents(self, texts: list[str]) -> object:
        """(n, dimension) float32."""
