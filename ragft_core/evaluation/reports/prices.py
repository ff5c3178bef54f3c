"""What answers and right answers cost at the user's prices."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.evaluation.reports.report import ROBUST_SCORE, EvaluationReport

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Prices:
    """Prices in one currency: per million tokens read and written, per hour of the machine."""

    token_in: float = 0.0
    token_out: float = 0.0
    machine_hour: float = 0.0

    @property
    def known(self) -> bool:
        """Whether any of them was entered."""
        return (self.token_in, self.token_out, self.machine_hour) != (0, 0, 0)


@dataclass(frozen=True)
class ArmPrice:
    """What an arm costs: per answer, per right answer (None where none was), and once."""

    arm: str
    answer: float
    right_answer: float | None
    training: float | None


def price_arms(report: EvaluationReport, prices: Prices) -> list[ArmPrice]:
    """Prices the measured tokens and seconds.

    Args:
        report: A run; arms whose time was not taken are priced by their tokens alone.
        prices: What the user pays.
    """
    table = report.table(ROBUST_SCORE)
    found = []
    for item in report.costs:
        tokens = item.prompt_tokens * prices.token_in + item.completion_tokens * prices.token_out
        answer = tokens / 1e6 + _machine(item.seconds, prices)
        summary = table.summaries.get(item.arm) if table else None
        right = summary.mean if summary else None
        training = _machine(item.training_s, prices) if item.training_s else None
        found.append(ArmPrice(item.arm, answer, answer / right if right else None, training))
    return found


def _machine(seconds: float | None, prices: Prices) -> float:
    return (seconds or 0.0) / SECONDS_PER_HOUR * prices.machine_hour
