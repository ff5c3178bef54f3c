"""An evaluation on disk: its plan, its answers, and the keys that let answers be reused."""

from ragft_core.evaluation.store.plans import Plan, list_plans, make_plan, make_self_check
from ragft_core.evaluation.store.reviews import PARTLY, RIGHT, WRONG, review_key, save_review

__all__ = [
    "PARTLY",
    "RIGHT",
    "WRONG",
    "Plan",
    "list_plans",
    "make_plan",
    "make_self_check",
    "review_key",
    "save_review",
]
