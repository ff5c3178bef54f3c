"""How arms are called and drawn, wherever they appear: ready-made ones and a workspace's own."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

from pages.ui import state
from ragft_core.arms import BY_ID, STANDARD, Arm
from ragft_core.errors import RagftError
from ragft_core.strategies import ArmState, workspace_arms


def look(arm_id: str) -> Arm:
    """The arm with this id; one that was removed since keeps a plain look under its id.

    Both seeds of an A/A check, ``rag@1`` and ``rag@2``, look like the arm and say their seed.
    """
    base, _, seed = arm_id.partition("@")
    if seed:
        arm = look(base)
        return dataclasses.replace(arm, id=arm_id, name=f"{arm.name}, seed {seed}")
    if arm_id in BY_ID:
        return BY_ID[arm_id]
    workspace = state.current_workspace()
    own: dict[str, Arm] = {}
    with suppress(RagftError):  # a damaged workspace is named on its own pages
        own = {arm.id: arm for arm in workspace_arms(workspace)} if workspace else {}
    plain = next(iter(STANDARD.values()))
    name = arm_id.replace("-", " ")
    return own.get(arm_id) or dataclasses.replace(plain, id=arm_id, name=name, base=plain.id)


def label(arm_id: str) -> str:
    """The name that people read."""
    return look(arm_id).name


def choice(arm_id: str) -> str:
    """The name with its icon, for pills and lists."""
    arm = look(arm_id)
    return f"{arm.icon} {arm.name}"


def ready_and_chosen(states: list[ArmState]) -> tuple[list[str], list[str]]:
    """The ids of the arms that can run, and those of them that take part unless one says no."""
    ready = [item.arm for item in states if item.ready]
    return [arm.id for arm in ready], [arm.id for arm in ready if arm.chosen]
