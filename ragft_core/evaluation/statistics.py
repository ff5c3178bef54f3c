"""What scores say about arms: means, intervals, paired differences, tests.

Everything is resampled by cluster. Questions about one document rise and fall together, so
resampling them one by one would promise more than was seen (Miller 2024, arXiv 2411.00640).
"""

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
FLIPS = 10_000
CONFIDENCE = 0.95
# With fewer documents than this, resampling them says little, and no test could ever be decided
# (five documents have 32 sign patterns); the questions are resampled instead, and we say so.
FEWEST_CLUSTERS = 10
# A winner may be declared by content and by wording, so each of the two is held to half of 5 %.
LEVEL = 0.025
# 2.24 for a two-sided test at that level plus 0.84 for a power of 80 % (at 5 % it would be 2.8).
POWER_FACTOR = 3.08


@dataclass(frozen=True)
class Summary:
    """An arm's score over questions; ``mean``, ``low`` and ``high`` are None where ``n`` is 0."""

    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int


@dataclass(frozen=True)
class Difference:
    """Arm ``a`` minus arm ``b`` on the ``n`` questions that both were scored on.

    ``wins`` and ``losses`` count the questions on which ``a`` scored higher or lower. ``p`` is
    from the test named in ``test``, ``p_holm`` the same corrected for all pairs that were looked
    at. ``needed`` is how many questions a difference of this size needs to be found four times out
    of five; None where there is no difference.
    """

    a: str
    b: str
    mean: float
    low: float
    high: float
    n: int
    wins: int
    losses: int
    p: float
    p_holm: float
    test: str
    needed: int | None

    @property
    def decided(self) -> bool:
        """Whether it may be called a lead: its interval and its corrected test both say so."""
        return self.p_holm < LEVEL and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Clusters:
    """Which questions belong together: an index per question, and what the groups are."""

    of: Ints
    n: int
    unit: str


def group(documents: Sequence[str]) -> Clusters:
    """Groups questions by document where there are enough of them, else each by itself.

    Args:
        documents: A document per question; an empty one makes the question its own group.
    """
    names = [name or f"\0{place}" for place, name in enumerate(documents)]
    place_of = {name: place for place, name in enumerate(dict.fromkeys(names))}
    if len(place_of) < min(FEWEST_CLUSTERS, len(names)):
        return Clusters(np.arange(len(names)), len(names), "question")
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
    sums = _by_cluster(np.where(scored, values, 0.0), clusters) @ weights.T
    counts = _by_cluster(scored.astype(np.float64), clusters) @ weights.T
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def summarise(
    values: Floats, clusters: Clusters, weights: Floats, *, rate: bool = False
) -> list[Summary]:
    """Mean and 95 % interval of each row of scores.

    A rate has Wilson's interval, with the number of questions reduced by the design effect where
    they are clustered; other scores have the bootstrap's, widened for few clusters.
    """
    means = drawn_means(values, clusters, weights)
    return [
        _summary(row, draws, clusters, rate=rate) for row, draws in zip(values, means, strict=True)
    ]


