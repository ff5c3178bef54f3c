"""An evaluation on disk: its plan, its answers, and the keys that let answers be reused."""

from ragft_core.evaluation.store.answers import index_versions
from ragft_core.evaluation.store.indexed import index_in_words, index_since
from ragft_core.evaluation.store.plans import Plan, list_plans, make_plan, make_self_check
from ragft_core.evaluation.store.reviews import PARTLY, RIGHT, WRONG, review_key, save_review

__all__ = [
    "PARTLY",
    "RIGHT",
    "WRONG",
    "Plan",
    "index_in_words",
    "index_since",
    "index_versions",
    "list_plans",
    "make_plan",
    "make_self_check",
    "review_key",
    "save_review",
]
