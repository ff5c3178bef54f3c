"""Whether a question names enough to be about its own document: a word search over all passages.

"How much does the kiln weigh?" has an answer in its passage and makes no sense outside it when
there are four kilns. Such a question fits the passages of other documents as well as its own, which
BM25 shows without a model.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from ragft_core.finetuning.filters import content_words
from ragft_core.overlap import normalise

_K1, _B = 1.2, 0.75  # the usual constants of BM25
_PLURAL = re.compile(r"(?<=\w{3})s$")
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|e+)$")


def stem(word: str) -> str:
    """A word without its commonest English endings; crude, and the same for both sides."""
    return _ENDING.sub("", _PLURAL.sub("", word))


class Corpus:
    """All passages as bags of words.

    Args:
        passages: Document id and text (with its title) of each.
    """

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self._documents = [document for document, _ in passages]
        self._bags = [Counter(map(stem, normalise(text).split())) for _, text in passages]
        self._lengths = [sum(bag.values()) for bag in self._bags]
        self._mean = sum(self._lengths) / max(1, len(self._lengths))
        self._spread = Counter(word for bag in self._bags for word in bag)

    def points_at(self, question: str, document_id: str) -> bool:
        """Whether no other document has a passage that fits the question's words better."""
        words = {stem(word) for word in content_words(question)}
        best: dict[str, float] = {}
        for number, document in enumerate(self._documents):
            best[document] = max(best.get(document, 0.0), self._score(words, number))
        own = best.pop(document_id, 0.0)
        return own > 0 and own >= max(best.values(), default=0.0)

    def _score(self, words: set[str], number: int) -> float:
        bag, n = self._bags[number], len(self._bags)
        norm = _K1 * (1 - _B + _B * self._lengths[number] / self._mean)
        score = 0.0
        for word in words & bag.keys():
            rarity = math.log(1 + (n - self._spread[word] + 0.5) / (self._spread[word] + 0.5))
            score += rarity * bag[word] * (_K1 + 1) / (bag[word] + norm)
        return score
