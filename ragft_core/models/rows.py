"""A request on its way through the engine: its public handle and its working state."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragft_core.errors import ModelError
from ragft_core.models.lora import Lora
from ragft_core.models.sampling import Sampler
from ragft_core.models.tokens import Detokeniser
from ragft_core.types import Completion, Request

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class LocalGeneration:
    """See ``Generation``. Written by the engine's thread, read by any."""

    def __init__(self) -> None:
        self._text = ""
        self._ended = threading.Event()
        self._completion: Completion | None = None
        self._error: ModelError | None = None
        self.cancelled = False

    @property
    def text(self) -> str:
        """The text so far."""
        return self._text

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ends it with the next token; what was generated is kept."""
        self.cancelled = True

    def result(self, timeout: float | None = None) -> Completion:
        """Waits for the end.

        Raises:
            ModelError: The generation failed.
            TimeoutError: It did not end within ``timeout`` seconds.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"The answer was not complete after {timeout} s.")
        if self._error is not None:
            raise self._error
        assert self._completion is not None
        return self._completion

    def show(self, text: str) -> None:
        """Replaces the text so far."""
        self._text = text

    def succeed(self, completion: Completion) -> None:
        """Ends it with a result."""
        self._text = completion.text
        self._completion = completion
        self._ended.set()

    def fail(self, error: ModelError) -> None:
        """Ends it with an error, which every caller of ``result`` gets."""
        self._error = error
        self._ended.set()


@dataclass(eq=False)
class Row:
    """What the engine knows about one request.

    ``ids`` are the prompt's tokens and then the answer's; ``fed`` of them are in the cache.
    """

    request: Request
    prompt: str
    ids: list[int]
    limit: int
    lora: Lora | None
    priority: int
    generation: LocalGeneration
    sampler: Sampler
    detokeniser: Detokeniser
    cache: Any = None
    fed: int = 0
    cached: int = 0
    guess: list[int] = field(default_factory=list)
    first_token_s: float = 0.0
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
        return len(self.ids) - self.fed > 1

    @property
    def n_new(self) -> int:
        """Answer tokens so far."""
        return len(self.ids) - self.n_prompt

    def complete(self, finish: str) -> Completion:
        """The result, given why it ended."""
        return Completion(
            text=self.detokeniser.finish(),
            prompt=self.prompt,
            prompt_tokens=self.n_prompt,
            completion_tokens=self.n_new,
            first_token_s=self.first_token_s,
            total_s=time.perf_counter() - self.submitted,
            finish=finish,
            cached_tokens=self.cached,
        )


def make_row(
    request: Request,
    prompt: str,
    ids: list[int],
    room: int,
    lora: Lora | None,
    priority: int,
    tokenizer: PreTrainedTokenizerBase,
) -> Row:
    """A row that has not started; ``room`` are the tokens that still fit the context."""
    sampling = request.sampling
    return Row(
        request=request,
        prompt=prompt,
        ids=ids,
        limit=min(sampling.max_new_tokens, room),
        lora=lora,
        priority=priority,
        generation=LocalGeneration(),
        sampler=Sampler(sampling),
        detokeniser=Detokeniser(tokenizer, sampling.stop),
    )
