"""One conversation to learn from."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.types import Message


@dataclass(frozen=True)
class Turn:
    """What the model sees and what it should say."""

    messages: tuple[Message, ...]
    answer: str
