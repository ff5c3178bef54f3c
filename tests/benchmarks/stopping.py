"""What stopping early costs and saves, by simulation: ``python -m tests.benchmarks.stopping``.

Runs are simulated look by look. Where documents matter the whole way from scores to the verdict is
gone; where they do not, the tests decide alone, so that many runs can be made. "A/A" and "0 points"
are equal arms: any winner at any look is false. Saved is the mean share of the questions that was not asked, overstated
the mean of the seen lead over the true one where a run named the right winner, held the share of
runs whose interval of the leading pair holds the true lead.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ragft_core.evaluation.reports.verdicts import decide
from ragft_core.evaluation.scoring.catalogue import BY_NAME
from ragft_core.evaluation.statistics.bootstrap import group, resample
from ragft_core.evaluation.statistics.estimates import compare, summarise
from ragft_core.evaluation.statistics.looks import look_sizes, over_looks
from ragft_core.evaluation.statistics.significance import LEVEL, mcnemar

ARMS = ("rag", "prompt", "fine-tuned", "hybrid")
Draw = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Case:
    """One kind of run: its scores, the document of each question, the first arm's true lead."""

    name: str
    draw: Draw
    documents: list[str]
    lead: float


def alike(lead: float, n: int, arms: int = 2) -> Draw:
    """The first arm is right this much more often; each answers by its own luck."""
    rates = np.full((arms, 1), 0.5 - lead / 2)
    rates[0] += lead
    return lambda random: (random.random((arms, n)) < rates).astype(float)


def shared(lead: float, n: int, arms: int = 2) -> Draw:
    """The same lead, where three in four questions are right or wrong for all by their nature."""

    def draw(random: np.random.Generator) -> np.ndarray:
        common = random.random(n)
        luck = np.where(random.random((arms, n)) < 0.75, common, random.random((arms, n)))
        rates = np.full((arms, 1), 0.5 - lead / 2)
        rates[0] += lead
        return (luck < rates).astype(float)

    return draw


def moody(documents: int, n: int, sd: float = 0.2, lead: float = 0.0) -> Draw:
    """Each document favours one arm or the other; on average the first leads by ``lead``."""

    def draw(random: np.random.Generator) -> np.ndarray:
        moods = random.normal(0, sd, (2, documents))[:, np.arange(n) % documents]
        rates = np.clip(0.5 + moods + np.array([[lead / 2], [-lead / 2]]), 0, 1)
        return (random.random((2, n)) < rates).astype(float)

    return draw


def cases() -> list[Case]:
    """Runs whose questions hang together by document: equal arms, then a lead."""
    found = []
    for n in (60, 200):
        for k in (15, 6, 3):
            spread = [f"d{place % k}" for place in range(n)]
            found.append(Case(f"A/A, n = {n}, {k} documents that favour", moody(k, n), spread, 0))
        spread = [f"d{place % 15}" for place in range(n)]
        found.append(Case(f"30 points, n = {n}, 15 documents", moody(15, n, 0.1, 0.3), spread, 0.3))
    return found


def alone(runs: int) -> Iterator[str]:
    """Questions that stand alone, many runs at once: McNemar, looks and Holm decide."""
    for n in (50, 60, 80, 200):
        for lead, arms in ((0.0, 2), (0.0, 4), (0.3, 2), (0.3, 4), (0.2, 2)):
            for name, make in (("by luck", alike), ("shared", shared)):
                random = np.random.default_rng(2026)
                draw = make(lead, n, arms)
                values = np.array([draw(random) for _ in range(runs)])
                yield _row(f"{100 * lead:.0f} points, n = {n}, {arms} arms, {name}", values, lead)


