"""Whether a text agrees or denies, turns what it should say round, or offers something else besides."""

from __future__ import annotations

import re

from ragft_core.evaluation.equivalence.content import (
    Number,
    Said,
    root,
    same_date,
    same_number,
    take_apart,
)
from ragft_core.evaluation.equivalence.vocabulary import DENYING, OPPOSITES

_NO = re.compile(
    r"\b(?:not|no|never|none|without|neither|nor|cannot|lacks?|nicht|kein\w*|nie|ohne|pas|jamais|aucune?"
    r"|sans|nunca|sin|ning[uú]n\w*|tampoco|senza|nessun\w*|niet|geen|zonder|não|sem|nenhum\w*)\b|n't\b"
    # English has "non-GAAP" and "non compliant", so that Italian's is known by the verb behind it.
    r"|\bnon (?:è|sono|si|ci|può|possono|ha|hanno|viene|lo|la|li|deve|vale)\b"
)
# In answers a "no" that opens it stands apart from one within.
YES_NO = re.compile(
    r"^\W*(?:(?P<yes>yes|ja|oui|sí|sì|si|sim|はい|sure|correct|certainly)|(?P<no>no|nein|nee|non|não|いいえ|いえ))(?:\b|(?<=[えい]))",
    re.IGNORECASE,
)
# Words too frequent to be compared, which turn a short answer round all the same.
_SMALL_OPPOSITES = [("before", "after"), ("over", "under"), ("more", "less"), ("more", "fewer")]
_SMALL_OPPOSITES += [(other, one) for one, other in _SMALL_OPPOSITES]
_SMALL = re.compile(
    rf"\b(?:{'|'.join(sorted({word for pair in _SMALL_OPPOSITES for word in pair}))})\b"
)
# An enumeration's items, and how much one may say and still be one.
_ITEMS = re.compile(r"[,;]\s(?:and |or |und |et |y |e |en )?|\s(?:and|und|et|y|&)\s")
ITEM = 4
_ROUTE = re.compile(r"\bfrom (?:the )?([^\W\d_]+) to (?:the )?([^\W\d_]+)")
_PLAIN = re.compile(r"\b(yes|no)\b[,.]", re.IGNORECASE)
_OR = re.compile(r"\b(?:or|maybe|perhaps|oder|ou|(?<=\s)o(?=\s))\b", re.IGNORECASE)
_RANGE = re.compile(r"(\d[\d.,]*)\s*(?:to|-|–|and|until)\s*(\d[\d.,]*)")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
# What stands behind these words is what something is measured by, or put in the place of.
_BEHIND = re.compile(
    r"\b(?:(?!other\b)\w+er than|(?:more|less) \w+ than|rather than|instead of|\w+er als|anstatt|statt|plutôt que)\b",
    re.IGNORECASE,
)
_POLAR = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|can|could|may|must|should|will|would|has|have|had|am|ist|sind|war|darf"
    r"|dürfen|kann|können|muss|müssen|soll|gibt|gilt|hat|haben|wird|werden|est-ce|está|están|es|son|puede\w*|hay)\b",
    re.IGNORECASE,
)
# What holds together within a sentence: commas between figures are none.
_CLAUSE = re.compile(
    r"[;:]\s|,\s(?!\d)|\s[–—-]\s|\b(?:and|but|while|whereas|after|so|because|und|aber|während|et|mais|y|pero)\b",
    re.IGNORECASE,
)
_STEMMED = tuple((root(one), root(other)) for one, other in OPPOSITES)
_NOT_NUMBER = re.compile(r"(?:\bnot|n't|\bnicht) (?:the )?([$€£]?\d[^.;\n]{0,30})")
# "No. 5" is a number, and "not only" denies nothing.
_NO_DENIAL = re.compile(
    r"\bno\.(?=\s*\d)|\bnot only\b|\bno doubt\b",
    re.IGNORECASE,
)


