"""What a decision consists of: plain values, ready for JSON, pages and records.

Every sentence carries references, so that each can be traced to an answer, a measurement, a
source, a weight or the simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.types import Strategy


@dataclass(frozen=True)
class Measurement:
    """A measured number with its interval (95 %), how many observations, and where it is from.

    ``id`` is a measurement of the criteria (``accuracy``, ``first_token_s``, ...); ``strategy`` is
    whose number it is.
    """

    id: str
    value: float
    low: float
    high: float
    n: int
    source: str
    strategy: Strategy | None = None


@dataclass(frozen=True)
class Reference:
    """What a sentence rests on: ``kind`` is answer, measurement, source, weight or simulation."""

    kind: str
    id: str


@dataclass(frozen=True)
class Sentence:
    """A sentence of the result and what it rests on."""

    text: str
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Veto:
    """A must that a strategy cannot meet."""

    strategy: Strategy
    criterion: str
    choice: str
    reason: str


@dataclass(frozen=True)
class Lead:
    """``better`` was right clearly more often than ``worse``, by ``gap`` (95 % interval)."""

    better: Strategy
    worse: Strategy
    gap: float
    low: float
    high: float


@dataclass(frozen=True)
class Contribution:
    """What one criterion gives one strategy: ``points`` = share of weight x utility.

    ``basis`` is ``answer`` (the rule's guess for the answer), ``measured``, ``adjusted`` (a guess
    moved by what the measured strategies showed) or ``unknown``.
    """

    criterion: str
    strategy: Strategy
    weight: float
    utility: float
    low: float
    high: float
    basis: str

    @property
    def points(self) -> float:
        """The part of the strategy's score that comes from this criterion."""
        return self.weight * self.utility


@dataclass(frozen=True)
class StrategyScore:
    """How one strategy did.

    ``score`` is the weighted sum (0 to 1), ``low`` and ``high`` hold 90 % of the simulations,
    ``share`` is the part of them that it wins, and ``weights`` the mean weights where it wins
    (empty where it never does). ``topsis`` is the cross-check's closeness. A vetoed strategy has
    a score but no share, and so has one that was measured clearly ``behind`` another.
    """

    strategy: Strategy
    score: float
    low: float
    high: float
    share: float
    vetoed: bool
    topsis: float | None
    weights: dict[str, float]
    behind: Strategy | None = None


@dataclass(frozen=True)
class Information:
    """What it would be worth to know one thing before deciding.

    ``value`` is the expected gain in score, ``changes`` the share of simulations in which knowing
    it names another strategy. ``kind`` is ``answer`` (find out), ``measurement`` (measure) or
    ``page``: all that the page named by ``measurement`` can measure at once. ``missing`` are the
    strategies it was not measured for.
    """

    criterion: str
    kind: str
    value: float
    changes: float
    measurement: str = ""
    missing: tuple[Strategy, ...] = ()


@dataclass(frozen=True)
class AnswerFlip:
    """What another answer to one question would do.

    ``margin`` is the leader's lead over the best other strategy then; below 0 it is overtaken.
    ``label`` is the answer in words.
    """

    criterion: str
    choice: str
    label: str
    margin: float
    winner: Strategy | None
    vetoes_leader: bool


@dataclass(frozen=True)
class WeightFlip:
    """The share of all weight at which another strategy overtakes, the rest keeping proportions.

    ``more`` says that it takes more weight than now; where both are level, in which direction the
    other one gets ahead.
    """

    criterion: str
    now: float
    at: float
    winner: Strategy
    more: bool


@dataclass(frozen=True)
class MeasurementFlip:
    """The measured value of the leader at which the runner-up draws level."""

    criterion: str
    measurement: str
    strategy: Strategy
    at: float
    now: float
    winner: Strategy


@dataclass(frozen=True)
class Recommendation:
    """The result. ``verdict`` is None where no strategy wins clearly.

    ``leader`` has the highest weighted sum of those not vetoed, ``share`` is the part of the
    simulations it wins, ``runner_up`` the next. ``informed`` says that anything was answered or
    measured. ``outside`` names what an answer calls for in place of any strategy, empty for nothing;
    there is no verdict then. ``measured_weight`` is the share of all weight that the measured right answers have,
    ``leads`` who is clearly ahead of whom by them, ``by_answers`` who would lead without anything
    measured; ``assumed`` are the answers of ``template`` (its title) that nobody confirmed. Lists are sorted, most important first; the sentences are written by ``explain``.
    """

    verdict: Strategy | None
    leader: Strategy | None
    runner_up: Strategy | None
    share: float
    informed: bool
    scores: tuple[StrategyScore, ...]
    vetoes: tuple[Veto, ...]
    contributions: tuple[Contribution, ...]
    information: tuple[Information, ...]
    answer_flips: tuple[AnswerFlip, ...]
    weight_flips: tuple[WeightFlip, ...]
    measurement_flips: tuple[MeasurementFlip, ...]
    methods_agree: bool
    answers: dict[str, str]
    weights: dict[str, float]
    measurements: tuple[Measurement, ...]
    simulations: int
    certainty: float
    seed: int
    criteria_digest: str
    confidence: str = ""
    headline: Sentence = Sentence("")
    reasons: tuple[Sentence, ...] = ()
    objections: tuple[Sentence, ...] = ()
    changes: tuple[Sentence, ...] = ()
    next_step: Sentence = Sentence("")
    cautions: tuple[Sentence, ...] = ()
    measured_weight: float = 0.0
    leads: tuple[Lead, ...] = ()
    by_answers: Strategy | None = None
    outside: str = ""
    template: str = ""
    assumed: tuple[str, ...] = ()

    @property
    def margin(self) -> float:
        """The leader's lead over the runner-up in the weighted sum; 0 without a runner-up."""
        by = {score.strategy: score.score for score in self.scores}
        if self.leader is None or self.runner_up is None:
            return 0.0
        return by[self.leader] - by[self.runner_up]

    @property
    def rests_on(self) -> dict[str, float]:
        """The shares of all weight by what the leader's utilities rest on; together 1.

        ``measured`` here, ``guess`` by answers and literature, ``unknown`` where nobody answered.
        """
        shares = {"measured": 0.0, "guess": 0.0, "unknown": 0.0}
        leader = self.leader or next(iter(Strategy))
        for item in self.contributions:
            if item.strategy == leader:
                shares[item.basis if item.basis in shares else "guess"] += item.weight
        return shares

    def score_of(self, strategy: Strategy) -> StrategyScore:
        """The scores of one strategy."""
        return next(score for score in self.scores if score.strategy == strategy)
