"""Which answers a person should settle, and what the settled ones say about the rest.

The score calls each answer right or wrong, surely or near its threshold. Answers are drawn at random
from each of these groups, so that the settled ones speak for their group: the share of right
answers is the groups' shares, each weighed with what people found in it (double sampling for
stratification, Cochran 1977, section 12.2; prediction-powered inference, Angelopoulos et al. 2023,
arXiv 2301.09633, with the score's groups as the prediction). What people found is pooled over arms.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.reports.results import Results
from ragft_core.evaluation.scoring.scorers import NEAR
from ragft_core.overlap import exact_match
from ragft_core.types import QuestionKind

# From so many settled answers on, shares are corrected by them.
ENOUGH = 30
EXACT = "word for word, right"
NOT_ASKED = (QuestionKind.UNANSWERABLE, QuestionKind.LABEL, QuestionKind.GENERAL)
_Z = 1.959963984540054


@dataclass(frozen=True)
class Case:
    """An answer of a run as the score calls it; ``settled`` is a person's judgement, or None."""

    arm: str
    question: Question
    text: str
    group: str
    settled: float | None


@dataclass(frozen=True)
class Corrected:
    """An arm's share of right answers after people's judgements, with its 95 % interval."""

    arm: str
    called: float
    mean: float
    low: float
    high: float


def review_cases(results: Results) -> list[Case]:
    """The answers that the score had to judge by their meaning, in the order to settle them.

    The groups take turns, at random within each, so that any beginning of the list is a sample of
    every group. Labels, refusals and golden answers word for word are told without doubt, and general
    knowledge ranks nobody: none of these is asked about.
    """
    groups: dict[str, list[Case]] = defaultdict(list)
    for arm in results.ranked_arms:
        for question in results.ranked:
            row = results.answer(arm, question.id)
            called = results.called.get((arm, question.id))
            plain = question.kind not in NOT_ASKED
            if row is None or row.answer.error or called is None or not plain:
                continue
            settled = results.settled(arm, question)
            # SQuAD's match is blind to signs (-1 and 1), so the score has to agree.
            if called.value and any(exact_match(row.answer.text, g) for g in question.golds):
                group, settled = EXACT, 1.0
            else:
                sure = "near" if called.reason == NEAR else "sure"
                group = f"{sure}, {'right' if called.value else 'wrong'}"
            groups[group].append(Case(arm, question, row.answer.text, group, settled))
    drawn = random.Random(results.plan.id)
    order: list[tuple[int, str, Case]] = []
    for name in sorted(groups):
        rows = sorted(groups[name], key=lambda case: (case.question.id, case.arm))
        drawn.shuffle(rows)
        order += [(place, name, case) for place, case in enumerate(rows)]
    order.sort(key=lambda item: item[:2])
    return [case for _, _, case in order]


def corrected_shares(cases: Sequence[Case]) -> list[Corrected]:
    """Each arm's corrected share of right answers; empty below ``ENOUGH`` settled ones."""
    settled = [case for case in cases if case.settled is not None and case.group != EXACT]
    if len(settled) < ENOUGH:
        return []
    found: dict[str, tuple[float, float]] = {}
    for name in {case.group for case in cases}:
        values = [case.settled for case in settled if case.group == name]
        called = 1.0 if name.endswith("right") else 0.0
        # One made-up judgement that agrees with the score keeps a group of few from certainty.
        rate = (sum(v for v in values if v is not None) + called) / (len(values) + 1)
        found[name] = rate, max(rate * (1 - rate), 0.05) / (len(values) + 1)
    arms = dict.fromkeys(case.arm for case in cases)
    return [_corrected(arm, [c for c in cases if c.arm == arm], found) for arm in arms]


def _corrected(arm: str, cases: Sequence[Case], found: dict[str, tuple[float, float]]) -> Corrected:
    n = len(cases)
    # A settled answer is known; every other one is as its group.
    rates = np.array([found[c.group][0] if c.settled is None else c.settled for c in cases])
    open_in: dict[str, int] = defaultdict(int)
    for case in cases:
        open_in[case.group] += case.settled is None
    between = float(rates.var(ddof=1)) / n if n > 1 else 0.25
    within = sum(
        (count / n) ** 2 * found[group][1] + count * found[group][0] * (1 - found[group][0]) / n**2
        for group, count in open_in.items()
    )
    mean, reach = float(rates.mean()), _Z * (between + within) ** 0.5
    called = sum(case.group.endswith("right") for case in cases) / n
    return Corrected(arm, called, mean, max(0.0, mean - reach), min(1.0, mean + reach))


def agreement_by_hand(cases: Sequence[Case]) -> tuple[int, int]:
    """How many of the settled answers the score called as people did, and how many there are."""
    settled = [case for case in cases if case.settled is not None and case.group != EXACT]
    agreed = sum((case.settled or 0) >= 0.5 for case in settled if case.group.endswith("right"))
    agreed += sum((case.settled or 0) < 0.5 for case in settled if case.group.endswith("wrong"))
    return agreed, len(settled)
