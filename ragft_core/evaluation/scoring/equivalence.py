"""Whether an answer says what the gold answer says, in words of its own.

Numbers, units and dates are compared by value, yes and no by their sense, lists in any order; a
denial is not what it denies. What the gold answer merely repeats from the question tells nothing
and is not asked for.

A long gold answer is a matter of degree: a logistic regression weighs how much of it is there. It
was fitted to the human labels of FinanceBench (patronus-ai/financebench, arXiv 2311.11944); what
it scores on questions that it was not fitted to is in ``docs/equivalence.md``, and
``python -m tests.benchmarks.equivalence`` measures it again.
"""

from __future__ import annotations

import math
import re
import unicodedata

from ragft_core.evaluation.scoring.content import (
    UNITS,
    Number,
    Said,
    in_the_scale_of,
    same_number,
    take_apart,
)

# "No. 5" is a number, no denial.
_NUMERO = re.compile(r"\bno\.(?=\s*\d)", re.IGNORECASE)
_NO = re.compile(r"\b(?:not|no|never|none|without|neither|nor|cannot|lacks?|nicht|kein\w*)\b|n't\b")
_NOT_NUMBER = re.compile(r"(?:\bnot|n't|\bnicht) (?:the )?([$€£]?\d[^.;\n]{0,30})")
_YES_NO = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
_NONE = re.compile(r"^\W*(?:there (?:are|is|were|was) )?(?:none|nothing|no)\W*$", re.IGNORECASE)
_PLAIN = re.compile(r"\b(yes|no)\b[,.]", re.IGNORECASE)
_OR = re.compile(r"\b(?:or|maybe|oder)\b", re.IGNORECASE)
# Scripts whose words are not parted by spaces, or carry their particles: Thai, kana, Han, Hangul.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_RANGE = re.compile(r"(\d[\d.,]*)\s*(?:to|-|–|and|until)\s*(\d[\d.,]*)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
# A gold answer that says more things than this is a long one.
LONG = 4
# From a long gold answer's features to the logarithm of the odds that people call an answer right.
INTERCEPT = -0.06
WEIGHTS = {
    "numbers": 1.51, "no_numbers": 0.52, "words": 2.35, "no_words": -1.49, "concluded": 1.13,
    "opposed": -0.28, "denied": -0.88, "crowd": -1.39,
}  # fmt: skip
# Of how many numbers an answer reckons rather than states.
MANY = 12
# Above what likelihood an answer counts as right; people doubt a wrong "right" more than a miss.
RIGHT = 0.65
# Between these two an answer is one to check by hand.
DOUBT = (0.35, 0.85)


def equivalent(answer: str, gold: str, question: str = "") -> bool:
    """Whether the answer says what the gold answer says.

    Args:
        answer: What was answered; no refusal.
        gold: An answer that is right.
        question: What was asked; its own words and numbers need not be repeated.
    """
    return likelihood(answer, gold, question) >= RIGHT


def likelihood(answer: str, gold: str, question: str = "") -> float:
    """How likely people call the answer right: 0 or 1 for a short gold answer, between for a long one."""
    answer, gold = _NUMERO.sub("#", answer), _NUMERO.sub("#", gold)
    if _UNSPACED.search(gold):
        return _bigrams_held(answer, gold)
    told = _YES_NO.match(gold)
    if take_apart(gold).size > LONG:
        weighed = features(answer, gold, question)
        score = INTERCEPT + sum(WEIGHTS[name] * value for name, value in weighed.items())
        return 1 / (1 + math.exp(-score))
    if _NONE.match(gold):
        return float(not _says_yes(answer))
    if told:
        agrees = told.group(1).lower() == "yes"
        rest = gold[told.end() :]
        said_so = _PLAIN.search(answer) is None and _same_short(answer, rest, question)
        return float(_says_yes(answer) == agrees or (take_apart(rest).size > 1 and said_so))
    return float(_same_short(answer, gold, question))


def features(answer: str, gold: str, question: str = "") -> dict[str, float]:
    """What is weighed of a long gold answer, each 0 to 1.

    Shares of its telling numbers and words that the answer holds, of its numbers that stand where
    the answer begins or ends; whether it has no numbers or words; whether answer and gold answer
    disagree about yes or no or about a denial; and how many numbers the answer offers (1 for 50).
    """
    said, wanted, asked = take_apart(answer), take_apart(gold), take_apart(question)
    numbers = _telling_numbers(wanted, question)
    words = {word for word in wanted.words if word not in UNITS.values()} - set(asked.words)
    found = [any(same_number(a, g) for a in said.numbers) for g in numbers]
    sentences = [s for s in _SENTENCE.split(answer.strip()) if s.strip()] or [""]
    ends = take_apart(_ends(answer))
    at_end = [any(same_number(a, g) for a in ends.numbers) for g in numbers]
    told = _YES_NO.match(gold)
    return {
        "numbers": sum(found) / len(found) if found else 0.0,
        "no_numbers": float(not found),
        "words": _share(words, said),
        "no_words": float(not words),
        "concluded": sum(at_end) / len(at_end) if at_end else 0.0,
        "opposed": float(
            told is not None and _says_yes(answer) != (told.group(1).lower() == "yes")
        ),
        "denied": float(bool(_NO.search(gold.lower())) != bool(_NO.search(sentences[0].lower()))),
        "crowd": min(1.0, math.log1p(len(said.numbers)) / math.log(51)) if found else 0.0,
    }


