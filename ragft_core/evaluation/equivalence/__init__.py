"""Whether an answer says what the gold answer says; how often people agree is in ``docs/equivalence.md``."""

from ragft_core.evaluation.equivalence.grading import DOUBT, LONG, RIGHT, equivalent, likelihood

__all__ = ["DOUBT", "LONG", "RIGHT", "equivalent", "likelihood"]
