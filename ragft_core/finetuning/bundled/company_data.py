"""Passages of invented organisations, with questions that are easily answered wrongly.

Reading-comprehension sets ask about prose with one number of a kind. The papers of a company hold
the same property of several things side by side, two facts in one question, tables, and much that
sounds close and is not said. Here such passages are made from ``company.toml``: every value is
drawn by chance, so nothing can be known but by reading.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ragft_core.finetuning.bundled.company_values import company, draw, name, part_number
from ragft_core.finetuning.bundled.turns import Turn
from ragft_core.models.prompts import ABSTENTION, render_messages

FILE = Path(__file__).with_name("company.toml")
STATED = 0.75  # of the facts that a passage could hold of its things
TWO_PART, UNANSWERABLE = 0.2, 0.2
QUESTIONS = 8
STYLES = {"prose": 0.55, "list": 0.15, "table": 0.2, "questions": 0.1}
PASSAGE_COUNTS = {1: 0.35, 2: 0.25, 3: 0.25, 4: 0.15}
# One of a thing at most: they would answer each other's questions.
RIVALS = ({"Warranty", "Guarantee"}, {"Order number", "Error code"}, {"Colour", "Material"})
TITLES = ("Handbook", "Price list", "Terms", "Data sheet", "For visitors", "For staff", "Overview")
FILLERS = (
    "Please ask us if anything is unclear.",
    "This page was last checked by the office.",
    "All details are given without engagement.",
    "Further information is sent on request.",
    "We look forward to hearing from you.",
    "Changes are announced on the notice board.",
)
OPENINGS = ("", "", "", "", "", "Can you tell me: ", "Please tell me, ", "I would like to know: ")


@dataclass(frozen=True)
class Kind:
    """A row of ``company.toml``: a property, its kind of value, and how it is said and asked."""

    label: str
    value: str
    of: tuple[str, ...]
    say: tuple[str, ...]
    ask: tuple[str, ...]
    yes: bool = False


@dataclass(frozen=True)
class Fact:
    """One property of one thing; ``value`` is None where the passage is silent about it."""

    thing: str
    kind: Kind
    value: str | None
    sentence: str = ""

    @property
    def answer(self) -> str:
        """What the reader should say."""
        if self.value is None:
            return ABSTENTION
        if self.kind.yes:
            return f"{'No' if ' not ' in f' {self.value} ' else 'Yes'}, {self.sentence}."
        return self.value


@cache
def kinds() -> tuple[dict[str, list[str]], tuple[Kind, ...]]:
    """The sorts of things with their forms, and the properties."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    facts = (
        Kind(
            row["label"],
            row["value"],
            tuple(row["of"]),
            tuple(row["say"]),
            tuple(row["ask"]),
            row.get("yes", False),
        )
        for row in table["fact"]
    )
    return table["things"], tuple(facts)


def company_packs(wanted: int, seed: int) -> Iterator[list[Turn]]:
    """Turns that share their passages, a list for each pack.

    Args:
        wanted: How many packs.
        seed: Same seed, same packs.
    """
    chance = random.Random(seed)
    for _ in range(wanted):
        of = company(chance)
        n = chance.choices(list(PASSAGE_COUNTS), list(PASSAGE_COUNTS.values()))[0]
        written = [_passage(of, chance) for _ in range(n)]
        passages = [passage for passage, _ in written]
        facts = [fact for _, found in written for fact in found]
        stated = {(fact.thing, fact.kind.label) for fact in facts if fact.value is not None}
        facts = [f for f in facts if f.value is not None or (f.thing, f.kind.label) not in stated]
        yield [
            Turn(render_messages(question, passages=passages), answer)
            for question, answer in _asked(facts, chance)
        ]


def _passage(of: str, chance: random.Random) -> tuple[tuple[str, str], list[Fact]]:
    """A passage (title, text) and its facts, stated and missing."""
    things, properties = kinds()
    sort = chance.choice(list(things))
    forms = [form for form in things[sort]]
    # Things of one form are told apart by their names alone, as in a catalogue.
    form = chance.choice(forms)
    n = chance.choice((1, 2, 2, 3, 3, 4))
    called = {
        _called(form if chance.random() < 0.6 else chance.choice(forms), chance) for _ in range(n)
    }
    pool = [kind for kind in properties if sort in kind.of]
    chosen = chance.sample(pool, min(len(pool), chance.choice((2, 3, 3, 4))))
    for rivals in RIVALS:
        clash = [kind for kind in chosen if kind.label in rivals]
        chosen = [kind for kind in chosen if kind not in clash[1:]]
    facts = [
        _fact(thing, kind, chance, stated=chance.random() < STATED)
        for thing in sorted(called)
        for kind in chosen
    ]
    if all(fact.value is None for fact in facts):
        facts[0] = _fact(facts[0].thing, facts[0].kind, chance, stated=True)
    style = chance.choices(list(STYLES), list(STYLES.values()))[0]
    text = _written([fact for fact in facts if fact.value is not None], style, chance)
    title = chance.choice((of, f"{of}: {chance.choice(TITLES)}", chance.choice(TITLES)))
    return (title, text), facts


