"""The decision criteria as values. What they say lies in ``criteria.toml``, not here.

A utility is fixed on an absolute scale (1 meets the demand fully, 0 not at all), so that adding or
removing a strategy never changes how the others compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy

STRATEGIES = tuple(Strategy)
UNKNOWN = "unknown"
MAX_WEIGHT = 5.0

# How sure a guess of each grade is: one standard deviation of a utility. A guess from a text read in
# full moves less than one derived by argument; the size was set so that the share of draws won is
# no larger than the share of published cases decided rightly (docs/advisor.md).
GRADE_SPREAD = {"P": 0.07, "S": 0.09, "D": 0.11, "T": 0.11}
GRADE_WORDS = {
    "P": "primary text read",
    "S": "quoted in another text",
    "D": "derived",
    "T": "your team's judgement",
}


@dataclass(frozen=True)
class Group:
    """One of the founding article's seven criteria, under which the questions stand."""

    id: str
    title: str
    question: str


@dataclass(frozen=True)
class Source:
    """A text that a criterion rests on; ``grade`` is P (read), S (quoted), D (derived), T."""

    id: str
    title: str
    where: str
    grade: str


@dataclass(frozen=True)
class MeasurementKind:
    """How a measured number becomes a utility.

    ``zero`` and ``one`` are the values (in ``unit``) that count as 0 and 1; between them the
    scale is linear, or logarithmic with ``log``. With ``relative`` they multiply the ``target``
    of the choice that was answered. ``strategies`` are those it can be measured for.
    """

    id: str
    title: str
    unit: str
    zero: float
    one: float
    how: str
    log: bool = False
    relative: bool = False
    page: str = ""
    strategies: tuple[Strategy, ...] = STRATEGIES

    def ends(self, target: float | None = None) -> tuple[float, float] | None:
        """The values that count as 0 and as 1; None where a target is needed and missing."""
        if not self.relative:
            return self.zero, self.one
        return None if target is None else (self.zero * target, self.one * target)

    def utility(self, value: float, target: float | None = None) -> float | None:
        """The utility, from 0 to 1, of a measured value."""
        ends = self.ends(target)
        if ends is None:
            return None
        zero, one = ends
        if self.log:
            value, zero, one = math.log(max(value, 1e-9)), math.log(zero), math.log(one)
        return min(max((value - zero) / (one - zero), 0.0), 1.0)

    def value(self, utility: float, target: float | None = None) -> float | None:
        """The measured value that has this utility: the inverse of ``utility``."""
        ends = self.ends(target)
        if ends is None:
            return None
        zero, one = ends
        if self.log:
            return math.exp(math.log(zero) + utility * (math.log(one) - math.log(zero)))
        return zero + utility * (one - zero)


@dataclass(frozen=True)
class Prefill:
    """The fact about a workspace that suggests a choice: ``at_least`` <= fact < ``below``."""

    fact: str
    at_least: float = -math.inf
    below: float = math.inf


@dataclass(frozen=True)
class Choice:
    """One answer to a criterion's question.

    ``condition`` completes a sentence that begins with "if"; ``veto`` gives, for a strategy that
    cannot meet this demand, the reason. Where ``measured`` is False the demand is not made, so
    that a measurement of how well it is met does not count. ``outside`` names what this answer
    calls for instead of any strategy, ``try_first`` what is to be tried before. Where a question
    asks whether the facts are at hand, a strategy counts as the one in ``counts_as``.
    """

    id: str
    label: str
    condition: str
    utility: dict[Strategy, float]
    veto: dict[Strategy, str] = field(default_factory=dict)
    prefill: Prefill | None = None
    target: float | None = None
    measured: bool = True
    outside: str = ""
    try_first: str = ""
    counts_as: dict[Strategy, Strategy] = field(default_factory=dict)


@dataclass(frozen=True)
class Criterion:
    """A question, what its answers mean for each strategy, and what that rests on."""

    id: str
    group: str
    question: str
    why: str
    choices: tuple[Choice, ...]
    weight: float
    scale: str
    grade: str
    sources: tuple[str, ...]
    view: str
    contested: str = ""
    measurement: str = ""
    headline: bool = False
    own: bool = False
    supply: bool = False

    def choice(self, choice_id: str) -> Choice:
        """The choice with this id.

        Raises:
            AdvisorError: There is none.
        """
        for choice in self.choices:
            if choice.id == choice_id:
                return choice
        known = ", ".join(choice.id for choice in self.choices)
        raise AdvisorError(
            f"{choice_id!r} is not an answer to the question {self.id!r}.",
            f"Choose one of: {known}, or {UNKNOWN}.",
        )


@dataclass(frozen=True)
class Outside:
    """What is called for when none of the five strategies is it: what it is, and what to do."""

    id: str
    title: str
    says: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Criteria:
    """All that the advisor asks, in the order of the groups. ``digest`` names this very set."""

    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]
    sources: dict[str, Source]
    measurements: dict[str, MeasurementKind]
    digest: str = ""
    outside: dict[str, Outside] = field(default_factory=dict)

    def get(self, criterion_id: str) -> Criterion:
        """The criterion with this id.

        Raises:
            AdvisorError: There is none.
        """
        for criterion in self.criteria:
            if criterion.id == criterion_id:
                return criterion
        known = ", ".join(criterion.id for criterion in self.criteria)
        raise AdvisorError(
            f"There is no question {criterion_id!r}.", f"The questions are: {known}."
        )

    def of_group(self, group_id: str) -> tuple[Criterion, ...]:
        """The criteria of one group, the headline question first."""
        found = [criterion for criterion in self.criteria if criterion.group == group_id]
        return tuple(sorted(found, key=lambda criterion: not criterion.headline))

    @property
    def weights(self) -> dict[str, float]:
        """The default weight of every criterion."""
        return {criterion.id: criterion.weight for criterion in self.criteria}
