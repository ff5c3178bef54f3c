"""Resampling by cluster: which questions hang together, and intervals of their means."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 4000
CONFIDENCE = 0.95
# With fewer documents than this, resampling them says little, and a sign test among several arms or
# at several looks could never be decided (eleven documents have 2,048 sign patterns); the questions
# are resampled instead, and a t test of the documents must agree.
FEWEST_CLUSTERS = 12


@dataclass(frozen=True)
class Clusters:
    """Which questions belong together: an index per question, and what the groups are.

    ``documents`` holds the documents' indices where they are too few to be the groups.
    """

    of: Ints
    n: int
    unit: str
    documents: Ints | None = None


def group(documents: Sequence[str]) -> Clusters:
    """Groups questions by document where there are enough of them, else each by itself.

    Args:
        documents: A document per question; an empty one makes the question its own group.
    """
    names = [name or f"\0{place}" for place, name in enumerate(documents)]
    place_of = {name: place for place, name in enumerate(dict.fromkeys(names))}
    if len(place_of) < min(FEWEST_CLUSTERS, len(names)):
        few = np.array([place_of[name] for name in names], dtype=np.int64)
        return Clusters(np.arange(len(names)), len(names), "question", few)
    unit = "question" if len(place_of) == len(names) else "document"
    return Clusters(
        np.array([place_of[name] for name in names], dtype=np.int64), len(place_of), unit
    )


def resample(clusters: Clusters, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each cluster is drawn, (draws, clusters): a bootstrap as weights.

    The same for every score and every slice of that many clusters, so that arms, scores and
    reruns are compared on the same draws. Not to be written to.
    """
    return _resample(clusters.n, draws, seed)


@functools.lru_cache(maxsize=32)
def _resample(n: int, draws: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    weights = random.multinomial(n, np.full(n, 1 / max(n, 1)), size=draws).astype(np.float64)
    weights.flags.writeable = False
    return weights


def drawn_means(values: Floats, clusters: Clusters, weights: Floats) -> Floats:
    """The mean of each row of scores in each draw: (rows, draws); unscored ones are left out.

    Args:
        values: (rows, questions), NaN where unscored.
        clusters: The group of each question.
        weights: From ``resample``.
    """
    scored = ~np.isnan(values)
    sums = by_cluster(np.where(scored, values, 0.0), clusters) @ weights.T
    counts = by_cluster(scored.astype(np.float64), clusters) @ weights.T
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def by_cluster(values: Floats, clusters: Clusters) -> Floats:
    """Sums the columns of (rows, questions) by cluster: (rows, clusters)."""
    sums = np.zeros((len(values), clusters.n))
    np.add.at(sums.T, clusters.of, values.T)
    return sums


def wilson(rate: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of a rate seen in ``n`` trials; ``n`` may be an effective number."""
    from scipy import special

    z = float(special.ndtri(0.5 + confidence / 2))
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(
    draws: Floats, mean: float, clusters: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The bootstrap's percentile interval, expanded for few clusters (Hesterberg 2015).

    The percentiles of a bootstrap of few clusters lie too close together; the remedy is to take
    those that belong to Student's t and an unbiased variance.
    """
    from scipy import special  # a tenth of what importing scipy.stats takes

    finite = draws[~np.isnan(draws)]
    if clusters < 2 or not len(finite):
        return mean, mean
    reach = special.stdtrit(clusters - 1, 0.5 + confidence / 2) * math.sqrt(
        clusters / (clusters - 1)
    )
    tail = float(special.ndtr(-reach))
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def design_effect(row: Floats, clusters: Clusters) -> float:
    """How much the variance of a mean grows by clustering (Kish 1965); at least 1."""
    seen = ~np.isnan(row)
    values, groups = row[seen], clusters.of[seen]
    residuals = values - values.mean()
    plain = float((residuals**2).sum())
    count = len(set(groups.tolist()))
    if clusters.unit == "question" or plain <= 0 or count < 2:
        return 1.0
    sums = np.bincount(groups, weights=residuals)
    clustered = float((sums**2).sum()) * count / (count - 1)
    n = len(values)
    return max(1.0, clustered / (plain * n / (n - 1)))
