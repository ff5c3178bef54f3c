"""A workspace at a glance: its five steps, what comes next, and what in it is damaged."""

from ragft_core.overview.doctor import Finding, examine, examine_machine
from ragft_core.overview.integrity import Damage, find_damage, set_aside, stamp
from ragft_core.overview.steps import Step, count, next_step, workspace_steps

__all__ = [
    "Damage",
    "Finding",
    "Step",
    "count",
    "examine",
    "examine_machine",
    "find_damage",
    "next_step",
    "set_aside",
    "stamp",
    "workspace_steps",
]
