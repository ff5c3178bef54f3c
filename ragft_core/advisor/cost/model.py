"""What each strategy costs over its time of use, and from which volume one beats another.

Every strategy is three numbers: what is paid once (F), each month (M) and for each request (c), so
that over T months at Q requests a month the total is F + M*T + c*Q*T.

    prompt          F = hours to write it                 c = p_in*tokens + p_out*answer
    long context    as prompt                             tokens hold whole documents; caching off
    RAG             F = hours + p_emb*V                   M = p_emb*V*u + index; c adds the search
    fine-tuning     F = hours + (1+R)*(training + tests)  M = hosting; c at the tuned model's price
    hybrid          both of the last two                  c at the tuned price, with passages

V are the corpus tokens, u the share of them that changes in a month and R the retrainings after
the first, ceil(T / interval) - 1: a change that comes as the time ends needs none any more. Every
retraining counts inside F, because it is due whatever the volume.

Strategy b draws level with a at Q* = [(F_b - F_a)/T + M_b - M_a] / (c_a - c_b) requests a month. The
published formula that divides by c_a alone is wrong: b's requests are not free. Where c_a <= c_b
there is no break-even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from ragft_core.arms import STANDARD, Reads
from ragft_core.types import Strategy

MILLION = 1_000_000
HOURS_A_MONTH = 730.5  # 365.25 days of 24 hours over 12
# The pairs whose break-even people ask for.
BREAK_EVENS = tuple(
    (Strategy(one), Strategy(other))
    for one, other in (
        ("fine-tuned", "rag"),
        ("hybrid", "rag"),
        ("rag", "long-context"),
        ("fine-tuned", "prompt"),
    )
)


def _input(default: float, label: str, text: str, unit: str, **more: Any) -> Any:
    metadata = {"label": label, "help": text, "unit": unit, "min": 0.0, **more}
    return field(default=float(default), metadata=metadata)


@dataclass(frozen=True)
class CostInputs:
    """Everything the cost depends on, in one currency. Prices of tokens are per million.

    The defaults are round examples, not any vendor's list; what the workspace measured replaces
    them (``prefill_costs``), and the rest is the user's to enter.
    """

    months: float = _input(24, "Months of use", "Over which the total is taken.", "months", min=1.0)
    requests: float = _input(5000, "Requests a month", "How often it is asked.", "requests")
    price_in: float = _input(0.5, "Price in", "Per million tokens read by the base model.", "money")
    price_out: float = _input(1.5, "Price out", "Per million tokens it writes.", "money")
    tuned_price_in: float = _input(
        0.5, "Tuned price in", "Per million tokens read by the tuned model.", "money"
    )
    tuned_price_out: float = _input(
        1.5, "Tuned price out", "Per million tokens the tuned model writes.", "money"
    )
    machine_hour: float = _input(
        0.0, "Machine hour", "Price of an hour of your own machine while it answers.", "money"
    )
    purchase: float = _input(
        0.0, "Own machine: purchase", "Its price, written off over its life; 0 for none.", "money"
    )
    life_months: float = _input(
        36, "Own machine: life", "Months until it is written off.", "months", min=1.0
    )
    utilisation: float = _input(
        0.25, "Own machine: in use", "Share of all hours in which it answers.", "share",
        min=0.01, max=1.0,
    )  # fmt: skip
    watts: float = _input(300, "Own machine: power", "While it answers.", "W")
    price_kwh: float = _input(0.3, "Electricity", "Per kilowatt-hour.", "money")
    prompt_tokens: float = _input(
        300, "Prompt: tokens read", "Instruction, examples, question.", "tokens"
    )
    long_context_tokens: float = _input(
        8000, "Long context: tokens read", "Whole documents and the question.", "tokens"
    )
    rag_tokens: float = _input(1200, "RAG: tokens read", "Passages and the question.", "tokens")
    fine_tuned_tokens: float = _input(
        120, "Fine-tuned: tokens read", "The question; the instruction may be short.", "tokens"
    )
    hybrid_tokens: float = _input(
        1100, "Hybrid: tokens read", "Passages and the question.", "tokens"
    )
    answer_tokens: float = _input(80, "Tokens written", "Length of an answer.", "tokens")
    prompt_seconds: float = _input(0, "Prompt: seconds", "Machine time for one answer.", "s")
    long_context_seconds: float = _input(
        0, "Long context: seconds", "Machine time for one answer.", "s"
    )
    rag_seconds: float = _input(0, "RAG: seconds", "Machine time for one answer.", "s")
    fine_tuned_seconds: float = _input(
        0, "Fine-tuned: seconds", "Machine time for one answer.", "s"
    )
    hybrid_seconds: float = _input(0, "Hybrid: seconds", "Machine time for one answer.", "s")
    cached: float = _input(
        0.0,
        "Saved by caching",
        "Share of a long prompt's price that caching saves.",
        "share",
        max=0.95,
    )
    corpus_tokens: float = _input(200_000, "Corpus tokens", "All documents together.", "tokens")
    changed: float = _input(
        0.05, "Changed a month", "Share of the corpus that is new each month.", "share", max=10.0
    )
    price_embedding: float = _input(0.02, "Price of embedding", "Per million tokens.", "money")
    index_month: float = _input(
        0.0, "Index a month", "Hosting of the index; 0 on this machine.", "money"
    )
    price_search: float = _input(0.0, "Price of search", "Per thousand searches.", "money")
    training_tokens: float = _input(
        300_000, "Tokens trained", "Examples times their length times the passes.", "tokens"
    )
    price_training: float = _input(3.0, "Price of training", "Per million tokens trained.", "money")
    retrain_months: float = _input(
        6.0, "Retrain every", "Months between trainings; 0 is never again.", "months"
    )
    hosting_month: float = _input(
        0.0, "Hosting a month", "A tuned model kept running; 0 where it shares a server.", "money"
    )
    hour: float = _input(80, "An hour of work", "What people's time costs.", "money")
    prompt_hours: float = _input(8, "Hours: prompt", "To write and test it.", "h")
    long_context_hours: float = _input(12, "Hours: long context", "To prepare the documents.", "h")
    rag_hours: float = _input(40, "Hours: RAG", "Documents, index, testing.", "h")
    tuning_hours: float = _input(
        60, "Hours: fine-tuning", "Examples, first training, testing.", "h"
    )
    retrain_hours: float = _input(8, "Hours: a retraining", "New examples, testing, release.", "h")
    prompt_upkeep: float = _input(1, "Upkeep: prompt", "Hours a month; long context too.", "h")
    rag_upkeep: float = _input(4, "Upkeep: RAG", "Hours a month for documents and index.", "h")
    tuning_upkeep: float = _input(
        2, "Upkeep: fine-tuning", "Hours a month besides retraining.", "h"
    )

    @property
    def hour_of_machine(self) -> float:
        """What an hour of answering costs: as entered, and an own machine's wear and electricity.

        Wear is the purchase over the hours in use during its life; the hours in which it stands
        idle are paid by those in which it answers.
        """
        if self.purchase <= 0:
            return self.machine_hour
        wear = self.purchase / (self.life_months * HOURS_A_MONTH * self.utilisation)
        return self.machine_hour + wear + self.watts / 1000 * self.price_kwh


@dataclass(frozen=True)
class Cost:
    """What a strategy costs: once, each month, each request, and all of it over the months.

    ``correct`` is the price of one right answer, with its interval, where accuracy was measured;
    the interval has no upper end where none might be right.
    """

    strategy: Strategy
    once: float
    month: float
    request: float
    total: float
    correct: float | None = None
    correct_low: float | None = None
    correct_high: float | None = None


@dataclass(frozen=True)
class BreakEven:
    """From which volume ``strategy`` is cheaper than ``other``.

    ``kind`` is ``above`` or ``below`` ``requests`` a month, ``always`` or ``never``.
    """

    strategy: Strategy
    other: Strategy
    kind: str
    requests: float | None = None


def retrainings(inputs: CostInputs) -> int:
    """Trainings after the first, within the months."""
    if inputs.retrain_months <= 0:
        return 0
    return max(math.ceil(round(inputs.months / inputs.retrain_months, 9)) - 1, 0)


def cost_of(inputs: CostInputs, strategy: Strategy) -> Cost:
    """The cost of one strategy."""
    once, month = _people(inputs, strategy)
    arm = STANDARD[strategy]
    if arm.retrieves:
        embedding = inputs.price_embedding * inputs.corpus_tokens / MILLION
        once += embedding
        month += embedding * inputs.changed + inputs.index_month
    if arm.is_trained:
        once += (1 + retrainings(inputs)) * training_price(inputs)
        month += inputs.hosting_month
    request = _request(inputs, strategy)
    total = once + (month + request * inputs.requests) * inputs.months
    return Cost(strategy, once, month, request, total)


def training_price(inputs: CostInputs) -> float:
    """The computing of one training."""
    return inputs.price_training * inputs.training_tokens / MILLION


def _people(inputs: CostInputs, strategy: Strategy) -> tuple[float, float]:
    """What people's hours cost once and each month."""
    arm = STANDARD[strategy]
    once = month = 0.0
    if arm.retrieves:
        once, month = inputs.rag_hours, inputs.rag_upkeep
    if arm.is_trained:
        once += inputs.tuning_hours + retrainings(inputs) * inputs.retrain_hours
        month += inputs.tuning_upkeep
    if not (arm.retrieves or arm.is_trained):
        reads = arm.reads is Reads.DOCUMENTS
        once = inputs.long_context_hours if reads else inputs.prompt_hours
        month = inputs.prompt_upkeep
    return once * inputs.hour, month * inputs.hour


