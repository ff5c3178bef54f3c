"""One round of writing questions: the writer asks, the filters and the reader judge.

A question is kept when its form is right, it is no repetition, its words point at its own document,
the bare model does not know its answer, and the reader finds the same answer in the passage. The
cheap tests come first.
The reader and the writer learned from the same kind of data, so what passes is a question that
the passage answers, not proof that a person would ask it: people review the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragft_core.finetuning.examples.store import example_id
from ragft_core.finetuning.writing.filters import (
    Wordings,
    form_fault,
    mentions,
    tidy_question,
)
from ragft_core.finetuning.writing.plausible import implausible, same_numbers
from ragft_core.finetuning.writing.spans import Span
from ragft_core.finetuning.writing.specificity import Corpus, Facts
from ragft_core.models.generator import Generator
from ragft_core.models.prompts import ABSTENTION, render_messages, render_writing
from ragft_core.overlap import exact_match, token_f1
from ragft_core.types import Chunk, Example, Message, Request, Sampling

# How much of the answer the reader must find; a unit more or less ("30" for "30 days") is fine.
SAME_ANSWER = 0.6
# The second wording is written from the evidence sentence alone; the further ones are sampled,
# because greedy decoding would only repeat the first.
TEMPERATURE = 0.5
PRIORITY = 10

# Why a question is dropped: the key is stored, the text is what people read.
REASONS = {
    "not a question": "Not put as a question",
    "length": "Too short or too long",
    "answer in question": "The question gives its answer away",
    "vague": "Names nothing: 'it', 'this document'",
    "invented": "Names something that the passage does not",
    "off topic": "Asks about something beside its evidence",
    "wrong kind": "Asks for another kind of answer, such as a date for an amount",
    "unspecific": "Fits another place in the documents as well",
    "duplicate": "Nearly the same as another question",
    "known": "The bare model answers it without the document",
    "not answered": "The reader finds no answer in the passage",
    "other answer": "The reader finds another answer in the passage",
}


@dataclass(frozen=True)
class Task:
    """A question to write: for a span of a passage. ``wording`` 0 is the first for its fact."""

    title: str
    chunk: Chunk
    span: Span
    wording: int = 0

    @property
    def fact(self) -> str:
        """What all the wordings share."""
        return f"{self.chunk.id}@{self.span.start}"

    @property
    def passage(self) -> str:
        """All that the writer could know: title, heading and text."""
        return f"{self.title}\n{self.chunk.heading}\n{self.chunk.text}"

    @property
    def shown(self) -> str:
        """The text that this wording is written from."""
        return self.span.sentence if self.wording == 1 else self.chunk.text


@dataclass(frozen=True)
class Candidate:
    """A written question. ``reason`` is empty where it was kept, else a key of ``REASONS``.

    ``alternative`` is the reader's answer where it differs from the span.
    """

    question: str
    answer: str
    evidence: str
    document_id: str
    fact: str
    wording: int = 0
    reason: str = ""
    alternative: str = ""

    def example(self) -> Example:
        """The candidate as a training example."""
        return Example(
            id=example_id(self.question, self.answer),
            question=self.question,
            answer=self.answer,
            document_id=self.document_id,
            fact=self.fact,
            evidence=self.evidence,
            alternatives=(self.alternative,) if self.alternative else (),
        )


@dataclass(frozen=True)
class Adapters:
    """Which adapters write and read; none where the model does both by itself."""

    writer: str | None = None
    reader: str | None = None


class StoppedError(Exception):
    """Somebody asked for the end in the middle of a round; what the round had is not judged."""


class RoundTrip:
    """Writes and judges questions, a list of tasks at a time.

    Args:
        generator: The model.
        adapters: Its adapters for writing and for reading.
        wordings: The questions there are already; kept ones are added.
        corpus: All passages, to tell whether a question is about its own document.
        facts: All that they could be asked about, to tell whether it is about its own fact.
        stopping: Asked between generations.
    """

    def __init__(
        self,
        generator: Generator,
        adapters: Adapters,
        wordings: Wordings,
        corpus: Corpus,
        facts: Facts,
        stopping: Callable[[], bool],
    ) -> None:
        self._generator = generator
        self._adapters = adapters
        self._wordings = wordings
        self._corpus = corpus
        self._facts = facts
        self._stopping = stopping

    def run(self, tasks: Sequence[Task]) -> list[Candidate]:
        """One candidate per task, judged.

        Raises:
            StoppedError: ``stopping`` came true.
            ModelError: The model failed.
        """
        by_fact = {task.fact: task for task in tasks}
        found = [self._by_words(c, by_fact[c.fact]) for c in self._write(tasks)]
        found = self._judge(found, by_fact, self._closed_book, self._knows)
        found = self._judge(found, by_fact, self._open_book, self._reads)
        return [self._keep(candidate) for candidate in found]

    def _write(self, tasks: Sequence[Task]) -> list[Candidate]:
        requests = [
            Request(
                render_writing(task.title, task.shown, task.span.text),
                self._adapters.writer,
                _sampling(task),
            )
            for task in tasks
        ]
        return [
            Candidate(
                tidy_question(text),
                task.span.text,
                task.span.sentence,
                task.chunk.document_id,
                task.fact,
                task.wording,
            )
            for task, text in zip(
                tasks, ask_all(self._generator, requests, self._stopping), strict=True
            )
        ]

    def _by_words(self, candidate: Candidate, task: Task) -> Candidate:
        """The tests that need no model."""
        question, answer = candidate.question, candidate.answer
        reason = form_fault(question, answer) or implausible(
            question, answer, task.span.kind, candidate.evidence, task.passage
        )
        if not reason and self._wordings.repeats(question):
            reason = "duplicate"
        if not reason and (
            not self._corpus.points_at(question, candidate.document_id)
            or self._facts.ambiguous(question, task.title, task.span)
        ):
            reason = "unspecific"
        return replace(candidate, reason=reason or "")

    def _judge(
        self,
        candidates: Sequence[Candidate],
        by_fact: dict[str, Task],
        ask: Callable[[Candidate, Task], Request],
        judge: Callable[[Candidate, str], Candidate],
    ) -> list[Candidate]:
        """Asks a model about those still in, and replaces them with what the judge makes of it."""
        asked = [c for c in candidates if not c.reason]
        answers = iter(
            ask_all(self._generator, [ask(c, by_fact[c.fact]) for c in asked], self._stopping)
        )
        return [c if c.reason else judge(c, next(answers).strip()) for c in candidates]

    def _closed_book(self, candidate: Candidate, task: Task) -> Request:
        return _request(render_messages(candidate.question), None, 16)

    def _knows(self, candidate: Candidate, answer: str) -> Candidate:
        known = mentions(answer, candidate.answer) or token_f1(answer, candidate.answer) >= 0.5
        return replace(candidate, reason="known") if known else candidate

    def _open_book(self, candidate: Candidate, task: Task) -> Request:
        passages = [(task.title, task.chunk.text)]
        messages = render_messages(candidate.question, passages=passages)
        return _request(messages, self._adapters.reader, 32)

    def _reads(self, candidate: Candidate, answer: str) -> Candidate:
        if exact_match(answer, ABSTENTION) or not answer:
            return replace(candidate, reason="not answered")
        # A model without the reading adapter answers in sentences, which F1 would reject.
        whole = self._adapters.reader is None and mentions(answer, candidate.answer)
        close = token_f1(answer, candidate.answer) >= SAME_ANSWER or whole
        if not close or not same_numbers(answer, candidate.answer):
            return replace(candidate, reason="other answer")
        same = whole or exact_match(answer, candidate.answer)
        return replace(candidate, alternative="" if same else answer)

    def _keep(self, candidate: Candidate) -> Candidate:
        """Two of one round can be alike; the first one stays."""
        if candidate.reason:
            return candidate
        if self._wordings.repeats(candidate.question):
            return replace(candidate, reason="duplicate")
        self._wordings.add(candidate.question)
        return candidate


def ask_all(
    generator: Generator,
    requests: Sequence[Request],
    stopping: Callable[[], bool],
    on_answer: Callable[[int], None] = lambda n: None,
) -> list[str]:
    """Submits all, so that the engine can batch them, and waits for all; tells how many are there.

    Raises:
        StoppedError: ``stopping`` came true.
        ModelError: The model failed.
    """
    running = [generator.submit(request, priority=PRIORITY) for request in requests]
    texts: list[str] = []
    for generation in running:
        while True:
            try:
                texts.append(generation.result(timeout=0.5).text)
                on_answer(len(texts))
                break
            except TimeoutError:
                if stopping():
                    for other in running:
                        other.cancel()
                    raise StoppedError from None
    return texts


def _request(messages: tuple[Message, ...], adapter: str | None, max_new_tokens: int) -> Request:
    return Request(messages, adapter, Sampling(max_new_tokens=max_new_tokens))


def _sampling(task: Task) -> Sampling:
    if task.wording < 2:
        return Sampling(max_new_tokens=40)
    return Sampling(max_new_tokens=40, temperature=TEMPERATURE, top_p=0.95, seed=task.wording)