def _row(name: str, values: np.ndarray, lead: float) -> str:
    runs, _, n = values.shape
    at_end = _winners(values, sequential=False)
    winners, asked = np.full(runs, -1), np.full(runs, n)
    over = np.full(runs, np.nan)
    for size in look_sizes(n):
        going = np.flatnonzero(winners < 0)
        seen = values[going, :, :size]
        new = _winners(seen, sequential=True)
        ended = new >= 0
        winners[going[ended]], asked[going[ended]] = new[ended], size
        gaps = seen[:, 0].mean(axis=1) - seen[:, 1].mean(axis=1)
        over[going[ended]] = gaps[ended] - lead
    right = (lambda found: found == 0) if lead else (lambda found: found >= 0)
    more = f"{100 * np.nanmean(over[right(winners)]):+.0f} points" if lead else ""
    return (
        f"| {name} | {right(at_end).mean():.1%} | {right(winners).mean():.1%} | "
        f"{1 - asked.mean() / n:.0%} | {more} | |"
    )


@functools.cache
def _ps(n: int, sequential: bool) -> np.ndarray:
    """The p value of every count of wins and losses, corrected for looks where there are some."""
    table = np.ones((n + 1, n + 1))
    for a in range(n + 1):
        for b in range(min(a, n - a) + 1):
            p = mcnemar(a, b)
            table[a, b] = table[b, a] = over_looks(p) if sequential else p
    return table


def _winners(values: np.ndarray, *, sequential: bool) -> np.ndarray:
    """The winner of each run, -1 for none: the leader beats every other at Holm's levels."""
    runs, arms, n = values.shape
    table = _ps(n, sequential)
    pairs = [(i, j) for i in range(arms) for j in range(i + 1, arms)]
    wins = np.array([(values[:, i] > values[:, j]).sum(axis=1) for i, j in pairs])
    losses = np.array([(values[:, i] < values[:, j]).sum(axis=1) for i, j in pairs])
    ps = table[wins, losses]
    order = np.argsort(ps, axis=0)
    scaled = np.take_along_axis(ps, order, 0) * np.arange(len(pairs), 0, -1)[:, None]
    holm = np.empty_like(ps)
    np.put_along_axis(holm, order, np.maximum.accumulate(scaled, axis=0), 0)
    leaders = values.mean(axis=2).argmax(axis=1)
    beaten = np.ones(runs, dtype=bool)
    for row, (i, j) in enumerate(pairs):
        beaten &= (holm[row] < LEVEL) | ((leaders != i) & (leaders != j))
    return np.where(beaten, leaders, -1)


def look(case: Case, values: np.ndarray, sequential: bool) -> tuple[str | None, float, bool]:
    """The winner, the first arm's seen lead over the second, whether its interval holds the truth."""
    arms, size = ARMS[: len(values)], values.shape[1]
    clusters = group(case.documents[:size])
    weights = resample(clusters, 1000)
    rows = summarise(values, clusters, weights, rate=True, sequential=sequential)
    gaps = compare(arms, values, clusters, weights, sequential=sequential)
    verdict = decide(BY_NAME["correct"], dict(zip(arms, rows, strict=True)), gaps)
    return verdict.winner, gaps[0].mean, gaps[0].low <= case.lead <= gaps[0].high


def measure(case: Case, runs: int) -> str:
    """One row of the table."""
    random = np.random.default_rng(2026)
    named, once, saved, held = 0, 0, 0.0, 0
    over: list[float] = []
    right = ARMS[0] if case.lead else None
    for _ in range(runs):
        values = case.draw(random)
        n = values.shape[1]
        at_the_end = look(case, values, False)[0]
        once += at_the_end == right if right else at_the_end is not None
        for size in look_sizes(n):
            winner, mean, inside = look(case, values[:, :size], True)
            if winner:
                break
        named += winner == right if right else winner is not None
        saved += 1 - size / n
        held += inside
        if right and winner == right:
            over.append(mean - case.lead)
    more = f"{100 * np.mean(over):+.0f} points" if over else ""
    return (
        f"| {case.name} | {once / runs:.1%} | {named / runs:.1%} | {saved / runs:.0%} | {more} | "
        f"{held / runs:.0%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="Of questions that stand alone.")
    parser.add_argument("--slow-runs", type=int, default=200, help="Of those with documents.")
    options = parser.parse_args()
    print("| case | named, asking all | named, with looks | saved | overstated | held |")
    print("|---|---|---|---|---|---|")
    for row in alone(options.runs):
        print(row, flush=True)
    for case in cases():
        print(measure(case, options.slow_runs), flush=True)


if __name__ == "__main__":
    main()