def _request(inputs: CostInputs, strategy: Strategy) -> float:
    arm = STANDARD[strategy]
    tuned = arm.is_trained
    price_in = inputs.tuned_price_in if tuned else inputs.price_in
    price_out = inputs.tuned_price_out if tuned else inputs.price_out
    key = strategy.value.replace("-", "_")
    tokens: float = getattr(inputs, f"{key}_tokens")
    seconds: float = getattr(inputs, f"{key}_seconds")
    if arm.reads is Reads.DOCUMENTS:
        tokens *= 1 - inputs.cached
    price = (price_in * tokens + price_out * inputs.answer_tokens) / MILLION
    price += seconds / 3600 * inputs.hour_of_machine
    if arm.retrieves:
        price += inputs.price_search / 1000
    return price


def cost_table(
    inputs: CostInputs, accuracy: dict[Strategy, tuple[float, float, float]] | None = None
) -> list[Cost]:
    """The cost of all strategies, in their order.

    Args:
        inputs: What it depends on.
        accuracy: Measured share of right answers by strategy: value, low, high.
    """
    rows = []
    for strategy in Strategy:
        cost = cost_of(inputs, strategy)
        asked = inputs.requests * inputs.months
        right = (accuracy or {}).get(strategy)
        if right and right[0] > 0 and asked > 0:
            answer = cost.total / asked
            # The more answers are right, the less one of them costs: the ends change places.
            low, high = answer / right[2], answer / right[1] if right[1] > 0 else None
            parts = (cost.once, cost.month, cost.request, cost.total)
            cost = Cost(strategy, *parts, answer / right[0], low, high)
        rows.append(cost)
    return rows


