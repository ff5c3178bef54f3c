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
from collections.abc import Mapping
from dataclasses import dataclass

from ragft_core.evaluation.equivalence.bounds import (
    another_rate,
    crosses_the_bound,
    with_plain_bounds,
)
from ragft_core.evaluation.equivalence.content import (
    Number,
    Said,
    in_the_scale_of,
    same_number,
    take_apart,
)
from ragft_core.evaluation.equivalence.frequency import said_alike
from ragft_core.evaluation.equivalence.senses import (
    SENTENCE,
    YES_NO,
    belongs_elsewhere,
    denied,
    denies,
    first_sentence,
    found_number,
    holds_dates,
    in_order,
    is_polar,
    misses_an_item,
    offers_several,
    only_compared_with,
    says_yes,
    told,
    turned_by_a_small_word,
    turned_round,
    without_numero,
)
from ragft_core.evaluation.equivalence.unspaced import held_unspaced, is_unspaced
from ragft_core.evaluation.equivalence.vocabulary import TITLES, UNITS
from ragft_core.overlap import STOP_WORDS

_NONE = re.compile(
    r"^\W*(?:there (?:are|is|were|was) )?(?:none|nothing|no|0|zero|nobody|no one|kein\w*|nichts|aucun\w*|ninguno)\W*$",
    re.IGNORECASE,
)
_ZERO = re.compile(r"\b(?:0|zero|none|nothing|nobody|no one|nil)\b(?![.,]\d)", re.IGNORECASE)
_BARE_NO = re.compile(r"\bno (?!later|earlier|more|less)\w+", re.IGNORECASE)
_NAME = re.compile(r"^(?:[^\W\d_][\w.'-]* ){1,3}[^\W\d_][\w'-]*$")
# An order number or a part's name: letters and figures, with signs between that may be left out.
_CODE = re.compile(r"^(?=\S*[A-Za-z])(?=\S*\d)[A-Za-z0-9]+(?:[-/._][A-Za-z0-9]+)+$")
_INITIALS = re.compile(r"\b[A-Z]{2,6}\b")
# A gold answer that says more things than this is a long one.
LONG = 4
# Of how many numbers an answer reckons rather than states.
MANY = 12
# Above what likelihood an answer counts as right; people doubt a wrong "right" more than a miss.
RIGHT = 0.6
# Between these two an answer is one to check by hand.
DOUBT = (0.35, 0.85)
# Up to this many times a gold answer's length, an answer that says the opposite of a word of it
# is no more than doubtful; a longer one has room for both.
BRIEF = 3
DOUBTFUL = 0.5
# From what cosine on prose in other words is one to check by hand, and from what it counts as said.
NEAR = 0.6
ONE = 0.8
ALIKE = 0.7


@dataclass(frozen=True)
class Weighing:
    """From a long gold answer's features to the logarithm of the odds that people call an answer right."""

    intercept: float
    weights: Mapping[str, float]

    def likelihood(self, features: Mapping[str, float]) -> float:
        """Between 0 and 1."""
        score = self.intercept + sum(self.weights[name] * features[name] for name in self.weights)
        return 1 / (1 + math.exp(-score))


# Fitted by ``python -m tests.benchmarks.equivalence FILE ... --fit all``.
BY_RULES = Weighing(-0.97, {
    "numbers": 1.57, "no_numbers": 0.49, "words": 3.32, "no_words": -1.89, "concluded": 0.93,
    "opposed": -0.28, "denied": -1.0, "crowd": -1.41,
})  # fmt: skip
BY_MEANING = Weighing(-4.2, {
    "numbers": 1.6, "no_numbers": 1.07, "words": 2.12, "no_words": -1.13, "concluded": 0.43,
    "opposed": -0.25, "denied": -0.78, "crowd": -1.02, "meaning": 5.75,
})  # fmt: skip


def equivalent(answer: str, gold: str, question: str = "", meaning: float | None = None) -> bool:
    """Whether the answer says what the gold answer says.

    Args:
        answer: What was answered; no refusal.
        gold: An answer that is right.
        question: What was asked; its own words and numbers need not be repeated.
        meaning: The cosine of answer and gold answer by the bundled embedder, where it is known.
    """
    return likelihood(answer, gold, question, meaning) >= RIGHT


