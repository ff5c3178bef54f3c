"""Answer selection: of what a reader might say, the answer that the question fits best.

A reader of few weights takes the neighbouring number of the right passage, or declines what it has
found. Asked the other way round, "what is asked where the answer is 'five years'?", the bundled
writer tells them apart. So the reader proposes an answer for each of its likeliest first tokens
(Wang and Zhou, arXiv 2402.10200), and the one is taken for which
P(answer | passages, question) P(question | sentence, answer) ** fit is largest: a noisy channel
(Lewis and Fan, ICLR 2019; Yee et al., arXiv 1908.05731). What stands in no passage is no proposal, and
how likely declining is beside that answer decides whether it is given. Of two questions in one it answers
one after the other. Measured in docs/reading.md.
"""

from __future__ import annotations

import contextvars
import dataclasses
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ragft_core.arms import Arm
from ragft_core.errors import ModelError
from ragft_core.finetuning.writing.filters import asks_in_english, mentions
from ragft_core.finetuning.writing.spans import sentences
from ragft_core.models.generation import RunningGeneration
from ragft_core.models.generator import Generation, Generator
from ragft_core.models.prompts import ABSTENTION, render_writing
from ragft_core.overlap import exact_match, normalise
from ragft_core.strategies.choosing.parts import points_back, two_questions
from ragft_core.types import Completion, Request, Sampling

# Answers that are proposed, the greedy one among them.
PROPOSALS = 5
# What parts the two answers of a question that asks for two.
BOTH = ";"
# Changes when a policy of the same numbers answers otherwise, so that no answer is reused.
EDITION = 1
TextPair = tuple[str, str]


@dataclass(frozen=True)
class Policy:
    """How an adapter's answers are chosen.

    ``fit`` is how much the question's log probability counts beside the answer's. It declines where
    declining is more than ``doubt`` times as likely as the answer. ``spans`` says that it answers in the
    passages' words, so that other words are a slip; else such an answer is kept as it is.
    """

    fit: float
    doubt: float
    spans: bool


# The reader declines too soon; an adapter trained on a user's questions too late, and it knows more.
READER_POLICY = Policy(0.5, 2.0, True)
TRAINED_POLICY = Policy(0.2, 0.4, False)


@dataclass(frozen=True)
class Proposal:
    """An answer with its log probabilities in nats.

    ``read`` is the answer's, given passages and question; ``fit`` the question's, given the answer
    and the sentence that suits both best.
    """

    said: Completion
    read: float
    fit: float


def policy_of(arm: Arm) -> Policy:
    """How an arm's answers are chosen."""
    return TRAINED_POLICY if arm.is_trained else READER_POLICY


def selects(request: Request, question: str) -> bool:
    """Whether an answer can be selected: one that an adapter reads greedily, asked in English."""
    sampling = request.sampling
    plain = sampling.temperature <= 0 and not sampling.choices
    return bool(request.adapter) and plain and asks_in_english(question)


