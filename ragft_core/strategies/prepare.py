"""From a question to what the model is asked: retrieval happens here, before the model (law 2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ragft_core.arms import Arm, Reads
from ragft_core.errors import ModelError
from ragft_core.finetuning import load_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.models.generator import Generator
from ragft_core.models.prompts import passage_texts, render_messages, with_labels
from ragft_core.strategies.arms import ArmState
from ragft_core.strategies.followups import searched_for
from ragft_core.strategies.shots import nearest_examples
from ragft_core.types import (
    Chunk,
    Message,
    Passage,
    Request,
    Sampling,
    SearchMode,
)
from ragft_core.workspace import Workspace, WorkspaceSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """A request with the passages it carries; ``note`` says how they were found and what did not fit."""

    request: Request
    passages: tuple[Passage, ...] = ()
    retrieval_s: float = 0.0
    note: str = ""


class Preparer:
    """Prepares one question for several arms; what they share is retrieved once.

    ``workspace`` has the examples; ``knowledge_of`` gives what an arm reads; ``only`` says which
    documents of it, see ``knowledge.filters``.
    """

    def __init__(
        self,
        workspace: Workspace,
        settings: WorkspaceSettings,
        knowledge_of: Callable[[Arm], KnowledgeBase],
        sampling: Sampling,
        only: str = "",
    ) -> None:
        self._workspace = workspace
        self._only = only
        self._settings = settings
        self._knowledge_of = knowledge_of
        self._sampling = sampling
        self._retrieved: dict[tuple[str | int, ...], tuple[tuple[Passage, ...], float]] = {}

    def prepare(
        self,
        state: ArmState,
        generator: Generator,
        question: str,
        history: Sequence[Message] = (),
    ) -> Prepared:
        """Builds the arm's request.

        What does not fit the model's context is left out from its end: passages, then documents.

        Raises:
            ModelError: The question alone does not fit the model's context.
            RetrievalError: The index cannot be searched.
        """
        arm, settings = state.arm, self._settings
        own = _or(arm.settings.instruction, settings.instruction)
        instruction = with_labels(own, settings.labels, settings.label_pattern)
        wanted_for = searched_for(question, history)
        passages, wanted, seconds = self._read(arm, generator, wanted_for)
        notes = ["Retrieval found no passage."] if arm.retrieves and not passages else []
        if passages and wanted_for != question:
            notes.append("Searched together with the question before.")
        if self._only.strip() and passages:
            notes.append(f"Read only: {self._only.strip()}.")
        examples = self._examples(arm, question)

        def render(shown: Sequence[Passage]) -> tuple[Message, ...]:
            return render_messages(
                question,
                instruction=instruction,
                passages=passage_texts(shown),
                examples=examples,
                history=history,
            )

        messages = render(passages)
        while passages and self._room(generator, messages) < 0:
            passages = passages[:-1]
            messages = render(passages)
        if self._room(generator, messages) < 0:
            raise ModelError(
                f"The question is too long for {generator.name}: it takes "
                f"{generator.count_tokens(messages)} tokens, and with the answer "
                f"{generator.context_tokens} fit.",
                "Shorten the question, or start a new conversation.",
            )
        if len(passages) < wanted:
            room = "tokens that it may read" if arm.reads is Reads.DOCUMENTS else "model's context"
            notes.append(f"{len(passages)} of {wanted} {arm.reads} fit into the {room}.")
        request = Request(messages, state.adapter, self._sampling)
        return Prepared(request, passages, seconds, " ".join(notes))

    def _read(
        self, arm: Arm, generator: Generator, question: str
    ) -> tuple[tuple[Passage, ...], int, float]:
        """What is read, of how many, and the seconds that it took to find it."""
        match arm.reads:
            case Reads.NOTHING:
                return (), 0, 0.0
            case Reads.PASSAGES:
                found, seconds = self._retrieve(arm, question)
                return found, len(found), seconds
            case Reads.DOCUMENTS:
                return self._whole_documents(self._knowledge_of(arm), generator, question)

    def _examples(self, arm: Arm, question: str) -> tuple[Message, ...]:
        if not arm.settings.shots:
            return ()
        examples = load_examples(self._workspace)
        embedder = self._knowledge_of(arm).embedder
        return nearest_examples(embedder, examples, question, arm.settings.shots)

    def _room(self, generator: Generator, messages: Sequence[Message]) -> int:
        used = generator.count_tokens(messages) + self._sampling.max_new_tokens
        return generator.context_tokens - used

    def _retrieve(self, arm: Arm, question: str) -> tuple[tuple[Passage, ...], float]:
        mode, k, reranker = search_settings(arm, self._settings)
        key = (arm.settings.version or "", question, mode, k, reranker)
        if key not in self._retrieved:
            knowledge, meaning = self._knowledge_of(arm), self._settings.meaning
            began = time.perf_counter()
            found = knowledge.search(question, mode, k, reranker or None, meaning, self._only)
            self._retrieved[key] = (tuple(found), time.perf_counter() - began)
        return self._retrieved[key]

    def _whole_documents(
        self, knowledge: KnowledgeBase, generator: Generator, question: str
    ) -> tuple[tuple[Passage, ...], int, float]:
        """Whole documents, the likeliest first, within the workspace's token budget.

        When all fit they keep their own order, so that every question shares one long prefix.
        """
        began = time.perf_counter()
        documents = knowledge.documents(self._only)
        budget = min(
            self._settings.long_context_tokens,
            generator.context_tokens - self._sampling.max_new_tokens,
        )
        if sum(document.n_tokens for document in documents) > budget:
            hits = knowledge.search(question, SearchMode.HYBRID, 50, only=self._only)
            order = {hit.chunk.document_id: -hit.rank for hit in reversed(hits)}
            documents = sorted(documents, key=lambda d: -order.get(d.id, -len(hits) - 1))
        taken: list[Passage] = []
        for document in documents:
            if taken and document.n_tokens > budget:
                continue
            budget -= document.n_tokens
            text = knowledge.text(document.id)
            chunk = Chunk(f"{document.id}:all", document.id, 0, text, 0, len(text))
            taken.append(Passage(chunk, document.title, 0.0, len(taken) + 1))
        return tuple(taken), len(documents), time.perf_counter() - began


def search_settings(arm: Arm, settings: WorkspaceSettings) -> tuple[SearchMode, int, str]:
    """How an arm searches: its mode, the number of passages, and its re-ranker or ``""``."""
    own = arm.settings
    return (
        _or(own.search_mode, settings.search_mode),
        _or(own.passages, settings.top_k),
        own.reranker or "",
    )


def _or(own: T | None, other: T) -> T:
    """The arm's own setting, or else the workspace's."""
    return other if own is None else own