def without_numero(text: str) -> str:
    """The text without words that look like denials and are none."""
    return _NO_DENIAL.sub("#", text)


def denied(text: str) -> bool:
    """Whether a text holds a denial."""
    return bool(_NO.search(text.lower()))


def refuses(words: tuple[str, ...]) -> bool:
    """Whether a word denies without a "not": excluded, prohibited."""
    return any(word.startswith(deny) for word in words for deny in DENYING)


def first_sentence(text: str) -> str:
    """A text's first sentence."""
    return SENTENCE.split(text.strip())[0]


def told(text: str) -> bool | None:
    """Whether a text opens with yes or no; None where with neither."""
    match = YES_NO.match(text)
    return bool(match["yes"]) if match else None


def says_yes(answer: str, question: str = "") -> bool:
    """Whether an answer agrees: by its first word, or by its first sentence's lack of a denial."""
    opened = told(answer)
    if opened is not None:
        return opened
    plain = _PLAIN.search(answer)
    if plain:
        return plain.group(1).lower() == "yes"
    first = first_sentence(answer)
    asked = take_apart(question).words
    words = take_apart(first).words
    against = turned_round(words, asked) or refuses(words) != refuses(asked)
    return denied(first) == against


def turned_round(said: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether words hold the opposite of one that is wanted, and not that one.

    Args:
        said: Stems of what is said.
        wanted: Stems of what should be said.
    """
    here, there = set(said), set(wanted)
    pairs = [*_STEMMED, *((other, one) for one, other in _STEMMED)]
    if any(b in here and a not in here for a, b in pairs if a in there and b not in there):
        return True
    return any(
        prefix + word in here and word not in here and prefix + word not in there
        for word in there
        for prefix in ("un", "dis", "non")
    ) or any(
        word[len(prefix) :] in here and word not in here and word[len(prefix) :] not in there
        for word in there
        for prefix in ("dis", "non")
        if word.startswith(prefix) and len(word) > 6
    )


def turned_by_a_small_word(answer: str, gold: str) -> bool:
    """Whether an answer says before for after, over for under, or from B to A for from A to B."""
    said, wanted = _SMALL.findall(answer.lower()), _SMALL.findall(gold.lower())
    for one, other in _SMALL_OPPOSITES:
        if {one, other} & set(wanted) == {one} and {one, other} & set(said) == {other}:
            return True
    here, there = _ROUTE.search(answer.lower()), _ROUTE.search(gold.lower())
    if here is None or there is None:
        return False
    return here.groups() == there.groups()[::-1] != there.groups()


def only_compared_with(answer: str, wanted: Said) -> bool:
    """Whether the gold answer is only what something is compared with: "the X10 is heavier than the X20"."""
    names = set(wanted.words) if not wanted.numbers else set()
    for sentence in SENTENCE.split(answer):
        before, *behind = _BEHIND.split(sentence, maxsplit=1)
        if names and behind and names <= set(take_apart(behind[0]).words):
            return not names <= set(take_apart(before).words)
    return False


def misses_an_item(said: Said, gold: str) -> bool:
    """Whether nothing that is peculiar to an item of an enumeration stands in an answer."""
    parts = _ITEMS.split(gold)
    if any(part.isupper() for part in parts):  # initials, which an answer may write out
        return False
    items = [take_apart(item) for item in parts]
    if len(items) < 2 or not all(0 < item.size <= ITEM for item in items):
        return False
    held = set(said.words)
    for item in items:
        own = set(item.words) - {
            word for other in items if other is not item for word in other.words
        }
        if not item.numbers and not item.dates and own and not own & held:
            return True
    return False


def is_polar(question: str) -> bool:
    """Whether a question asks for yes or no."""
    return bool(_POLAR.match(question))


def in_order(said: Said, gold: str) -> bool:
    """Whether the two ends of a range stand in the gold answer's order."""
    if not _RANGE.search(gold):
        return True
    ends = [number.value for number in take_apart(gold).numbers[:2]]
    values = [number.value for number in said.numbers]
    places = [values.index(end) for end in ends if end in values]
    return places == sorted(places)


def offers_several(answer: str, said: Said, wanted: Said) -> bool:
    """Whether a short answer offers something else besides, with an "or" between or as a bare list."""
    if said.size > 3 * wanted.size + 2:
        return False
    parts = [take_apart(part) for part in _OR.split(answer)]
    if len(parts) == 1:
        items = [take_apart(item) for item in re.split(r",\s|\band\b", answer)]
        bare = len(items) > 2 and all(0 < item.size <= 2 for item in items)
        if not bare or wanted.size > 2:
            return False
        parts = items
    if wanted.numbers:
        return any(not any(same_number(n, g) for g in wanted.numbers) for n in said.numbers)
    return any(part.words and not set(wanted.words) & set(part.words) for part in parts)


def denies(answer: str, wanted: Said, gold: str, question: str) -> bool:
    """Whether each part of the answer with the gold answer's words says that it is not so."""
    if denied(question) or refuses(take_apart(question).words):
        return False
    if denied(gold):
        return not denied(answer)  # says that it is so, where it is not
    names = set(wanted.words)
    if not names:
        return any(
            take_apart(after[1]).numbers and same_number(take_apart(after[1]).numbers[0], number)
            for number in wanted.numbers
            for after in _NOT_NUMBER.finditer(answer.lower())
        )
    seen = False
    for sentence in SENTENCE.split(answer):
        for part in _CLAUSE.split(sentence):
            if not names & set(take_apart(part).words):
                continue
            negated = _NO.search(part.lower())
            if negated is None:
                return False
            after = set(take_apart(part[negated.end() :]).words[:4])
            if not names & after:
                return False
            seen = True
    return seen


def belongs_elsewhere(answer: str, wanted: Said, question: str) -> bool:
    """Whether the gold answer's number stands in an answer for something that was not asked.

    "In 2021 it was 295, after 310 in 2020": of a sentence with several numbers of one kind that one
    counts whose clause shares most with the question.
    """
    if len(wanted.numbers) != 1:
        return False
    number, asked = wanted.numbers[0], take_apart(question)
    verdicts = [
        _elsewhere(sentence, number, asked)
        for sentence in SENTENCE.split(answer)
        if any(same_number(n, number) for n in take_apart(sentence).numbers)
    ]
    return bool(verdicts) and all(verdicts)


def _elsewhere(sentence: str, number: Number, asked: Said) -> bool:
    known = {n.value for n in asked.numbers}
    here: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    carried: set[str] = set()
    for clause in _CLAUSE.split(sentence):
        said = take_apart(clause)
        words = set(said.words)
        # What a clause leaves out it has from the one before: "... 14 rooms, the east wing 22".
        full = words | {w for w in carried if not turned_round((w,), tuple(words))}
        shared = len(words & set(asked.words)) + sum(n.value in known for n in said.numbers)
        rank = (shared, len(full & set(asked.words)))
        carried = full
        rivals = [n for n in said.numbers if n.value not in known and _one_kind(n, number)]
        if any(same_number(n, number) for n in rivals):
            here.append(rank)
        elif rivals:
            others.append(rank)
    return bool(here and others) and max(others) > max(here)


def _one_kind(one: Number, other: Number) -> bool:
    years = [1900 <= n.value <= 2100 and not n.unit and n.decimals == 0 for n in (one, other)]
    return years[0] == years[1] and one.unit == other.unit


def found_number(said: Said, number: Number) -> bool:
    """Whether a number is among those of a text, as a year of one of its dates too."""
    if any(same_number(n, number) for n in said.numbers):
        return True
    year = f"{number.value:.0f}"
    return not number.unit and any(date.startswith(f"{year}-") for date in said.dates)


def holds_dates(said: Said, wanted: Said) -> bool:
    """Whether all days and hours that are wanted are said."""
    return all(any(same_date(given, date) for given in said.dates) for date in wanted.dates)
