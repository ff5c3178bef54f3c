"""Tests that a generated question must pass, each cheap enough to run on every candidate.

Nothing here needs a model. ``form_fault`` looks at a question alone, ``Wordings`` at those kept so
far, and the overlap measures compare two answers the way reading benchmarks do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ragft_core.overlap import normalise

_ARTICLES = {"a", "an", "the"}
# Only such a question can be answered by a span; yes and no stand in no text.
_ASKS = re.compile(r"\b(?:what|which|who|whom|whose|when|where|why|how)\b")
_STOP_WORDS = _ARTICLES | {
    *("of", "to", "in", "on", "at", "for", "from", "by", "with", "and", "or", "is", "are", "was"),
    *("were", "be", "been", "do", "does", "did", "can", "may", "must", "will", "would", "has"),
    *("have", "had", "it", "its", "that", "there", "what", "which", "who", "when", "where", "why"),
    *("how", "many", "much", "long", "often", "kind", "type", "name", "called", "used", "as"),
}
# Words that point at something outside the question, which a person asking would have to name.
_POINTERS = re.compile(
    r"\b(?:(?:this|these|those|the (?:above|following|given|same)) "
    r"(?:document|passage|text|section|article|paragraph|page|table|list|sentence|chapter)s?"
    r"|the (?:document|passage|text|paragraph|author|excerpt|sentence)|according to (?:it|this|them))\b"
)
_PRONOUN_SUBJECT = re.compile(
    r"\b(?:do|does|did|is|are|was|were|can|could|may|must|should|will|would|has|have|had|for|of|to|by"
    r"|in|on|with|from|that) (?!it (?:take|cost)\b)(?:it|they|he|she|this|these|those|them|him|her|its|their|his)\b"
)
SHORTEST_QUESTION = 4
LONGEST_QUESTION = 30
NEAR_DUPLICATE = 0.8


def words_of(text: str) -> list[str]:
    """The words of a text without case, punctuation and articles."""
    return normalise(text).split()


def mentions(text: str, answer: str) -> bool:
    """Whether the answer's words stand in the text, next to each other and in their order."""
    words, wanted = words_of(text), words_of(answer)
    spans = range(len(words) - len(wanted) + 1)
    return bool(wanted) and any(words[i : i + len(wanted)] == wanted for i in spans)


def tidy_question(text: str) -> str:
    """The first line of what the writer said, without quotes and numbering around it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^(?:question\s*:|q\s*:|\d+[.)])\s*", "", line, flags=re.IGNORECASE)
    line = line.strip("\"'“”` ")
    return line[:1].upper() + line[1:]


def asks_in_english(question: str) -> bool:
    """Whether a question has an English word of asking."""
    return bool(_ASKS.search(question.lower()))


def form_fault(question: str, answer: str) -> str | None:
    """Why a question cannot be used whatever its answer; None where its form is right.

    Returns:
        One of the keys of ``roundtrip.REASONS``.
    """
    words = question.split()
    lowered = question.lower()
    if not question.endswith("?") or question.count("?") > 1:
        return "not a question"
    if not SHORTEST_QUESTION <= len(words) <= LONGEST_QUESTION:
        return "length"
    if not _ASKS.search(lowered):
        return "not a question"
    if _leaks(question, answer):
        return "answer in question"
    if _POINTERS.search(lowered) or not telling_words(question):
        return "vague"
    if _PRONOUN_SUBJECT.search(lowered) and len(telling_words(question)) < 4:
        return "vague"
    if _repeats(words):
        return "not a question"
    return None


def telling_words(text: str) -> set[str]:
    """What a question is about: its words without articles, auxiliaries and the words of asking."""
    return {word for word in words_of(text) if word not in _STOP_WORDS}


def _leaks(question: str, answer: str) -> bool:
    if mentions(question, answer):
        return True
    wanted = telling_words(answer)
    numbers = {word for word in wanted if any(c.isdigit() for c in word)}
    asked = telling_words(question)
    if numbers:
        return bool(numbers & asked)
    return len(wanted) > 1 and len(wanted & asked) / len(wanted) > 0.6


def _repeats(words: list[str]) -> bool:
    """Whether a word that means something occurs twice, as when a small model gets stuck."""
    said = [word for word in words_of(" ".join(words)) if word not in _STOP_WORDS]
    return len(set(said)) < len(said)


def similarity(left: str, right: str) -> float:
    """How alike two questions are, 0 to 1: Jaccard overlap of their words and word pairs."""
    one, other = _features(left), _features(right)
    return len(one & other) / len(one | other) if one | other else 1.0


def _features(question: str) -> set[tuple[str, ...]]:
    words = words_of(question)
    return {(word,) for word in words} | set(zip(words, words[1:], strict=False))


class Wordings:
    """The questions kept so far, which a new one must differ from."""

    def __init__(self, questions: Iterable[str] = ()) -> None:
        self._kept = [_features(question) for question in questions]

    def repeats(self, question: str) -> bool:
        """Whether the question says nearly the same as one kept before."""
        new = _features(question)
        return any(len(new & old) >= NEAR_DUPLICATE * len(new | old) for old in self._kept)

    def add(self, question: str) -> None:
        """Counts a question among the kept ones."""
        self._kept.append(_features(question))
