"""Training data of the two bundled adapters, from reading-comprehension sets.

The reader sees one to five passages in random order and a question: the answer is a span of one
of them, or the abstention where none holds it. All the questions of a pack's passages are asked
about the same passages, so a passage that answers one question distracts from the next.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragft_core.finetuning.bundled.turns import Turn
from ragft_core.models.prompts import ABSTENTION, render_messages, render_writing

# How many passages a reader's pack has, and how often: as many as retrieval gives, or fewer.
PASSAGE_COUNTS = {1: 0.30, 2: 0.15, 3: 0.20, 4: 0.20, 5: 0.15}
UNANSWERABLE_SHARE = 0.17
QUESTIONS_PER_PASSAGE = 4
TRIES = 50
# Of so many passages the sentence that holds one answer is taken out: its question, and all that is
# near to it, stays, and must be declined.
SILENCED, TWO_PART = 0.1, 0.1
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(\d])")
# PolicyQA asks the same few questions of every policy: more than one such passage in a pack
# makes the question ambiguous. Its references are fragments ("update", "we respond"), so a
# passage of it is asked one question only.
GENERIC_SOURCES = {"policyqa"}


@dataclass(frozen=True)
class Reading:
    """A question whose answer is a span of ``context``, which belongs to ``document``."""

    source: str
    document: str
    context: str
    question: str
    answer: str


def load_readings(path: Path) -> list[Reading]:
    """Reads JSON lines with ``source, doc, context, question, answer``, or a SQuAD-format file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        readings = [
            Reading(r["source"], r["doc"], r["context"], r["question"], r["answer"]) for r in rows
        ]
    else:
        readings = list(_squad(json.loads(text), path.stem))
    return [_whole_words(reading) for reading in readings if reading.answer.strip()]


def _squad(data: dict, source: str) -> Iterator[Reading]:
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                for answer in qa["answers"][:1]:
                    yield Reading(
                        source,
                        article.get("title", "").replace("_", " "),
                        paragraph["context"],
                        qa["question"],
                        answer["text"],
                    )


def _whole_words(reading: Reading) -> Reading:
    """Widens an answer that was cut inside a word ("basis t") to whole words."""
    start = reading.context.find(reading.answer)
    if start < 0:
        return reading
    end = start + len(reading.answer)
    while start > 0 and reading.context[start].isalnum() and reading.context[start - 1].isalnum():
        start -= 1
    text = reading.context
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    answer = text[start:end].strip()
    return Reading(reading.source, reading.document, text, reading.question, answer)


def reader_packs(readings: Sequence[Reading], seed: int) -> Iterator[list[Turn]]:
    """One epoch for the reader: turns that share their passages, a list for each pack."""
    chance = random.Random(seed)
    by_context: dict[str, list[Reading]] = defaultdict(list)
    by_document: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_context[reading.context].append(reading)
        by_document[reading.document].append(reading)
    contexts = list(by_context)
    chance.shuffle(contexts)
    counts, weights = zip(*PASSAGE_COUNTS.items(), strict=True)
    while contexts:
        wanted = chance.choices(counts, weights)[0]
        chosen = _choose(contexts, by_context, wanted)
        passages: list[tuple[str, str]] = []
        asked: list[tuple[str, str]] = []
        for text in chosen:
            here = by_context[text]
            most = 1 if here[0].source in GENERIC_SOURCES else QUESTIONS_PER_PASSAGE
            some = chance.sample(here, min(len(here), most))
            shown = _silenced(text, some[0], chance) if most > 1 else text
            passages.append((here[0].document, shown))
            asked += _questions(some, shown, chance)
        missing = _round(len(asked) * UNANSWERABLE_SHARE / (1 - UNANSWERABLE_SHARE), chance)
        asked += [
            (question, ABSTENTION)
            for question in _unanswerable(
                chosen, by_context, by_document, readings, missing, chance
            )
        ]
        chance.shuffle(passages)
        yield [Turn(render_messages(q, passages=passages), answer) for q, answer in asked]


def _silenced(text: str, reading: Reading, chance: random.Random) -> str:
    """The passage, now and then without the sentences that hold a reading's answer."""
    kept = [part for part in _SENTENCE.split(text) if reading.answer not in part]
    if chance.random() >= SILENCED or len(kept) < 2:
        return text
    return " ".join(kept)


def _questions(
    readings: Sequence[Reading], shown: str, chance: random.Random
) -> list[tuple[str, str]]:
    """Questions with answers, two in one now and then; declined where the answer was taken out."""
    held = [reading for reading in readings if reading.answer in shown]
    asked = [(reading.question, ABSTENTION) for reading in readings if reading not in held]
    if len(held) > 1 and chance.random() < TWO_PART * QUESTIONS_PER_PASSAGE:
        one, other = held[:2]
        second = other.question[:1].lower() + other.question[1:]
        asked.append(
            (f"{one.question.rstrip('?. ')}, and {second}", f"{one.answer}; {other.answer}")
        )
        held = held[2:]
    return asked + [(reading.question, reading.answer) for reading in held]


def _choose(contexts: list[str], by_context: dict[str, list[Reading]], wanted: int) -> list[str]:
    """Takes contexts off the list, at most one of a generic source."""
    chosen: list[str] = []
    generic = False
    for text in list(contexts):
        is_generic = by_context[text][0].source in GENERIC_SOURCES
        if not (is_generic and generic):
            chosen.append(text)
            contexts.remove(text)
            generic = generic or is_generic
        if len(chosen) == wanted:
            break
    return chosen


def _unanswerable(
    chosen: Sequence[str],
    by_context: dict[str, list[Reading]],
    by_document: dict[str, list[Reading]],
    readings: Sequence[Reading],
    wanted: int,
    chance: random.Random,
) -> list[str]:
    """Questions that these passages do not answer, half of them about the same documents.

    Fewer than wanted where the data hold too few, such as those of one generic source alone.
    """
    held = set(chosen)
    near = [
        reading
        for text in chosen
        for reading in by_document[by_context[text][0].document]
        if reading.context not in held and reading.source not in GENERIC_SOURCES
    ]
    found: list[str] = []
    joined = " ".join(chosen).lower()
    for _ in range(TRIES * wanted):
        if len(found) == wanted:
            break
        reading = chance.choice(near if near and chance.random() < 0.5 else readings)
        generic = reading.source in GENERIC_SOURCES
        if reading.context in held or reading.answer.lower() in joined:
            continue
        if generic and any(by_context[text][0].source in GENERIC_SOURCES for text in chosen):
            continue
        found.append(reading.question)
    return found


def _sentence(question: str) -> str:
    """A question typed in haste ("who won the cup") as a person would print it."""
    question = question.strip()
    return question[:1].upper() + question[1:].rstrip("?. ") + "?"


def _round(value: float, chance: random.Random) -> int:
    """Rounds up or down by chance, so that the mean is kept."""
    return int(value) + (chance.random() < value - int(value))


def writer_packs(readings: Sequence[Reading], seed: int) -> Iterator[list[Turn]]:
    """One epoch for the question writer: all answers of one passage make a list of turns."""
    chance = random.Random(seed)
    by_context: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        # The writer must learn specific questions, which generic ones would dilute.
        if reading.source not in GENERIC_SOURCES and reading.answer in reading.context:
            by_context[reading.context].append(reading)
    contexts = list(by_context)
    chance.shuffle(contexts)
    for text in contexts:
        here = by_context[text]
        yield [
            Turn(
                render_writing(here[0].document, text, reading.answer), _sentence(reading.question)
            )
            for reading in chance.sample(here, min(len(here), 2 * QUESTIONS_PER_PASSAGE))
        ]