def likelihood(answer: str, gold: str, question: str = "", meaning: float | None = None) -> float:
    """How likely people call the answer right: 0 or 1 for a short gold answer, between for a long one.

    Args: as ``equivalent``.
    """
    answer, gold = (without_numero(with_plain_bounds(text)) for text in (answer, gold))
    answer = said_alike(answer, gold)
    if is_unspaced(gold):
        return held_unspaced(answer, gold, question)
    if is_long(gold):
        return _by_degrees(answer, gold, question, meaning)
    if _short_right(answer, gold, question):
        return 1.0
    if meaning is None or meaning < NEAR or not _is_prose(gold) or told(gold) is not None:
        return 0.0
    in_other_words = _same_short(answer, gold, question, by_words=False)
    return (ALIKE if meaning >= ONE else DOUBTFUL) if in_other_words else 0.0


def _by_degrees(answer: str, gold: str, question: str, meaning: float | None) -> float:
    weighed = features(answer, gold, question)
    if weighed["no_words"] and not weighed["no_numbers"] and not weighed["numbers"]:
        return 0.0  # all that was asked for is a number, and it is another one
    if meaning is None:
        likely = BY_RULES.likelihood(weighed)
    else:
        likely = BY_MEANING.likelihood(weighed | {"meaning": meaning})
    said, wanted = take_apart(answer), take_apart(gold)
    brief = said.size <= BRIEF * wanted.size
    doubted = brief and turned_round(said.words, wanted.words) or misses_an_item(said, gold)
    return min(likely, DOUBTFUL) if doubted else likely


def _short_right(answer: str, gold: str, question: str) -> bool:
    agrees = told(gold)
    if _NONE.match(gold):
        return _none_of_it(answer, gold, question)
    if agrees is None:
        bare = told(answer) is not None and not take_apart(YES_NO.sub("", answer)).size
        if bare and is_polar(question):
            return told(answer) == says_yes(gold, question)
        return _same_short(answer, gold, question)
    rest = YES_NO.sub("", gold)
    said_so = told(answer) is None and _same_short(answer, rest, question)
    return says_yes(answer, question) == agrees or (take_apart(rest).size > 1 and said_so)


def _is_prose(gold: str) -> bool:
    """Whether a short gold answer could be said in other words: several, and no names."""
    return len(take_apart(gold).words) > 1 and gold[1:] == gold[1:].lower()


def is_long(gold: str) -> bool:
    """Whether a gold answer says so much that an answer holds it by degrees."""
    return take_apart(gold).size > LONG and not is_unspaced(gold)


def _none_of_it(answer: str, gold: str, question: str) -> bool:
    """Whether the answer says no, none or zero."""
    if take_apart(gold).numbers:
        if _same_short(answer, gold, question):
            return True
        return bool(_BARE_NO.search(first_sentence(answer)))
    return not says_yes(answer, question) or bool(_ZERO.search(first_sentence(answer)))


def features(answer: str, gold: str, question: str = "") -> dict[str, float]:
    """What is weighed of a long gold answer, each 0 to 1.

    Shares of its telling numbers and words that the answer holds, of its numbers that stand where
    the answer begins or ends; whether it has no numbers or words; whether answer and gold answer
    disagree about yes or no or about a denial; and how many numbers the answer offers (1 for 50).
    """
    said, wanted, asked = take_apart(answer), take_apart(gold), take_apart(question)
    numbers = _telling_numbers(wanted, question)
    words = {word for word in wanted.words if word not in UNITS.values()} - set(asked.words)
    found = [found_number(said, g) for g in numbers]
    ends = take_apart(_ends(answer))
    at_end = [any(same_number(a, g) for a in ends.numbers) for g in numbers]
    agrees = told(gold)
    return {
        "numbers": sum(found) / len(found) if found else 0.0,
        "no_numbers": float(not found),
        "words": _share(words, said),
        "no_words": float(not words),
        "concluded": sum(at_end) / len(at_end) if at_end else 0.0,
        "opposed": float(agrees is not None and says_yes(answer, question) != agrees),
        "denied": float(denied(first_sentence(gold)) != denied(first_sentence(answer))),
        "crowd": min(1.0, math.log1p(len(said.numbers)) / math.log(51)) if found else 0.0,
    }


