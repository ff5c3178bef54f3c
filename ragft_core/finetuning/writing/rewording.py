"""A user's questions in other words, so that what is trained can be asked for, not only recited.

A fact that is trained in two wordings is missed in a third; trained in several it is found
(docs/finetuning.md; Allen-Zhu and Li, arXiv 2309.14316). The writer reads the passage that tells
the fact and asks for the user's own answer, the reader reads the question back, and a question
stays where the reader's answer is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragft_core.finetuning.examples.facts import by_fact
from ragft_core.finetuning.examples.store import example_id
from ragft_core.finetuning.rows.rows import Right
from ragft_core.finetuning.writing.filters import (
    Wordings,
    asks_in_english,
    form_fault,
    tidy_question,
)
from ragft_core.finetuning.writing.roundtrip import Adapters, ask_all
from ragft_core.models.generator import Generator
from ragft_core.models.prompts import ABSTENTION, render_messages, render_writing
from ragft_core.overlap import content_words, exact_match, one_line, stem
from ragft_core.types import Example, QuestionKind, Request, Sampling

# A question is tried so many times more often than it is wanted: about half of them are kept.
TRIES = 2
TEMPERATURE = 0.7
# What the writer sees of a text, in characters: the paragraph that tells the fact and its neighbour.
SHORT, LONGEST = 200, 600
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class Fact:
    """Wordings of one question, and the passage that tells the answer; its first line is a title."""

    wordings: tuple[Example, ...]
    source: str


class Sources:
    """Finds the passage of a text that tells what an example asks for.

    Args:
        texts: The documents' texts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._passages = [
            (title, previous, paragraph, one_line(paragraph))
            for text in texts
            for title, previous, paragraph in _paragraphs(text)
        ]

    def of(self, example: Example) -> str:
        """The passage under its text's title; the question with its answer where no text has it."""
        asked = {stem(word) for word in content_words(example.question)}
        for wanted in (example.evidence, example.answer, *example.alternatives):
            needle = one_line(wanted)
            found = [p for p in self._passages if needle and needle in p[3]]
            if found:
                title, previous, text, _ = max(
                    found,
                    key=lambda p: len(asked & {stem(w) for w in content_words(f"{p[0]} {p[2]}")}),
                )
                whole = f"{previous}\n{text}" if len(text) < SHORT else text
                return f"{title}\n{_around(whole, wanted)}"
        return f"{example.question}\n{example.question} {example.answer}"


def reword(
    generator: Generator,
    adapters: Adapters,
    facts: Sequence[Fact],
    wanted: int,
    right: Right,
    known: Sequence[str] = (),
    stopping: Callable[[], bool] = lambda: False,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[tuple[Fact, Example]]:
    """Writes further wordings of questions.

    Args:
        generator: Writes and reads.
        adapters: Its adapters for both.
        facts: What is asked; facts that are not asked in English get none, nor do labels.
        wanted: Wordings a fact, at most.
        right: Judges the reader's answer.
        known: Questions that no wording may repeat, such as those that are kept for testing.
        stopping: Asked between answers.
        on_progress: Gets a line about how far it is.

    Returns:
        Facts with an example each that has the answer and the document of the first wording;
        fewer than wanted where the writer repeats itself or misses the fact.

    Raises:
        StoppedError: ``stopping`` came true.
        ModelError: The model failed.
    """
    asked = [fact for fact in facts if _can_be_reworded(fact.wordings[0])]
    tries = [(fact, number) for fact in asked for number in range(TRIES * wanted)]
    texts = ask_all(
        generator,
        [_writing(fact, n, adapters.writer) for fact, n in tries],
        stopping,
        lambda n: on_progress(f"Writing the questions in other words: {n} of {len(tries)}"),
    )
    wordings = Wordings([*known, *(e.question for fact in facts for e in fact.wordings)])
    candidates: list[tuple[Fact, Example]] = []
    for (fact, _), text in zip(tries, texts, strict=True):
        question, first = tidy_question(text), fact.wordings[0]
        if form_fault(question, first.answer) or wordings.repeats(question):
            continue
        wordings.add(question)
        candidates.append((fact, _reworded(first, question)))
    read = ask_all(
        generator,
        [_reading(fact, example, adapters.reader) for fact, example in candidates],
        stopping,
        lambda n: on_progress(f"Reading them back: {n} of {len(candidates)}"),
    )
    kept: dict[Fact, list[Example]] = {fact: [] for fact in asked}
    for (fact, example), text in zip(candidates, read, strict=True):
        declined = exact_match(text, ABSTENTION)
        if len(kept[fact]) < wanted and not declined and right(example, text):
            kept[fact].append(example)
    return [(fact, example) for fact, examples in kept.items() for example in examples]


def facts_of(examples: Sequence[Example], source: Callable[[Example], str]) -> list[Fact]:
    """The examples by fact, each with the passage of its first wording."""
    return [Fact(tuple(group), source(group[0])) for group in by_fact(examples)]


def _can_be_reworded(example: Example) -> bool:
    told = example.kind not in (QuestionKind.LABEL, QuestionKind.UNANSWERABLE)
    return told and bool(example.answer) and asks_in_english(example.question)


def _reworded(first: Example, question: str) -> Example:
    return Example(
        id=example_id(question, first.answer),
        question=question,
        answer=first.answer,
        document_id=first.document_id,
        kind=first.kind,
        fact=first.fact,
        evidence=first.evidence,
        alternatives=first.alternatives,
    )


def _writing(fact: Fact, number: int, adapter: str | None) -> Request:
    """Every second wording is written from the sentence alone; all but the first two are sampled."""
    title, _, text = fact.source.partition("\n")
    answer = fact.wordings[0].answer
    needle = one_line(answer)
    sentences = [part for part in _SENTENCE.split(text) if needle in one_line(part)]
    shown = sentences[0] if sentences and number % 2 else text
    sampling = Sampling(max_new_tokens=40)
    if number > 1:
        sampling = Sampling(max_new_tokens=40, temperature=TEMPERATURE, top_p=0.95, seed=number)
    return Request(render_writing(title, shown, answer), adapter, sampling)


def _reading(fact: Fact, example: Example, adapter: str | None) -> Request:
    title, _, text = fact.source.partition("\n")
    messages = render_messages(example.question, passages=[(title, text)])
    return Request(messages, adapter, Sampling(max_new_tokens=32))


def _paragraphs(text: str) -> list[tuple[str, str, str]]:
    """(title, paragraph before, paragraph) of a text; the title is its first line."""
    parts = [part.strip() for part in _PARAGRAPH.split(text) if part.strip()]
    title = parts[0].splitlines()[0].strip("#* \t") if parts else ""
    return [(title, before, part) for before, part in zip(["", *parts], parts, strict=False)]


def _around(text: str, wanted: str) -> str:
    """At most ``LONGEST`` characters of the text, with what is wanted in their middle."""
    place = max(0, text.lower().find(wanted.lower()))
    start = max(0, min(place - LONGEST // 2, len(text) - LONGEST))
    return text[start : start + LONGEST]
