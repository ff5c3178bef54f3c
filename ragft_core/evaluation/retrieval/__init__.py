"""Ways of searching compared on the workspace's own questions, and the best one adopted."""

from ragft_core.evaluation.retrieval.lab import (
    Asked,
    Comparison,
    Way,
    adopt,
    ask_each_way,
    keep,
    last_comparison,
    questions_with_source,
    way_in_use,
)

__all__ = [
    "Asked",
    "Comparison",
    "Way",
    "adopt",
    "ask_each_way",
    "keep",
    "last_comparison",
    "questions_with_source",
    "way_in_use",
]
