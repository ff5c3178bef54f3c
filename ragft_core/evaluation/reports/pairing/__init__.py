"""What lies between two runs, and between the arms of one: question by question."""

from ragft_core.evaluation.reports.pairing.differing import (
    Golds,
    Said,
    Split,
    disagreeing_run,
    splits,
)
from ragft_core.evaluation.reports.pairing.two_runs import (
    ArmChange,
    Moved,
    TwoRuns,
    comparable_runs,
    compare_evaluations,
)

__all__ = [
    "ArmChange",
    "Golds",
    "Moved",
    "Said",
    "Split",
    "TwoRuns",
    "comparable_runs",
    "compare_evaluations",
    "disagreeing_run",
    "splits",
]