def _ends(answer: str) -> str:
    """The first sentence and the last two."""
    sentences = [s for s in _SENTENCE.split(answer.strip()) if s.strip()]
    return "\n".join([*sentences[:1], *sentences[1:][-2:]])


def _bigrams_held(answer: str, gold: str) -> float:
    """Share of the gold answer's character pairs in the answer; 1 where it stands there whole."""
    plain, wanted = (
        "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).lower()))
        for text in (answer, gold)
    )
    pairs = {wanted[place : place + 2] for place in range(max(1, len(wanted) - 1))}
    short = len(wanted) <= 2 * LONG
    return float(wanted in plain) if short else sum(pair in plain for pair in pairs) / len(pairs)


def _share(words: set[str], said: Said) -> float:
    return len(words & set(said.words)) / len(words) if words else 1.0


def _telling_numbers(wanted: Said, question: str) -> list[Number]:
    """The gold answer's numbers that the question does not hold; all, where it holds them all."""
    known = {number.value for number in take_apart(question).numbers}
    telling = [n for n in wanted.numbers if n.value not in known] or list(wanted.numbers)
    return in_the_scale_of(question, telling)


def _same_short(answer: str, gold: str, question: str) -> bool:
    said, wanted, asked = take_apart(answer), take_apart(gold), take_apart(question)
    if not wanted.size:
        return " ".join(answer.split()) == " ".join(gold.split())
    # Where an answer reckons with many numbers, what counts stands where it begins or ends.
    offered = said if len(said.numbers) <= MANY else take_apart(_ends(answer))
    telling = _telling_numbers(wanted, question)
    if not all(any(same_number(a, g) for a in offered.numbers) for g in telling):
        return False
    if not wanted.dates <= said.dates or _offers_several(answer, said, wanted):
        return False
    names = set(wanted.words)
    words = (names - set(asked.words) - set(UNITS.values())) or (
        names if not wanted.numbers else set()
    )
    if len(words & set(said.words)) < 0.8 * len(words):
        return False
    return _in_order(said, gold) and not _denies(answer, wanted, gold, question)


def _in_order(said: Said, gold: str) -> bool:
    """Whether the two ends of a range stand in the gold answer's order."""
    if not _RANGE.search(gold):
        return True
    ends = [number.value for number in take_apart(gold).numbers[:2]]
    places = [[n.value for n in said.numbers].index(end) for end in ends if _has(said, end)]
    return places == sorted(places)


def _has(said: Said, value: float) -> bool:
    return any(number.value == value for number in said.numbers)


def _offers_several(answer: str, said: Said, wanted: Said) -> bool:
    """Whether a short answer offers something else besides, with an "or" between."""
    parts = [take_apart(part) for part in _OR.split(answer)]
    if len(parts) == 1 or said.size > 3 * wanted.size + 2:
        return False
    if wanted.numbers:
        return any(not any(same_number(n, g) for g in wanted.numbers) for n in said.numbers)
    return any(part.words and not set(wanted.words) & set(part.words) for part in parts)


def _denies(answer: str, wanted: Said, gold: str, question: str) -> bool:
    """Whether the answer's sentence with the gold answer's words says that it is not so."""
    if _NO.search(question.lower()):
        return False
    if _NO.search(gold.lower()):
        return not _NO.search(answer.lower())  # says that it is so, where it is not
    names = set(wanted.words)
    if not names:
        return any(
            take_apart(after[1]).numbers and same_number(take_apart(after[1]).numbers[0], number)
            for number in wanted.numbers
            for after in _NOT_NUMBER.finditer(answer.lower())
        )
    for sentence in _SENTENCE.split(answer):
        if not names & set(take_apart(sentence).words):
            continue
        negated = _NO.search(sentence.lower())
        if negated is None:
            return False
        after = set(take_apart(sentence[negated.end() :]).words[:4])
        if not names & after:
            return False
    return bool(_NO.search(answer.lower()))


def _says_yes(answer: str) -> bool:
    """Whether an answer agrees: by its first word, or by its first sentence's lack of a denial."""
    told = _YES_NO.match(answer)
    if told:
        return told.group(1).lower() == "yes"
    plain = _PLAIN.search(answer)
    if plain:
        return plain.group(1).lower() == "yes"
    return not _NO.search(_SENTENCE.split(answer.strip())[0].lower())
