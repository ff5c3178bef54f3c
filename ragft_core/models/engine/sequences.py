"""A request on its way through the engine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragft_core.models.engine.lora import Lora
from ragft_core.models.engine.prompt_lookup import PromptLookup
from ragft_core.models.engine.sampling import Choices, Sampler
from ragft_core.models.generation import RunningGeneration
from ragft_core.models.tokens import Detokeniser, part_thought
from ragft_core.types import Completion, Request

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(eq=False)
class SequenceState:
    """What the engine knows about one request.

    ``ids`` are the prompt's tokens and then the answer's; ``n_computed`` of them are in the cache.
    """

    request: Request
    prompt: str
    ids: list[int]
    limit: int
    lora: Lora | None
    priority: int
    generation: RunningGeneration
    sampler: Sampler
    detokeniser: Detokeniser
    cache: Any = None
    n_computed: int = 0
    cached: int = 0
    prompt_lookup: PromptLookup = field(default_factory=PromptLookup)
    first_token_s: float = 0.0
    memory_bytes: int = 0
    submitted: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.n_prompt = len(self.ids)

    @property
    def adapter(self) -> str:
        """The adapter's id, empty for the base."""
        return self.lora.id if self.lora else ""

    @property
    def prefilling(self) -> bool:
        """Whether prompt tokens, besides the newest token, are still to be read."""
        return len(self.ids) - self.n_computed > 1

    @property
    def n_new(self) -> int:
        """Answer tokens so far."""
        return len(self.ids) - self.n_prompt

    def complete(self, finish: str) -> Completion:
        """The result, given why it ended."""
        thought, text = part_thought(self.detokeniser.finish())
        return Completion(
            text=text,
            thought=thought,
            prompt=self.prompt,
            prompt_tokens=self.n_prompt,
            completion_tokens=self.n_new,
            first_token_s=self.first_token_s,
            total_s=time.perf_counter() - self.submitted,
            finish=finish,
            cached_tokens=self.cached,
            memory_bytes=self.memory_bytes,
            confidence=math.exp(self.sampler.log_probability / self.n_new) if self.n_new else None,
        )


def make_sequence(
    request: Request,
    prompt: str,
    ids: list[int],
    room: int,
    lora: Lora | None,
    priority: int,
    tokenizer: PreTrainedTokenizerBase,
    ends: Iterable[int] = (),
) -> SequenceState:
    """A row that has not started; ``room`` are the tokens that it may still have."""
    sampling = request.sampling
    choices = Choices(sampling.choices, tokenizer, ends) if sampling.choices else None
    whole = forced_tokens(sampling.forced, tokenizer)
    forced = whole or forced_tokens(sampling.opening, tokenizer, ends=False)
    return SequenceState(
        request=request,
        prompt=prompt,
        ids=ids,
        limit=min(room, len(whole)) if whole else room,
        lora=lora,
        priority=priority,
        generation=RunningGeneration(),
        sampler=Sampler(sampling, choices, forced),
        detokeniser=Detokeniser(tokenizer, sampling.stop),
    )


def forced_tokens(text: str, tokenizer: PreTrainedTokenizerBase, *, ends: bool = True) -> list[int]:
    """The tokens of a given answer, with the one that ends it or without; none for an empty text."""
    if not text:
        return []
    end = tokenizer.eos_token_id
    tokens = tokenizer.encode(text, add_special_tokens=False)
    return [*tokens, int(end)] if ends and isinstance(end, int) else tokens
