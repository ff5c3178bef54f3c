"""Tests of paired differences, their correction for several pairs, and what they can find."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragft_core.evaluation.statistics.bootstrap import (
    CONFIDENCE,
    Clusters,
    Floats,
    Ints,
    by_cluster,
)
from ragft_core.evaluation.statistics.looks import at_one_look

FLIPS = 10_000
# A winner may be declared by content and by wording, so each of the two is held to half of 5 %.
LEVEL = 0.025
# How often a lead of the size that is called detectable names the winner.
POWER = 0.8


def mcnemar(wins: int, losses: int) -> float:
    """The exact two-sided p value of McNemar's test for this many flips either way."""
    from scipy import special

    flips = wins + losses
    return min(1.0, 2 * float(special.bdtr(min(wins, losses), flips, 0.5))) if flips else 1.0


def permutation(gaps: Floats, clusters: Clusters, *, seed: int = 0) -> list[float]:
    """Two-sided p values of the mean paired differences, flipping signs cluster by cluster.

    All sign patterns are tried for up to 12 clusters, else ``FLIPS`` random ones, counting the
    observed pattern among them.

    Args:
        gaps: (pairs, questions), NaN where one of the two was not scored.
        clusters: The group of each question.
        seed: Of the random patterns.
    """
    sums = by_cluster(np.nan_to_num(gaps), clusters)
    exact = clusters.n <= 12
    patterns = _sign_patterns(clusters.n, exact, seed)
    flipped = np.abs(sums @ patterns.astype(np.float64).T)
    observed = np.abs(sums.sum(axis=1, keepdims=True))
    extreme = (flipped >= observed - 1e-9).sum(axis=1)
    if exact:
        return [float(count / len(patterns)) for count in extreme]
    return [float((count + 1) / (FLIPS + 1)) for count in extreme]


@functools.lru_cache(maxsize=16)
def _sign_patterns(n: int, exact: bool, seed: int) -> NDArray[np.int8]:
    """Rows of -1 and 1, one sign per cluster: all there are, or ``FLIPS`` random ones."""
    if exact:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    else:
        bits = np.random.default_rng(seed).integers(0, 2, (FLIPS, n))
    return (2 * bits - 1).astype(np.int8)


def few_documents(
    gaps: Floats, documents: Ints, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Whether a mean difference holds across a few documents: p, and its interval.

    The cluster-robust variance with Student's t at one degree of freedom less than there are
    documents (Cameron and Miller 2015, section VI); with questions spread evenly this is the t test
    of the documents' means. With one document nothing can be said of others: p is 0, and the
    interval is the mean alone.

    Args:
        gaps: A difference a question, none of them NaN.
        documents: The document of each, as an index.
        confidence: How often such intervals should hold the truth.
    """
    from scipy import special

    mean, n = float(gaps.mean()), len(gaps)
    k = len(np.unique(documents))
    if k < 2:
        return 0.0, mean, mean
    sums = np.bincount(documents, weights=gaps - mean)
    error = math.sqrt(k / (k - 1) * float((sums**2).sum())) / n
    if error == 0:
        return (0.0 if mean else 1.0), mean, mean
    p = 2 * float(special.stdtr(k - 1, -abs(mean) / error))
    reach = float(special.stdtrit(k - 1, 0.5 + confidence / 2)) * error
    return p, mean - reach, mean + reach


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction (1979): p values that may be compared with the level as they are."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    corrected = [0.0] * len(ps)
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = running
    return corrected


@functools.lru_cache(maxsize=64)
def power_factor(arms: int = 2, *, sequential: bool = False) -> float:
    """How many standard errors an arm must lead every other by to be named winner in 80 %.

    The others are taken to be equal, which is the hardest case (Bechhofer 1954): with a shared
    leader the leads are correlated by a half, and all must pass the level that Holm's correction
    asks of the smallest p value. For two arms it is 3.08 (at a level of 5 % it would be the usual
    2.8). With planned looks it is what the last one asks, so that the true need is a little less.
    """
    from scipy import special

    level = LEVEL / math.comb(max(arms, 2), 2)
    asked = -float(special.ndtri((at_one_look(level) if sequential else level) / 2))
    return asked + _bechhofer(max(arms, 2) - 1) / math.sqrt(2)


def _bechhofer(others: int) -> float:
    """The h for which a standard normal and h together exceed ``others`` more in 80 %."""
    from scipy import special

    x, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    low, high = 0.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        reached = float(weights @ special.ndtr(x + middle) ** others)
        low, high = (middle, high) if reached < POWER else (low, middle)
    return high


def detectable(
    n: int, disagreement: float = 0.3, arms: int = 2, *, sequential: bool = False
) -> float:
    """The smallest lead over every other arm that ``n`` paired questions name four times in five.

    Args:
        n: How many questions.
        disagreement: Share of the questions on which one arm is right and the other wrong; 0.1
            to 0.4 is usual.
        arms: How many arms are compared.
        sequential: Whether the run is looked at between its batches.
    """
    factor = power_factor(arms, sequential=sequential)
    return min(1.0, factor * math.sqrt(disagreement / n)) if n else 1.0


def questions_needed(
    lead: float, disagreement: float = 0.3, arms: int = 2, *, sequential: bool = False
) -> int:
    """How many paired questions name an arm with this lead four times out of five."""
    return math.ceil(power_factor(arms, sequential=sequential) ** 2 * disagreement / lead**2)
