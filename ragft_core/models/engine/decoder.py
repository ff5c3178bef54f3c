"""What the engine asks of a decoder: one forward pass over segments of several rows at once.

A segment is a stretch of new tokens of one row: a piece of its prompt, its next token, or a
guess at its next few. All segments of a pass go through the weights together, because reading the
weights is what costs; only attention looks at each row by itself, so nothing is padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ragft_core.models.engine.lora import Lora

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Segment:
    """New tokens of one row, appended to its cache; logits are wanted for the last ``want``."""

    ids: Sequence[int]
    cache: Any
    lora: Lora | None = None
    want: int = 1


class Decoder(Protocol):
    """A model's forward pass with key/value caches."""

    @property
    def shares_prefixes(self) -> bool:
        """Whether caches can be copied and cut: prefix reuse and guessing ahead need it."""

    def new_cache(self, capacity: int) -> Any:
        """An empty cache for one row of at most ``capacity`` tokens."""

    def forward(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        """Runs the segments; for each, logits of shape (want, vocabulary)."""
