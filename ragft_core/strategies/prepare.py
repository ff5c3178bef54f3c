"""From a question to what the model is asked: retrieval happens here, before the model (law 2)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ragft_core.errors import ModelError
from ragft_core.knowledge import KnowledgeBase
from ragft_core.models.generator import Generator
from ragft_core.models.prompts import passage_texts, render_messages
from ragft_core.strategies.arms import ArmState
from ragft_core.types import (
    Chunk,
    Message,
    Passage,
    Request,
    Sampling,
    SearchMode,
    Strategy,
)
from ragft_core.workspace import WorkspaceSettings


@dataclass(frozen=True)
class Prepared:
    """A request with the passages it carries; ``note`` says what did not fit."""

    request: Request
    passages: tuple[Passage, ...] = ()
    retrieval_s: float = 0.0
    note: str = ""


class Preparer:
    """Prepares one question for several arms; what they share is retrieved once."""

    def __init__(
        self,
        settings: WorkspaceSettings,
        generator: Generator,
        knowledge: KnowledgeBase,
        sampling: Sampling,
    ) -> None:
        self._settings = settings
        self._generator = generator
        self._knowledge = knowledge
        self._sampling = sampling
        self._retrieved: dict[str, tuple[tuple[Passage, ...], float]] = {}

    def prepare(self, arm: ArmState, question: str, history: Sequence[Message] = ()) -> Prepared:
        """Builds the arm's request.

        Raises:
            ModelError: The question alone does not fit the model's context.
            RetrievalError: The index cannot be searched.
        """
        passages: tuple[Passage, ...] = ()
        seconds = 0.0
        note = ""
        if arm.strategy in (Strategy.RAG, Strategy.HYBRID):
            passages, seconds = self._retrieve(question)
            note = "" if passages else "Retrieval found no passage."
        elif arm.strategy is Strategy.LONG_CONTEXT:
            passages, seconds = self._whole_documents(question)
        wanted = len(passages)
        messages = self._render(question, passages, history)
        while passages and self._room(messages) < 0:
            passages = passages[:-1]
            messages = self._render(question, passages, history)
        if self._room(messages) < 0:
            raise ModelError(
                f"The question is too long for {self._generator.name}: it takes "
                f"{self._generator.count_tokens(messages)} tokens, and with the answer "
                f"{self._generator.context_tokens} fit.",
                "Shorten the question, or start a new conversation.",
            )
        if len(passages) < wanted:
            what = "documents" if arm.strategy is Strategy.LONG_CONTEXT else "passages"
            note = f"{len(passages)} of {wanted} {what} fit into the model's context."
        request = Request(messages, arm.adapter, self._sampling)
        return Prepared(request, passages, seconds, note)

    def _render(
        self, question: str, passages: Sequence[Passage], history: Sequence[Message]
    ) -> tuple[Message, ...]:
        return render_messages(
            question,
            instruction=self._settings.instruction,
            passages=passage_texts(passages),
            history=history,
        )

    def _room(self, messages: Sequence[Message]) -> int:
        used = self._generator.count_tokens(messages) + self._sampling.max_new_tokens
        return self._generator.context_tokens - used

    def _retrieve(self, question: str) -> tuple[tuple[Passage, ...], float]:
        if question not in self._retrieved:
            began = time.perf_counter()
            mode = SearchMode(self._settings.search_mode)
            found = self._knowledge.search(question, mode, self._settings.top_k)
            self._retrieved[question] = (tuple(found), time.perf_counter() - began)
        return self._retrieved[question]

    def _whole_documents(self, question: str) -> tuple[tuple[Passage, ...], float]:
        """Whole documents, the likeliest first, within the workspace's token budget.

        When all fit they keep their own order, so that every question shares one long prefix.
        """
        began = time.perf_counter()
        documents = self._knowledge.documents()
        budget = min(
            self._settings.long_context_tokens,
            self._generator.context_tokens - self._sampling.max_new_tokens,
        )
        if sum(document.n_tokens for document in documents) > budget:
            hits = self._knowledge.search(question, SearchMode.HYBRID, 50)
            order = {hit.chunk.document_id: -hit.rank for hit in reversed(hits)}
            documents = sorted(documents, key=lambda d: -order.get(d.id, -len(hits) - 1))
        taken: list[Passage] = []
        for document in documents:
            if taken and document.n_tokens > budget:
                continue
            budget -= document.n_tokens
            text = self._knowledge.text(document.id)
            chunk = Chunk(f"{document.id}:all", document.id, 0, text, 0, len(text))
            taken.append(Passage(chunk, document.title, 0.0, len(taken) + 1))
        return tuple(taken), time.perf_counter() - began
