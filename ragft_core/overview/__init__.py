"""A workspace at a glance: its five steps, what comes next, and what in it is damaged."""

from ragft_core.overview.integrity import Damage, find_damage, set_aside
from ragft_core.overview.steps import Step, count, next_step, workspace_steps

__all__ = [
    "Damage",
    "Step",
    "count",
    "find_damage",
    "next_step",
    "set_aside",
    "workspace_steps",
]