def _called(form: str, chance: random.Random) -> str:
    return "the " + form.format(n=name(chance), c=part_number(chance))


def _fact(thing: str, kind: Kind, chance: random.Random, stated: bool) -> Fact:
    if not stated:
        return Fact(thing, kind, None)
    value = draw(kind.value, chance)
    return Fact(thing, kind, value, chance.choice(kind.say).format(e=thing, v=value))


def _written(facts: list[Fact], style: str, chance: random.Random) -> str:
    """The facts as a text in one of the styles, by thing, by property or in any order."""
    if chance.random() < 0.3:
        facts = sorted(facts, key=lambda fact: fact.kind.label)
    elif chance.random() < 0.3:
        chance.shuffle(facts)
    if style == "table":
        rows: dict[str, list[str]] = {}
        for fact in facts:
            rows.setdefault(fact.thing, []).append(f"{fact.kind.label}: {fact.value}")
        head = chance.choice(("Name", "Item", "What", "Article"))
        return "\n".join(
            f"- {head}: {thing.removeprefix('the ')}; {'; '.join(cells)}"
            for thing, cells in rows.items()
        )
    if style == "questions":
        return "\n".join(
            f"{chance.choice(fact.kind.ask).format(e=fact.thing)} {_sentence(fact.sentence)}"
            for fact in facts
        )
    lines: list[str] = []
    before = ""
    for fact in facts:
        text = fact.sentence
        if fact.thing == before and text.startswith(fact.thing) and chance.random() < 0.6:
            text = f"it{text.removeprefix(fact.thing)}"
        before = fact.thing
        lines.append(_sentence(text))
    if style == "list":
        return "\n".join(f"- {line}" for line in lines)
    for _ in range(chance.choice((0, 0, 1, 2))):
        lines.insert(chance.choice((0, len(lines))), chance.choice(FILLERS))
    return " ".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _asked(facts: Sequence[Fact], chance: random.Random) -> list[tuple[str, str]]:
    """Questions with their answers: single, in two parts, and without an answer."""
    stated = [fact for fact in facts if fact.value is not None]
    silent = [fact for fact in facts if fact.value is None]
    n = min(QUESTIONS, len(stated) + 1)
    asked: list[tuple[str, str]] = []
    for _ in range(max(1, round(n * UNANSWERABLE))):
        fact = (
            chance.choice(silent) if silent and chance.random() < 0.7 else _stranger(stated, chance)
        )
        if fact not in stated:
            asked.append((_question(fact, chance), ABSTENTION))
    pairs = [
        (one, other)
        for one in stated
        for other in stated
        if one is not other and (one.thing == other.thing) != (one.kind == other.kind)
    ]
    for one, other in chance.sample(pairs, min(len(pairs), round(n * TWO_PART))):
        asked.append((_both(one, other, chance), f"{one.answer}; {other.answer}"))
    for fact in chance.sample(stated, min(len(stated), max(1, n - len(asked)))):
        asked.append((_question(fact, chance), fact.answer))
    return asked


def _stranger(stated: Sequence[Fact], chance: random.Random) -> Fact:
    """A property that is stated, asked of a thing that no passage names."""
    fact = chance.choice(stated)
    form = fact.thing.split(" ")[-1]
    thing = f"the {name(chance)} {form}" if form[0].islower() else f"the {name(chance)}"
    return replace(fact, thing=thing, value=None)


def _question(fact: Fact, chance: random.Random) -> str:
    words = fact.thing.split(" ")
    # People leave out what goes without saying: "the Wren" for "the Wren pump".
    short = len(words) == 3 and words[1][0].isupper() and chance.random() < 0.25
    question = chance.choice(fact.kind.ask).format(e=" ".join(words[:2]) if short else fact.thing)
    opening = chance.choice(OPENINGS)
    return opening + (question[:1].lower() + question[1:] if opening else question)


def _both(one: Fact, other: Fact, chance: random.Random) -> str:
    first = chance.choice(one.kind.ask).format(e=one.thing).rstrip("?")
    if one.thing == other.thing:
        second = chance.choice(other.kind.ask).format(e="it")
        return f"{first}, and {second[:1].lower()}{second[1:]}"
    return f"{first}, and what about {other.thing}?"
