"""A workspace as a whole: its five steps, what in it is damaged, and moving it."""

from ragft_core.overview.backup import Backup, back_up, restore
from ragft_core.overview.doctor import Finding, examine, examine_machine
from ragft_core.overview.health import FAILING, Health, health
from ragft_core.overview.integrity import Damage, find_damage, set_aside, stamp
from ragft_core.overview.moving import (
    archive_workspace,
    export_workspace,
    import_workspace,
    remove_workspace,
    rename_workspace,
    restore_workspace,
)
from ragft_core.overview.steps import Step, count, next_step, workspace_steps

__all__ = [
    "FAILING",
    "Backup",
    "Damage",
    "Finding",
    "Health",
    "Step",
    "archive_workspace",
    "back_up",
    "count",
    "examine",
    "examine_machine",
    "export_workspace",
    "find_damage",
    "health",
    "import_workspace",
    "next_step",
    "remove_workspace",
    "rename_workspace",
    "restore",
    "restore_workspace",
    "set_aside",
    "stamp",
    "workspace_steps",
]
