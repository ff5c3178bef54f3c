"""An evaluation on disk: its plan, its answers, and the keys that let answers be reused."""

from ragft_core.evaluation.store.plans import Plan, list_plans, make_plan, make_self_check

__all__ = [
    "Plan",
    "list_plans",
    "make_plan",
    "make_self_check",
]