class Selection(RunningGeneration):
    """A generation whose answer is selected. Its text is shown once it is certain.

    Args:
        generator: Has the reader, or an adapter trained from it, and the writer.
        request: What the arm asks; see ``selects``.
        question: As it was asked.
        passages: Title and text of each passage of the prompt.
        writer: The writer's id.
        policy: How to choose.
        priority: As for ``Generator.submit``.

    Raises:
        ModelError: The request cannot be served.
    """

    def __init__(
        self,
        generator: Generator,
        request: Request,
        question: str,
        passages: Sequence[TextPair],
        writer: str,
        policy: Policy,
        priority: int = 0,
    ) -> None:
        super().__init__()
        self._generator, self._request, self._priority = generator, request, priority
        self._question, self._passages, self._writer = question, passages, writer
        self._policy = policy
        self._began = time.perf_counter()
        self._asked: list[Generation] = []
        self._submit(request)
        # Adapters are found with the rights of whoever asks.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._run,), name="selection", daemon=True).start()

    def cancel(self) -> None:
        """Ends it soon; there is no text unless it is done."""
        super().cancel()
        for generation in tuple(self._asked):
            generation.cancel()

    def _submit(self, request: Request) -> Generation:
        generation = self._generator.submit(request, priority=self._priority)
        self._asked.append(generation)
        if self.cancelled:
            generation.cancel()
        return generation

    def _all(self, requests: Sequence[Request]) -> list[Completion]:
        """All answers, decoded together."""
        running = [self._submit(request) for request in requests]
        return [generation.result() for generation in running]

    def _run(self) -> None:
        try:
            first = self._asked[0].result()
            parts = two_questions(self._question)
            if self._keeps(first):
                done = first
            elif parts:
                done = self._both(*parts)
            else:
                done = self._selected(self._request, self._question, first)
            self.succeed(self._summed(done, first))
        except ModelError as error:
            self.fail(error)
        except Exception as error:  # a thread of its own: whoever waits must hear of it
            self.fail(ModelError(f"The selection failed: {type(error).__name__}: {error}"))

    def _keeps(self, first: Completion) -> bool:
        """Whether the first answer is given as it is."""
        if first.finish != "stop" or BOTH in first.text:
            return True
        found = _declines(first.text) or self._holding(first.text)
        return not (self._policy.spans or found)

    def _both(self, one: str, other: str) -> Completion:
        """The answers to two questions.

        The second by itself; where it points back at the first, by what the reader says to both
        behind the answer to the first.
        """
        answered = self._read(one)
        opening = f"{answered.text.strip().rstrip('.')}{BOTH}"
        if points_back(other) and not _declines(answered.text):
            whole = self._all([_with(self._request, opening=opening)])[0]
            second = dataclasses.replace(whole, text=whole.text.strip().removeprefix(opening))
        else:
            second = self._read(other)
        rest = second.text.strip()
        if _declines(answered.text):
            return second
        if not rest or _declines(rest) or rest in answered.text:
            return answered
        weighed = f"{answered.weighed}\n\n{second.weighed}".strip()
        return dataclasses.replace(answered, text=f"{opening} {rest}", weighed=weighed)

    def _read(self, question: str) -> Completion:
        """One of two questions, with the passages of both."""
        *before, last = self._request.messages
        content = last.content.removesuffix(self._question.strip()) + question
        asked = (*before, dataclasses.replace(last, content=content))
        request = dataclasses.replace(self._request, messages=asked)
        return self._selected(request, question, self._all([request])[0])

    def _selected(self, request: Request, question: str, first: Completion) -> Completion:
        """The best of what might be answered to a question, ``first`` among it."""
        ways = [_with(request, branch=place) for place in range(1, PROPOSALS)]
        *others, declining = self._all([*ways, _with(request, forced=ABSTENTION)])
        said = {normalise(one.text): one for one in reversed([first, *others]) if _answers(one)}
        proposals = self._judged(list(said.values()), question)
        proposals.sort(key=lambda one: -one.read - self._policy.fit * one.fit)
        best = proposals[0] if proposals else None
        doubted = log_probability(declining) - math.log(self._policy.doubt)
        if best is None:
            chosen = first
        else:
            chosen = best.said if best.read > doubted else declining
        return dataclasses.replace(chosen, weighed=_told(proposals, declining))

    def _summed(self, chosen: Completion, first: Completion) -> Completion:
        """The chosen answer with the prompt of the first, and what all of them took."""
        used = [generation.result() for generation in self._asked]
        took = time.perf_counter() - self._began
        return dataclasses.replace(
            chosen,
            prompt=first.prompt,
            prompt_tokens=sum(one.prompt_tokens - one.cached_tokens for one in used),
            completion_tokens=sum(one.completion_tokens for one in used),
            cached_tokens=0,
            first_token_s=took,
            total_s=took,
            memory_bytes=max(one.memory_bytes for one in used),
            finish="cancelled" if self.cancelled else chosen.finish,
        )

    def _holding(self, answer: str) -> list[TextPair]:
        """The sentences that hold an answer, or the passages where it stands in no sentence."""
        passages = [pair for pair in self._passages if mentions(pair[1], answer)]
        parts = [
            (title, text[start:end])
            for title, text in passages
            for start, end in sentences(text)
            if mentions(text[start:end], answer)
        ]
        return parts or passages

    def _judged(self, said: Sequence[Completion], question: str) -> list[Proposal]:
        """Those answers that stand in the passages, with how the question fits them."""
        tasks = [(one, place) for one in said for place in self._holding(one.text)]
        asking = self._all(
            [
                Request(
                    render_writing(title, text, one.text),
                    self._writer,
                    Sampling(forced=question),
                )
                for one, (title, text) in tasks
            ]
        )
        fits: dict[int, float] = {}
        for (one, _), done in zip(tasks, asking, strict=True):
            fits[id(one)] = max(fits.get(id(one), -math.inf), log_probability(done))
        kept = [one for one in said if id(one) in fits]
        return [Proposal(one, log_probability(one), fits[id(one)]) for one in kept]


def log_probability(said: Completion) -> float:
    """Of all its tokens, in nats."""
    return said.completion_tokens * math.log(max(said.confidence or 0.0, 1e-30))


def _with(request: Request, **how: object) -> Request:
    sampling = dataclasses.replace(request.sampling, **how)  # type: ignore[arg-type]
    return dataclasses.replace(request, sampling=sampling)


def _answers(said: Completion) -> bool:
    return said.finish == "stop" and bool(said.text.strip()) and not _declines(said.text)


def _declines(text: str) -> bool:
    return bool(exact_match(text, ABSTENTION))


def _told(proposals: Sequence[Proposal], declining: Completion) -> str:
    """The proposals with both log probabilities."""
    rows = [(one.said.text.strip(), f"{one.read:.1f}", f"{one.fit:.1f}") for one in proposals]
    table = [
        ("answer", "log probability", "of the question, given it"),
        *rows,
        (ABSTENTION, f"{log_probability(declining):.1f}", ""),
    ]
    return "\n".join(" | ".join(row) for row in table)
