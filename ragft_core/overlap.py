"""What two texts have in common: words, numbers, answers, and whether one supports the other.

Normalisation, exact match and token F1 are SQuAD's (Rajpurkar et al. 2016, arXiv 1606.05250).
``support`` is the faithfulness of an answer to its passages, one measure for citations in Chat and
for the score of an evaluation; ``holding`` finds the passage that holds an answer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
# English words that carry no content, for counting what an answer shares with a passage.
STOP_WORDS = frozenset(
    "a about after all also am an and any are as at be been before but by can could did do does "
    "for from had has have he her his how i if in into is it its may more most no not of on one "
    "only or other our over she should so some such than that the their them then there these "
    "they this to under up was we were what when where which while who will with would yes you "
    "your".split()
)
# Share of a wanted text's words that a passage must have to hold it.
HELD = 0.8
_WORDS = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+\u2212](?=\d))?"
    r"(?P<digits>\d{1,3}(?:[,\u202f\u00a0']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:(?:\s*(?P<scale>thousand|million|billion|bn)|(?P<short>[kKM]))(?!\w))?"
)
_SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9}
_PLURAL = re.compile(r"(?<=\w{3})s$")
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|e+)$")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces."""
    text = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def as_spelled(text: str) -> str:
    """Lower case, single spaces, no closing punctuation; signs stay: -1 is not 1, C++ not C."""
    return " ".join(text.lower().split()).rstrip(".?!,;: ")


def exact_match(answer: str, gold: str) -> float:
    """1 where both are the same after normalisation, else 0."""
    return float(normalise(answer) == normalise(gold))


def token_f1(answer: str, gold: str) -> float:
    """Harmonic mean of token precision and recall after normalisation, 0 to 1."""
    given, wanted = normalise(answer).split(), normalise(gold).split()
    if not given or not wanted:
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits, in order."""
    return _WORDS.findall(text.lower())


def content_words(text: str) -> list[str]:
    """The words that carry meaning: no stop words, nothing shorter than two characters."""
    return [word for word in words(text) if word not in STOP_WORDS and len(word) > 1]


def stem(word: str) -> str:
    """A word without its commonest English endings; crude, and the same for both sides."""
    return _ENDING.sub("", _PLURAL.sub("", word))


def numbers(text: str) -> list[float]:
    """The numbers in a text; ``1,200``, ``1.2 thousand`` and ``1.2k`` are the same one."""
    return [_value(match) for match in _NUMBER.finditer(text)]


def with_plain_numbers(text: str) -> str:
    """The text with one spelling of every number: ``3.5 million`` becomes ``3500000``."""
    return _NUMBER.sub(lambda match: f" {_spell(_value(match))} ", text)


def _value(match: re.Match[str]) -> float:
    digits = re.sub("[,'\u202f\u00a0]", "", match["digits"])
    value = float(digits) * _SCALES.get((match["scale"] or match["short"] or "").lower(), 1.0)
    return -value if match["sign"] in ("-", "\u2212") else value


def _spell(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def support(answer: str, passages: Sequence[str]) -> float | None:
    """Share of the answer's content words and numbers that its passages hold, 0 to 1.

    Numbers count by value, words by spelling. None for an answer without either.
    """
    text = "\n".join(passages)
    known, values = set(words(text)), set(numbers(text))
    found = [value in values for value in numbers(answer)]
    found += [word in known for word in content_words(answer) if not word[0].isdigit()]
    return sum(found) / len(found) if found else None


def holding(passages: Sequence[str], wanted: str) -> int | None:
    """Index of the first passage that holds a text in one piece; None where none does."""
    needle = one_line(wanted)
    found = (place for place, text in enumerate(passages) if needle in one_line(text))
    return next(found, None) if needle else None


def holds_most(passage: str, wanted: str) -> bool:
    """Whether a passage has most of a text's words, as when it was cut at a chunk's end."""
    asked = set(words(wanted))
    return not asked or len(asked & set(words(passage))) >= HELD * len(asked)


def one_line(text: str) -> str:
    """Lower case, single spaces."""
    return " ".join(text.lower().split())