def break_even(inputs: CostInputs, strategy: Strategy, other: Strategy) -> BreakEven:
    """From which volume a strategy is cheaper than another."""
    mine, theirs = cost_of(inputs, strategy), cost_of(inputs, other)
    fixed = (mine.once - theirs.once) / inputs.months + mine.month - theirs.month
    saved = theirs.request - mine.request
    if fixed >= 0 and saved <= 0:
        return BreakEven(strategy, other, "never")
    if fixed <= 0 and saved >= 0:
        return BreakEven(strategy, other, "always")
    return BreakEven(strategy, other, "above" if fixed > 0 else "below", fixed / saved)


def by_volume(inputs: CostInputs, strategy: Strategy) -> list[tuple[float, float]]:
    """The total at volumes from a hundredth to a hundred times the own one, evenly in logarithm."""
    volumes = [(inputs.requests or 1.0) * 10 ** (step / 8) for step in range(-16, 17)]
    return [(v, cost_of(replace(inputs, requests=v), strategy).total) for v in volumes]


def cumulative(inputs: CostInputs, strategy: Strategy) -> list[float]:
    """What has been spent by the end of each month, from month 0 on; retrainings where they fall."""
    cost = cost_of(inputs, strategy)
    again = retrainings(inputs) if STANDARD[strategy].is_trained else 0
    one = training_price(inputs) + inputs.retrain_hours * inputs.hour
    start = cost.once - again * one
    spent = []
    for month in range(int(inputs.months) + 1):
        done = min(int(month / inputs.retrain_months + 1e-9), again) if again else 0
        spent.append(start + done * one + month * (cost.month + cost.request * inputs.requests))
    return spent
