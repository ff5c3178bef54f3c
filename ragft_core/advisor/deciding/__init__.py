"""From criteria, answers and measurements to a recommendation."""

from ragft_core.advisor.deciding.decision import decide
from ragft_core.advisor.deciding.explain import flip_sentence, weight_sentence
from ragft_core.advisor.deciding.recommendation import (
    Measurement,
    Recommendation,
    Reference,
    Sentence,
)
from ragft_core.advisor.deciding.tornado import TornadoBar, tornado
from ragft_core.advisor.deciding.words import name, percent

__all__ = [
    "Measurement",
    "Recommendation",
    "Reference",
    "Sentence",
    "TornadoBar",
    "decide",
    "flip_sentence",
    "name",
    "percent",
    "tornado",
    "weight_sentence",
]
