"""Several people's questionnaires: where they differ, and what the group says.

Ranks become weights by the rank order centroid (Barron and Barrett, Management Science 42, 1996): of
n topics the k-th has 1/n times the sum of 1/i for i = k..n. The group's weight of a topic is the mean
over the people. How far they agree is Kendall's coefficient of concordance W, corrected for ties
(Kendall and Babington Smith 1939; Siegel, Nonparametric Statistics, 9.5): 0 is no agreement, 1 the same
order by all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragft_core.advisor.criteria.answers import Answers
from ragft_core.advisor.criteria.values import MAX_WEIGHT, Criteria

Floats = NDArray[np.float64]
# Below this many people there is nothing to agree on.
ENOUGH = 2


@dataclass(frozen=True)
class Opinion:
    """Who chose what for one question; ``group`` is what more than half of them chose, else None."""

    criterion: str
    choices: dict[str, tuple[str, ...]]
    group: str | None

    @property
    def differs(self) -> bool:
        """Whether two people answered it differently."""
        return len(self.choices) > 1


@dataclass(frozen=True)
class Agreement:
    """Kendall's W (0 to 1) of ``people`` who ranked, and the p value of no agreement at all.

    p is the chi-square approximation's, which is coarse for few people.
    """

    w: float
    p: float
    people: tuple[str, ...]


@dataclass(frozen=True)
class GroupView:
    """What the people of a workspace say together.

    ``weights`` are the shares of the seven topics, together 1; ``answers`` are the group's, with
    what no majority chose left open.
    """

    people: tuple[str, ...]
    opinions: tuple[Opinion, ...]
    weights: dict[str, float]
    agreement: Agreement | None
    answers: Answers


def group_view(criteria: Criteria, given: Sequence[Answers]) -> GroupView:
    """Puts several people's answers together; what a template or the workspace said is nobody's.

    Args:
        criteria: What was asked.
        given: One questionnaire a person, each with its name.
    """
    opinions = tuple(_opinion(c.id, given) for c in criteria.criteria)
    ranked = [person for person in given if person.ranking]
    ranks = topic_ranks(criteria, [person.ranking for person in ranked])
    agreement = None
    if len(ranked) >= ENOUGH:
        agreement = Agreement(*kendall_w(ranks), tuple(person.who for person in ranked))
    weights = _weights(criteria, given, ranks)
    total = sum(weights.values()) or 1.0
    shares = {
        group.id: sum(weights[c.id] for c in criteria.of_group(group.id)) / total
        for group in criteria.groups
    }
    choices = {item.criterion: item.group for item in opinions if item.group}
    changed = {k: w for k, w in weights.items() if abs(w - criteria.get(k).weight) > 1e-9}
    people = tuple(person.who for person in given)
    return GroupView(people, opinions, shares, agreement, Answers(choices, changed, people=people))


def _opinion(criterion: str, given: Sequence[Answers]) -> Opinion:
    chosen: dict[str, list[str]] = {}
    for person in given:
        choice = person.choice(criterion)
        if choice and criterion not in (*person.prefilled, *person.assumed):
            chosen.setdefault(choice, []).append(person.who)
    said = sum(map(len, chosen.values()))
    most = next((choice for choice, who in chosen.items() if 2 * len(who) > said), None)
    return Opinion(criterion, {choice: tuple(who) for choice, who in chosen.items()}, most)


def topic_ranks(criteria: Criteria, rankings: Sequence[Sequence[str]]) -> Floats:
    """Ranks (people, topics) from 1; topics that somebody left out share the ranks that remain."""
    topics = [group.id for group in criteria.groups]
    rows = np.empty((len(rankings), len(topics)))
    for row, ranking in zip(rows, rankings, strict=True):
        placed = [topic for topic in ranking if topic in topics]
        rest = (len(placed) + 1 + len(topics)) / 2
        row[:] = [placed.index(t) + 1 if t in placed else rest for t in topics]
    return rows


def kendall_w(ranks: Floats) -> tuple[float, float]:
    """Kendall's W of ranks (people, topics), corrected for ties, and its p value."""
    from scipy import special

    m, n = ranks.shape
    sums = ranks.sum(axis=0)
    spread = float(((sums - sums.mean()) ** 2).sum())
    ties = 0.0
    for row in ranks:
        _, counts = np.unique(row, return_counts=True)
        ties += float((counts.astype(float) ** 3 - counts).sum())
    most = m * m * (n**3 - n) - m * ties
    w = 12 * spread / most if most > 0 else 0.0
    return w, float(special.chdtrc(n - 1, m * (n - 1) * w))


def centroid_weights(ranks: Floats) -> Floats:
    """Rank order centroid weights (people, topics), rows summing to 1; ties share their places'."""
    n = ranks.shape[1]
    by_place = np.cumsum((1 / np.arange(1, n + 1))[::-1])[::-1] / n
    found = np.empty_like(ranks)
    for row, out in zip(ranks, found, strict=True):
        order = np.argsort(row, kind="stable")
        for value in np.unique(row):
            places = np.flatnonzero(row[order] == value)
            out[row == value] = by_place[places].mean()
    return found


def _weights(criteria: Criteria, given: Sequence[Answers], ranks: Floats) -> dict[str, float]:
    """The mean of the people's weights; where enough of them ranked, each topic at its mean share."""
    mean = {
        c.id: sum(person.weights.get(c.id, c.weight) for person in given) / max(len(given), 1)
        for c in criteria.criteria
    }
    if not given:
        return criteria.weights
    if len(ranks) < ENOUGH:
        return mean
    shares = centroid_weights(ranks).mean(axis=0)
    scaled: dict[str, float] = {}
    for group, share in zip(criteria.groups, shares, strict=True):
        rows = criteria.of_group(group.id)
        total = sum(mean[c.id] for c in rows) or 1.0
        scaled |= {c.id: float(share) * mean[c.id] / total for c in rows}
    return _at_most(scaled, MAX_WEIGHT)


def _at_most(weights: Mapping[str, float], most: float) -> dict[str, float]:
    """The same proportions with the largest at ``most``."""
    largest = max(weights.values(), default=0.0) or 1.0
    return {key: weight * most / largest for key, weight in weights.items()}
