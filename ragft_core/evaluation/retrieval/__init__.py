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
from ragft_core.evaluation.retrieval.tuning import (
    Tuning,
    adopt_tuned,
    last_tuning,
    start_tuning,
)

__all__ = [
    "Asked",
    "Comparison",
    "Tuning",
    "Way",
    "adopt",
    "adopt_tuned",
    "ask_each_way",
    "keep",
    "last_comparison",
    "last_tuning",
    "questions_with_source",
    "start_tuning",
    "way_in_use",
]
