"""What an evaluation may decide: its weight beside the guesses, and who is clearly behind whom.

The share of right answers is the main voice as soon as two strategies were measured. With n
questions it has n / (n + 50) of all weight, and everything that rests on answers and literature
shares the rest. The form is that of a mean with a prior worth 50 observations (a Beta prior's
pseudo-counts; Gelman et al., Bayesian Data Analysis, 2.4). The 50 is a convention of ours [D]: the
spread of a guess (0.07 to 0.11) is that of a share measured on 20 to 50 questions.

Who is clearly behind whom is told by paired differences on the same questions where a report has
them. Where only intervals of single shares are known, the difference's is taken from both.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from ragft_core.advisor.deciding.recommendation import Lead, Measurement
from ragft_core.types import Strategy

MAIN = "accuracy"
# Measured only where a plain classifier is not clearly behind the best arm.
CLASSIFIER = "classifier"
# A questionnaire weighs as much as this many measured questions.
PRIOR_QUESTIONS = 50
Z95 = 1.959964


def main_shares(measurements: Sequence[Measurement]) -> dict[Strategy, Measurement]:
    """The measured share of right answers of each strategy; of several the last counts."""
    return {m.strategy: m for m in measurements if m.id == MAIN and m.strategy and m.n > 0}


def measured_weight(measurements: Sequence[Measurement]) -> float:
    """The share of all weight that the measurement has, 0 to 1; 0 below two strategies."""
    shares = main_shares(measurements)
    if len(shares) < 2:
        return 0.0
    n = min(m.n for m in shares.values())
    return n / (n + PRIOR_QUESTIONS)


def leads_by_intervals(measurements: Sequence[Measurement]) -> tuple[Lead, ...]:
    """Pairs whose difference excludes 0, from the intervals of both shares."""
    shares = main_shares(measurements)
    found = []
    for better, high in shares.items():
        for worse, low in shares.items():
            gap = high.value - low.value
            half = Z95 * math.hypot(_deviation(high), _deviation(low))
            if gap > half:
                found.append(Lead(better, worse, gap, gap - half, gap + half))
    return tuple(found)


def _deviation(item: Measurement) -> float:
    return (item.high - item.low) / (2 * Z95)


def still_eligible(
    strategies: Collection[Strategy], out: Collection[Strategy], leads: Sequence[Lead]
) -> set[Strategy]:
    """Who may be recommended: not out by a must, and not clearly behind one that is not out."""
    left = {strategy for strategy in strategies if strategy not in out}
    return left - {lead.worse for lead in leads if lead.better in left}
