"""What scores say about arms: means, intervals, paired differences, tests.

Everything is resampled by cluster. Questions about one document rise and fall together, so
resampling them one by one would promise more than was seen (Miller 2024, arXiv 2411.00640).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragft_core.evaluation.statistics.bootstrap import (
    CONFIDENCE,
    Clusters,
    Floats,
    design_effect,
    drawn_means,
    interval,
    wilson,
)
from ragft_core.evaluation.statistics.looks import at_one_look, over_looks
from ragft_core.evaluation.statistics.significance import (
    LEVEL,
    few_documents,
    holm,
    mcnemar,
    permutation,
    power_factor,
)


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
    from the test named in ``test``, ``p_holm`` the same corrected for the looks that were planned
    and for all pairs. ``detectable`` is the smallest true lead that names a winner here four times
    out of five, whatever was seen; None in reports of before.
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
    detectable: float | None = None

    @property
    def decided(self) -> bool:
        """Whether it may be called a lead: its interval and its corrected test both say so."""
        return self.p_holm < LEVEL and self.apart

    @property
    def apart(self) -> bool:
        """Whether its interval leaves 0 out, which the corrected test need not agree with."""
        return self.low > 0 or self.high < 0

    @property
    def undecided(self) -> str:
        """Why it may not be called a lead, in words; empty where it may."""
        if self.decided:
            return ""
        return "apart, but not surely" if self.apart else "too close to call"


def confidence_of(sequential: bool) -> float:
    """What an interval must hold with by itself, so that all that a run shows hold with 95 %."""
    return 1 - at_one_look(1 - CONFIDENCE) if sequential else CONFIDENCE


def summarise(
    values: Floats,
    clusters: Clusters,
    weights: Floats,
    *,
    rate: bool = False,
    sequential: bool = False,
) -> list[Summary]:
    """Mean and 95 % interval of each row of scores; of a ``sequential`` run, at any of its looks.

    A rate has Wilson's interval, with the number of questions reduced by the design effect where
    they are clustered; other scores have the bootstrap's, widened for few clusters.
    """
    means = drawn_means(values, clusters, weights)
    confidence = confidence_of(sequential)
    return [
        _summary(row, draws, clusters, confidence, rate=rate)
        for row, draws in zip(values, means, strict=True)
    ]


def _summary(
    row: Floats, draws: Floats, clusters: Clusters, confidence: float, *, rate: bool
) -> Summary:
    scored = row[~np.isnan(row)]
    n, unscored = len(scored), len(row) - len(scored)
    if not n:
        return Summary(None, None, None, 0, unscored)
    mean = float(scored.mean())
    if rate:
        low, high = wilson(mean, n / design_effect(row, clusters), confidence)
    else:
        groups = len(set(clusters.of[~np.isnan(row)].tolist()))
        low, high = interval(draws, mean, groups, confidence)
    return Summary(mean, low, high, n, unscored)


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
    arms: Sequence[str],
    values: Floats,
    clusters: Clusters,
    weights: Floats,
    *,
    seed: int = 0,
    sequential: bool = False,
) -> list[Difference]:
    """Every pair of arms on the questions both were scored on, Holm-corrected over the pairs.

    Scores that are all 0 or 1, of questions that stand alone, are tested with McNemar's exact
    test; all others by flipping the signs of whole clusters. Where documents are too few to be
    flipped, the difference must hold across them as well. In a ``sequential`` run p values and
    intervals are those that hold over all planned looks.
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
    if clusters.documents is not None and len(set(clusters.documents.tolist())) > 1:
        held = [few_documents(g[~np.isnan(g)], clusters.documents[~np.isnan(g)])[0] for g in gaps]
        test, ps = f"{test}, and t by document", [max(pair) for pair in zip(ps, held, strict=True)]
    corrected = holm([over_looks(p) for p in ps] if sequential else ps)
    factor = power_factor(len(arms), sequential=sequential)
    confidence = confidence_of(sequential)
    shares = bool(((values >= 0) & (values <= 1) | np.isnan(values)).all())
    reach = 1.0 if shares else math.inf
    return [
        _difference(
            (arms[pairs[place][0]], arms[pairs[place][1]]),
            gaps[row], draws[row], clusters, (ps[row], corrected[row], test), factor, confidence, reach,
        )
        for row, place in enumerate(kept)
    ]  # fmt: skip


def _difference(
    pair: tuple[str, str],
    gaps: Floats,
    draws: Floats,
    clusters: Clusters,
    tested: tuple[float, float, str],
    factor: float,
    confidence: float,
    reach: float,
) -> Difference:
    seen = ~np.isnan(gaps)
    mean, n = float(gaps[seen].mean()), int(seen.sum())
    low, high = interval(draws, mean, len(set(clusters.of[seen].tolist())), confidence)
    smallest = factor * float(np.nanstd(draws))
    if clusters.documents is not None:
        _, lowest, highest = few_documents(gaps[seen], clusters.documents[seen], confidence)
        if high > low:  # what the questions could show is blurred by as much as the interval
            smallest *= max(1.0, (highest - lowest) / (high - low))
        low, high = min(low, lowest), max(high, highest)
    low, high = max(low, -reach), min(high, reach)  # no lead is larger than the scale
    wins, losses = int((gaps > 0).sum()), int((gaps < 0).sum())
    p, p_holm, test = tested
    return Difference(*pair, mean, low, high, n, wins, losses, p, p_holm, test, smallest or None)