def _summary(row: Floats, draws: Floats, clusters: Clusters, *, rate: bool) -> Summary:
    scored = row[~np.isnan(row)]
    n, unscored = len(scored), len(row) - len(scored)
    if not n:
        return Summary(None, None, None, 0, unscored)
    mean = float(scored.mean())
    if rate:
        low, high = wilson(mean, n / _design_effect(row, clusters))
    else:
        groups = len(set(clusters.of[~np.isnan(row)].tolist()))
        low, high = interval(draws, mean, groups)
    return Summary(mean, low, high, n, unscored)


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate seen in ``n`` trials; ``n`` may be an effective number."""
    z = 1.959963984540054
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(draws: Floats, mean: float, clusters: int) -> tuple[float, float]:
    """The bootstrap's percentile interval, expanded for few clusters (Hesterberg 2015).

    The percentiles of a bootstrap of few clusters lie too close together; the remedy is to take
    those that belong to Student's t and an unbiased variance.
    """
    from scipy import stats

    finite = draws[~np.isnan(draws)]
    if clusters < 2 or not len(finite):
        return mean, mean
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, clusters - 1) * math.sqrt(clusters / (clusters - 1))
    tail = float(stats.norm.cdf(-reach))
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def best_probabilities(values: Floats, clusters: Clusters, weights: Floats) -> list[float]:
    """The share of draws in which each row has the highest mean; draws with a tie are shared.

    Only questions on which every row was scored count: an arm must not win by those it skipped.
    """
    common = ~np.isnan(values).any(axis=0)
    if not common.any():
        return [1 / len(values)] * len(values)
    means = drawn_means(np.where(common, values, np.nan), clusters, weights)
    means = means[:, ~np.isnan(means).any(axis=0)]
    top = np.isclose(means, means.max(axis=0), rtol=0, atol=1e-12)
    return [float(share) for share in (top / top.sum(axis=0)).mean(axis=1)]


def compare(
    arms: Sequence[str], values: Floats, clusters: Clusters, weights: Floats, *, seed: int = 0
) -> list[Difference]:
    """Every pair of arms on the questions both were scored on, Holm-corrected over the pairs.

    Scores that are all 0 or 1, of questions that stand alone, are tested with McNemar's exact
    test; all others by flipping the signs of whole clusters.
    """
    pairs = [(i, j) for i in range(len(arms)) for j in range(i + 1, len(arms))]
    if not pairs:
        return []
    gaps = np.array([values[i] - values[j] for i, j in pairs])
    kept = [place for place in range(len(pairs)) if not np.isnan(gaps[place]).all()]
    if not kept:
        return []
    gaps = gaps[kept]
    draws = drawn_means(gaps, clusters, weights)
    binary = bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
    if binary and clusters.unit == "question":
        test, ps = "McNemar, exact", [mcnemar(int((g > 0).sum()), int((g < 0).sum())) for g in gaps]
    else:
        test, ps = f"permutation by {clusters.unit}", permutation(gaps, clusters, seed=seed)
    corrected = holm(ps)
    return [
        _difference(
            (arms[pairs[place][0]], arms[pairs[place][1]]),
            gaps[row], draws[row], clusters, (ps[row], corrected[row], test),
        )
        for row, place in enumerate(kept)
    ]  # fmt: skip


def _difference(
    pair: tuple[str, str],
    gaps: Floats,
    draws: Floats,
    clusters: Clusters,
    tested: tuple[float, float, str],
) -> Difference:
    seen = ~np.isnan(gaps)
    mean, n = float(gaps[seen].mean()), int(seen.sum())
    low, high = interval(draws, mean, len(set(clusters.of[seen].tolist())))
    wins, losses = int((gaps > 0).sum()), int((gaps < 0).sum())
    needed = None
    if abs(mean) > 1e-12:
        needed = math.ceil(n * (POWER_FACTOR * float(np.nanstd(draws)) / abs(mean)) ** 2)
    p, p_holm, test = tested
    return Difference(
        *pair, mean, low, high, n, wins, losses, p, p_holm, test, needed
    )  # fmt: skip


def mcnemar(wins: int, losses: int) -> float:
    """The exact two-sided p value of McNemar's test for this many flips either way."""
    from scipy import stats

    flips = wins + losses
    return float(stats.binomtest(min(wins, losses), flips).pvalue) if flips else 1.0


def permutation(gaps: Floats, clusters: Clusters, *, seed: int = 0) -> list[float]:
    """Two-sided p values of the mean paired differences, flipping signs cluster by cluster.

    All sign patterns are tried for up to 12 clusters, else ``FLIPS`` random ones, counting the
    observed pattern among them.

    Args:
        gaps: (pairs, questions), NaN where one of the two was not scored.
        clusters: The group of each question.
        seed: Of the random patterns.
    """
    sums = _by_cluster(np.nan_to_num(gaps), clusters)
    exact = clusters.n <= 12
    if exact:
        patterns = np.arange(2**clusters.n)[:, None] >> np.arange(clusters.n) & 1
    else:
        patterns = np.random.default_rng(seed).integers(0, 2, (FLIPS, clusters.n))
    flipped = np.abs(sums @ (2.0 * patterns.T - 1.0))
    observed = np.abs(sums.sum(axis=1, keepdims=True))
    extreme = (flipped >= observed - 1e-9).sum(axis=1)
    if exact:
        return [float(count / len(patterns)) for count in extreme]
    return [float((count + 1) / (FLIPS + 1)) for count in extreme]


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction (1979): p values that may be compared with the level as they are."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    corrected = [0.0] * len(ps)
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = running
    return corrected


def detectable(n: int, disagreement: float = 0.3) -> float:
    """The smallest difference that ``n`` paired questions show four times out of five.

    Args:
        n: How many questions.
        disagreement: Share of the questions on which one arm is right and the other wrong; 0.1
            to 0.4 is usual.
    """
    return min(1.0, POWER_FACTOR * math.sqrt(disagreement / n)) if n else 1.0


def questions_needed(difference: float, disagreement: float = 0.3) -> int:
    """How many paired questions show a difference of this size four times out of five."""
    return math.ceil(POWER_FACTOR**2 * disagreement / difference**2)


def _by_cluster(values: Floats, clusters: Clusters) -> Floats:
    """Sums the columns of (rows, questions) by cluster: (rows, clusters)."""
    sums = np.zeros((len(values), clusters.n))
    np.add.at(sums.T, clusters.of, values.T)
    return sums


def _design_effect(row: Floats, clusters: Clusters) -> float:
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
