"""The formulas: pure functions from texts and ranks to numbers between 0 and 1, unless said.

Where a well-kept library computes a score it is called (sacrebleu, jiwer); the rest is short, and
tested against an independent implementation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from ragft_core.evaluation.text import plain_tokens
from ragft_core.overlap import numbers, words


def best(measure: Callable[[str, str], float], answer: str, golds: Sequence[str]) -> float:
    """The score against the gold answer that fits best."""
    return max(measure(answer, gold) for gold in golds)


def gold_recall(answer: str, gold: str) -> float:
    """Share of the gold answer's tokens that the answer holds; length costs nothing.

    Against human labels it separates right from wrong answers better than F1 (AUROC .75 against
    .67 on 2,400 FinanceBench answers), because it does not punish a full sentence.
    """
    wanted = Counter(plain_tokens(gold))
    if not wanted:
        return float(not plain_tokens(answer))
    common = Counter(plain_tokens(answer)) & wanted
    return sum(common.values()) / sum(wanted.values())


def contains(answer: str, gold: str) -> float:
    """1 where the gold answer's tokens stand in the answer in one piece."""
    given, wanted = plain_tokens(answer), plain_tokens(gold)
    width = len(wanted)
    if not width:
        return float(not given)
    return float(any(given[i : i + width] == wanted for i in range(len(given) - width + 1)))


def numeric_agreement(answer: str, gold: str, tolerance: float = 0.01) -> float:
    """1 where every number of the gold answer is in the answer, within a relative tolerance.

    Whole numbers from 1500 to 2100 must agree exactly: a year off by twenty is not within 1 %.
    """
    given = numbers(answer)
    return float(all(any(_agree(a, g, tolerance) for a in given) for g in numbers(gold)))


def _agree(value: float, gold: float, tolerance: float) -> bool:
    if gold == int(gold) and 1500 <= gold <= 2100:
        return value == gold
    return abs(value - gold) <= tolerance * abs(gold)


def rouge_l(answer: str, gold: str) -> float:
    """F measure of the longest common subsequence of words (Lin 2004), without stemming."""
    given, wanted = words(answer), words(gold)
    if not given or not wanted:
        return float(given == wanted)
    common = longest_common(given, wanted)
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, in O(len(left) * len(right))."""
    row = [0] * (len(right) + 1)
    for item in left:
        diagonal = 0
        for column, other in enumerate(right, start=1):
            above = row[column]
            row[column] = diagonal + 1 if item == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]


def chrf(answer: str, gold: str) -> float:
    """Character n-gram F score (Popović 2015), from sacrebleu, as a share."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().sentence_score(answer, [gold]).score) / 100


def word_error_rate(answer: str, gold: str) -> float:
    """Substituted, deleted and inserted words per gold word, from jiwer; may exceed 1."""
    import jiwer

    given, wanted = " ".join(words(answer)), " ".join(words(gold))
    if not wanted:
        return float(bool(given))
    return float(jiwer.wer(wanted, given))


def hit(relevance: Sequence[bool]) -> float:
    """1 where any of the passages found is relevant. ``relevance`` is in rank order."""
    return float(any(relevance))


def recall_at_k(relevance: Sequence[bool], relevant: int) -> float:
    """Share of the ``relevant`` items that exist which were found."""
    return sum(relevance) / relevant


def reciprocal_rank(relevance: Sequence[bool]) -> float:
    """1 divided by the rank of the first relevant passage; 0 where there is none."""
    return next((1 / rank for rank, right in enumerate(relevance, start=1) if right), 0.0)


def ndcg(relevance: Sequence[bool], relevant: int) -> float:
    """Discounted gain over the best possible one (Järvelin and Kekäläinen 2002, log2)."""
    gain = sum(1 / math.log2(rank + 1) for rank, right in enumerate(relevance, 1) if right)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(relevant, len(relevance)) + 1))
    return gain / ideal if ideal else 0.0


def distinct(texts: Sequence[str], n: int = 2) -> float | None:
    """Unique n-grams over all n-grams of the texts (Li et al. 2016); None without any."""
    grams: list[tuple[str, ...]] = []
    for text in texts:
        tokens = words(text)
        grams += [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def self_bleu(texts: Sequence[str]) -> float | None:
    """Mean BLEU of each text against the others (Zhu et al. 2018), from sacrebleu, as a share.

    1 means that all samples are the same. None for fewer than two texts.
    """
    from sacrebleu.metrics import BLEU

    if len(texts) < 2:
        return None
    bleu = BLEU(effective_order=True)
    scores = [
        bleu.sentence_score(text, [*texts[:place], *texts[place + 1 :]]).score
        for place, text in enumerate(texts)
    ]
    return float(sum(scores) / len(scores)) / 100
