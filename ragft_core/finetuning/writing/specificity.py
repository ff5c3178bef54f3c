"""Whether a question names enough to be about one document, and about one fact in it.

"How much does the kiln weigh?" has an answer in its passage and makes no sense outside it when
there are four kilns. Such a question fits the passages of other documents as well as its own, which
BM25 shows without a model. "What is the price of the item?" fits every row of its price list, which
shows when all that it shares with its own row stands in another row with another price.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from ragft_core.finetuning.writing.filters import telling_words
from ragft_core.finetuning.writing.spans import Span, find_spans
from ragft_core.overlap import normalise, stem

_K1, _B = 1.2, 0.75  # the usual constants of BM25
_FACTS_PER_PASSAGE = 40


def stems(text: str) -> set[str]:
    """The words that carry meaning, without their endings."""
    return {stem(word) for word in telling_words(text)}


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
        words = stems(question)
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


class Facts:
    """What the passages could be asked about, each fact with the words that it can be found by.

    Args:
        passages: Title and text of each.
    """

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self._by_kind: dict[str, list[tuple[Span, set[str]]]] = defaultdict(list)
        for title, text in passages:
            for span in find_spans(text, _FACTS_PER_PASSAGE):
                self._by_kind[span.kind].append((span, stems(f"{title} {span.sentence}")))

    def ambiguous(self, question: str, title: str, span: Span) -> bool:
        """Whether the words that lead to this fact lead to one with another answer as well."""
        shared = stems(question) & stems(f"{title} {span.sentence}")
        return any(
            shared <= words and other.sentence != span.sentence and _rivals(other, span)
            for other, words in self._by_kind[span.kind]
        )


def _rivals(one: Span, other: Span) -> bool:
    """Whether two spans of a kind could answer the same question, and differently."""
    left, right = normalise(one.text).split(), normalise(other.text).split()
    unit, other_unit = ([stem(word) for word in words[-1:]] for words in (left, right))
    return left != right and (one.kind != "quantity" or unit == other_unit)
