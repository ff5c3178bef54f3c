"""Whether what an evaluation was read from is still what there is."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ragft_core.evaluation.store.plans import Plan
from ragft_core.knowledge import Version

SAME, CHANGED, UNREAD = "as it was", "changed since", "not read"


def index_since(plan: Plan, seen: Iterable[int | None], present: int) -> str:
    """Whether documents and index have changed since a run: one of ``SAME``, ``CHANGED``, ``UNREAD``.

    Args:
        plan: The run's.
        seen: The ``index_version`` of its answers, but of arms that read a version of their own; None
            of those that read nothing.
        present: ``KnowledgeBase.version`` of the workspace now.
    """
    read = {number for number in seen if number is not None}
    if plan.version is not None:
        read.add(plan.version.index_version)
    return UNREAD if not read else SAME if read == {present} else CHANGED


def index_in_words(
    plan: Plan, seen: Iterable[int | None], present: int, versions: Collection[Version] = ()
) -> str:
    """What a run was read from, and whether that is what there is now; empty where nothing was read.

    Args:
        plan: As for ``index_since``, like ``seen`` and ``present``.
        seen: What its answers were read from.
        present: What there is now.
        versions: The named versions that there are.
    """
    there = {version.name for version in versions}
    own = (
        f"The arm {plan.names[arm]} reads the version “{name}”"
        f"{'' if name in there else ', which was deleted since'}."
        for arm, name in plan.on_versions.items()
    )
    return " ".join(filter(None, [_others_in_words(plan, seen, present, versions), *own]))


def _others_in_words(
    plan: Plan, seen: Iterable[int | None], present: int, versions: Collection[Version]
) -> str:
    since = index_since(plan, seen, present)
    if plan.version is None:
        return {
            UNREAD: "",
            SAME: "Documents and index are what they were in this run.",
            CHANGED: "Documents or index have changed since this run: what arms that read would say "
            "now may differ.",
        }[since]
    name = f"Asked on the version “{plan.version.name}” of {plan.version.at[:10]}"
    if plan.version not in versions:
        return f"{name}, which was deleted since."
    return f"{name}; the documents now are {'the same' if since == SAME else 'others'}."
