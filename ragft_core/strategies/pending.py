"""An arm's answer while it is being made."""

from __future__ import annotations

import dataclasses

from ragft_core.errors import RagftError
from ragft_core.models.generator import Generation
from ragft_core.strategies.cite import cite
from ragft_core.strategies.prepare import Prepared
from ragft_core.telemetry import metrics
from ragft_core.types import Answer


class PendingAnswer:
    """An arm's answer while it is being made. Never raises: a failure is part of the answer."""

    def __init__(
        self,
        base: Answer,
        prepared: Prepared | None = None,
        generation: Generation | None = None,
    ) -> None:
        self._base = base
        self._prepared = prepared
        self._generation = generation
        self._counted = False

    @property
    def arm(self) -> str:
        """The id of the arm that answers."""
        return self._base.arm

    @property
    def text(self) -> str:
        """The text so far."""
        return self._generation.text if self._generation else ""

    @property
    def done(self) -> bool:
        """Whether the answer is complete, was cancelled or has failed."""
        return self._generation is None or self._generation.done

    @property
    def place(self) -> int:
        """Its place in the line of answers that wait for the model; 0 once it is being made."""
        return self._generation.place if self._generation and not self.done else 0

    @property
    def passages(self) -> int:
        """How many passages or documents the arm was given."""
        return len(self._prepared.passages) if self._prepared else 0

    def cancel(self) -> None:
        """Ends the generation soon; the text so far is kept."""
        if self._generation:
            self._generation.cancel()

    def answer(self, timeout: float | None = None) -> Answer:
        """Waits for the end and returns the answer with its provenance."""
        found = self._answer(timeout)
        if not self._counted:
            self._counted = True
            metrics.answered(found)
        return found

    def _answer(self, timeout: float | None) -> Answer:
        if self._generation is None or self._prepared is None:
            return self._base
        try:
            done = self._generation.result(timeout)
        except RagftError as error:
            return dataclasses.replace(self._base, error=str(error), finish="error")
        except TimeoutError:
            late = f"There was no end within {timeout:.0f} s. Ask again."
            return dataclasses.replace(self._base, text=self.text, error=late, finish="error")
        text = done.text.strip()
        return dataclasses.replace(
            self._base,
            text=text,
            thought=done.thought,
            citations=cite(text, self._prepared.passages),
            prompt=done.prompt,
            prompt_tokens=done.prompt_tokens,
            completion_tokens=done.completion_tokens,
            first_token_s=self._base.retrieval_s + done.first_token_s,
            total_s=self._base.retrieval_s + done.total_s,
            finish=done.finish,
            cost=done.cost,
            memory_bytes=done.memory_bytes,
            confidence=done.confidence,
            weighed=done.weighed,
        )
