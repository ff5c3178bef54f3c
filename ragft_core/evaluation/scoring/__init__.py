"""From one answer to its scores."""

from ragft_core.evaluation.scoring.catalogue import BY_NAME, SCORERS
from ragft_core.evaluation.scoring.plain_classifier import Trial, try_classifier
from ragft_core.evaluation.scoring.scorers import Family, Scorer

__all__ = [
    "BY_NAME",
    "SCORERS",
    "Family",
    "Scorer",
    "Trial",
    "try_classifier",
]