def _ends(answer: str) -> str:
    """The first sentence and the last two."""
    sentences = [s for s in SENTENCE.split(answer.strip()) if s.strip()]
    return "\n".join([*sentences[:1], *sentences[1:][-2:]])


def _share(words: set[str], said: Said) -> float:
    return len(words & set(said.words)) / len(words) if words else 1.0


def _telling_numbers(wanted: Said, question: str) -> list[Number]:
    """The gold answer's numbers that the question does not hold; all, where it holds them all."""
    known = {number.value for number in take_apart(question).numbers}
    telling = [n for n in wanted.numbers if n.value not in known] or list(wanted.numbers)
    return in_the_scale_of(question, telling)


def _same_short(answer: str, gold: str, question: str, *, by_words: bool = True) -> bool:
    """Whether an answer holds what a short gold answer says; without ``by_words`` all but its words."""
    said, wanted = take_apart(answer), take_apart(gold)
    if not wanted.size:
        return " ".join(answer.split()) == " ".join(gold.split())
    if (
        _CODE.match(gold)
        and _squeezed(gold) in map(_squeezed, answer.split())
        and not denied(answer)
    ):
        return True
    # Where an answer reckons with many numbers, what counts stands where it begins or ends.
    offered = said if len(said.numbers) <= MANY else take_apart(_ends(answer))
    telling = _telling_numbers(wanted, question)
    if not all(found_number(offered, g) for g in telling):
        return False
    if not holds_dates(said, wanted) or offers_several(answer, said, wanted):
        return False
    if by_words and not (_holds_words(answer, gold, question) or _same_name(answer, gold)):
        return False
    if turned_round(said.words, wanted.words) and not set(wanted.words) <= set(said.words):
        return False
    brief = said.size <= LONG + BRIEF * wanted.size
    if brief and (
        turned_by_a_small_word(answer, gold) or crosses_the_bound(answer, gold, question)
    ):
        return False
    if only_compared_with(answer, wanted) or another_rate(answer, gold, question):
        return False
    if brief and turned_round(said.words, take_apart(question).words):
        return False  # who lost, where who won was asked
    if belongs_elsewhere(answer, wanted, question):
        return False
    return in_order(said, gold) and not denies(answer, wanted, gold, question)


def _holds_words(answer: str, gold: str, question: str) -> bool:
    said, wanted, asked = take_apart(answer), take_apart(gold), take_apart(question)
    names = set(wanted.words)
    words = (names - set(asked.words) - set(UNITS.values())) or (
        names if not wanted.numbers and not wanted.dates else set()
    )
    # Whose number is there needs fewer of the words around it.
    enough = 0.6 if len(words) > 2 and _telling_numbers(wanted, question) else 0.8
    return len(words & set(said.words)) >= enough * len(words)


def _same_name(answer: str, gold: str) -> bool:
    """Whether a name's last part stands for it with no other first name before, or its initials do."""
    words = [word for word in gold.split() if word[0].isalpha() and word.lower() not in STOP_WORDS]
    letters = "".join(word[0] for word in words).upper()
    spoken = "".join(word[0] for word in answer.split() if word[0].isalpha()).upper()
    if len(letters) > 1 and letters in _INITIALS.findall(answer):
        return True
    if gold.isupper() and gold.isalpha() and len(gold) > 1 and gold in spoken:
        return True
    if not (_NAME.match(gold) and all(part[0].isupper() for part in gold.split())):
        return False
    *first, last = gold.split()
    before = re.search(rf"(?:([\w.'-]+) )?\b{re.escape(last)}\b", answer)
    if before is None:
        return False
    # At an answer's beginning any word has a capital: only a name before the name is another's.
    other = before[1] or ""
    return not other[:1].isupper() or other in first or other.rstrip(".").lower() in TITLES


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
