"""How texts are made comparable before anything is counted: words, numbers, refusals."""

from __future__ import annotations

import re
import string

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import STOP_WORDS, normalise

_WORDS = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+\u2212](?=\d))?"
    r"(?P<digits>\d{1,3}(?:[,\u202f\u00a0']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:(?:\s*(?P<scale>thousand|million|billion|bn)|(?P<short>[kKM]))(?!\w))?"
)
_SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9}

# Ways of saying "I cannot tell", besides the sentence that the prompt asks for. Each is looked
# for in the first sentence only: a refusal opens an answer, an aside further down is none.
_REFUSALS = re.compile(
    r"(documents?|passages?|text|context|information|sources?) (provided )?"
    r"(do|does|did)(n.t| not) (say|mention|state|contain|provide|specify|include|hold|give)"
    r"|\bnot (mentioned|stated|specified|answerable)\b"
    r"|\bnot (provided|given|found|available|known) (in|from|by) (the|these|those|any) "
    r"(documents?|passages?|text|context|sources?)"
    r"|\b(i|we) (do(n.t| not) know|can(not|.t| not) (answer|say|tell|find|determine))"
    r"|\b(no|not enough|insufficient) (answer|information)\b"
    r"|\b(unanswerable|there is no (answer|information|mention))\b"
    r"|^\W*(unknown|n/?a|none)\W*$",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits, in order."""
    return _WORDS.findall(text.lower())


def content_words(text: str) -> list[str]:
    """The words that carry meaning: no stop words, nothing shorter than two characters."""
    return [word for word in words(text) if word not in STOP_WORDS and len(word) > 1]


def numbers(text: str) -> list[float]:
    """The numbers in a text; ``1,200``, ``1.2 thousand`` and ``1.2k`` are the same one."""
    return [_value(match) for match in _NUMBER.finditer(text)]


def plain_tokens(text: str) -> list[str]:
    """Normalised tokens in which a number has one spelling: ``3.5 million`` is ``3500000``."""
    spelled = _NUMBER.sub(lambda match: f" {_spell(_value(match))} ", text)
    tokens = (token.strip(string.punctuation) for token in spelled.lower().split())
    return [token for token in tokens if token and token not in ("a", "an", "the")]


def is_abstention(text: str) -> bool:
    """Whether an answer declines to answer: the agreed sentence, or a usual refusal."""
    if normalise(ABSTENTION) in normalise(text):
        return True
    first = re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=1)[0]
    return not text.strip() or bool(_REFUSALS.search(first))


def _value(match: re.Match[str]) -> float:
    digits = re.sub("[,'\u202f\u00a0]", "", match["digits"])
    value = float(digits) * _SCALES.get((match["scale"] or match["short"] or "").lower(), 1.0)
    return -value if match["sign"] in ("-", "\u2212") else value


def _spell(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
