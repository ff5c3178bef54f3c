"""The arms of a workspace: the ready-made and its own, which can run, and what the others miss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.arms import ARMS, BY_ID, AdapterKind, Arm, Reads, find_arm
from ragft_core.errors import SettingsError
from ragft_core.finetuning import get_adapter, list_adapters, load_examples
from ragft_core.finetuning.adapters import READER, WRITER
from ragft_core.finetuning.training import SeedSpread
from ragft_core.knowledge import Version, documents, find_version, list_versions
from ragft_core.models.remote import served_name
from ragft_core.types import Adapter, SearchMode, Split
from ragft_core.workspace import Workspace, WorkspaceSettings


class Need(StrEnum):
    """What an arm can be missing."""

    NOTHING = ""
    DOCUMENTS = "documents"
    EXAMPLES = "examples"
    ADAPTER = "adapter"
    LOCAL_MODEL = "local-model"
    VERSION = "version"


@dataclass(frozen=True)
class ArmState:
    """Whether an arm can run; ``adapter`` is the id it would use, ``reason`` what is missing.

    ``writer`` is the id of the adapter by which its answers are selected, None where they are not.
    """

    arm: Arm
    adapter: str | None = None
    writer: str | None = None
    need: Need = Need.NOTHING
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether the arm can answer now."""
        return self.need is Need.NOTHING


def workspace_arms(workspace: Workspace) -> tuple[Arm, ...]:
    """The ready-made arms, then the workspace's own.

    Raises:
        WorkspaceError: The workspace cannot be read.
    """
    return ARMS + workspace.settings().arms


def add_arm(workspace: Workspace, base: str, name: str, **settings: Any) -> Arm:  # noqa: ANN401
    """Makes an arm of the workspace's own and keeps it.

    Args:
        workspace: Where it is kept.
        base: The id of the arm to copy.
        name: What people call it.
        settings: Fields of ``ArmSettings`` that differ from the copied arm's.

    Raises:
        SettingsError: There is no such arm, the name is taken, or a setting cannot be used.
        ModelError: There is no such adapter.
        RetrievalError: There is no such named version.
    """
    arms = workspace_arms(workspace)
    if settings.get("version"):
        settings["version"] = find_version(workspace, settings["version"]).name
    if settings.get("reranker"):
        rights.require(Right.REACH, workspace.path)  # of the hub, or a folder of the machine
    if settings.get("search_mode") and settings["search_mode"] not in set(SearchMode):
        raise SettingsError(
            f"There is no search mode {settings['search_mode']!r}.",
            f"Choose one of: {', '.join(SearchMode)}.",
        )
    if settings.get("adapter") and not served_name(settings["adapter"]):
        get_adapter(workspace, settings["adapter"])
    if settings.get("search_mode"):
        settings["search_mode"] = SearchMode(settings["search_mode"])
    arm = find_arm(arms, base).copy(name, (other.id for other in arms), **settings)
    workspace.update(arms=(*workspace.settings().arms, arm))
    return arm


def add_seed_arms(workspace: Workspace, spread: SeedSpread) -> list[Arm]:
    """An arm for each seed of a training, so that an evaluation shows what a seed is worth.

    Adapters that have an arm of their own already are left as they are.
    """
    taken = {arm.settings.adapter for arm in workspace_arms(workspace)}
    base = BY_ID["hybrid" if spread.with_context else "fine-tuned"]
    return [
        add_arm(
            workspace,
            base.id,
            f"{base.name}, {spread.title[:12].strip()}, seed {seed}",
            adapter=adapter,
        )
        for seed, adapter in zip(spread.seeds, spread.adapters, strict=True)
        if adapter not in taken
    ]


def remove_arm(workspace: Workspace, arm_id: str) -> None:
    """Removes an arm of the workspace's own; evaluations and chats keep what it said.

    Raises:
        SettingsError: The workspace has no such arm of its own.
    """
    own = workspace.settings().arms
    gone = find_arm(own, arm_id)
    workspace.update(arms=tuple(arm for arm in own if arm != gone))


def arms_on(workspace: Workspace, version: Version) -> list[Arm]:
    """The arms of the workspace's own that read this named version."""
    return [arm for arm in workspace.settings().arms if arm.settings.version == version.name]


def arm_states(workspace: Workspace, shelf: Workspace | None = None) -> list[ArmState]:
    """The state of every arm, in the order of ``workspace_arms``. Loads no model.

    Args:
        workspace: Whose arms.
        shelf: Where the documents lie that arms read without a named version of their own.

    Raises:
        WorkspaceError: The workspace cannot be read.
    """
    settings, arms = workspace.settings(), workspace_arms(workspace)
    own_versions = any(arm.settings.version for arm in arms)
    found = _Found(
        bool(documents(shelf or workspace)),
        any(example.split is Split.TRAIN for example in load_examples(workspace)),
        list_adapters(workspace),
        {version.name for version in list_versions(workspace)} if own_versions else set(),
    )
    states = [_state(arm, settings, found) for arm in arms]
    return [replace(s, writer=_writer(s, settings, found)) for s in states]


@dataclass(frozen=True)
class _Found:
    """What the workspace has for its arms."""

    documents: bool
    examples: bool
    adapters: list[Adapter]
    versions: set[str]


def _state(arm: Arm, settings: WorkspaceSettings, found: _Found) -> ArmState:
    model = arm.settings.model or settings.model
    version = arm.settings.version
    if version and version not in found.versions:
        reason = f"The named version “{version}” that it reads is not there any more."
        return ArmState(arm, need=Need.VERSION, reason=reason)
    if arm.reads is not Reads.NOTHING and not (version or found.documents):
        return ArmState(arm, need=Need.DOCUMENTS, reason="There are no documents to read from yet.")
    if arm.settings.shots and not found.examples:
        return ArmState(
            arm, need=Need.EXAMPLES, reason="There are no examples to show in the prompt yet."
        )
    if arm.is_trained and model.kind == "endpoint":
        return _with_served(arm, settings)
    if arm.is_trained:
        return _with_adapter(arm, settings, found.adapters)
    wanted = settings.reader if arm.settings.reader is None else arm.settings.reader
    reads = arm.adapter is AdapterKind.READER and wanted and model.kind == "bundled"
    shipped = any(adapter.id == READER for adapter in found.adapters)
    return ArmState(arm, adapter=READER if reads and shipped else None)


def _writer(state: ArmState, settings: WorkspaceSettings, found: _Found) -> str | None:
    """The bundled writer for an arm that reads by an adapter of the bundled model."""
    arm = state.arm
    wanted = settings.select if arm.settings.select is None else arm.settings.select
    model = arm.settings.model or settings.model
    reads = arm.retrieves and state.adapter is not None and model.kind == "bundled"
    shipped = any(adapter.id == WRITER for adapter in found.adapters)
    return WRITER if reads and wanted and shipped and not arm.adaptive else None


def _with_served(arm: Arm, settings: WorkspaceSettings) -> ArmState:
    """A trained arm of an endpoint uses the tuned model there that it, or the workspace, names."""
    named = arm.settings.adapter or _wanted(arm, settings)
    if served_name(named):
        return ArmState(arm, adapter=named)
    return ArmState(
        arm,
        need=Need.LOCAL_MODEL,
        reason="An endpoint cannot be fine-tuned from here: name a model that was tuned there, or "
        "choose a local one.",
    )


def _wanted(arm: Arm, settings: WorkspaceSettings) -> str:
    return settings.hybrid_adapter if arm.retrieves else settings.adapter


def _with_adapter(arm: Arm, settings: WorkspaceSettings, adapters: list[Adapter]) -> ArmState:
    """A trained arm uses the adapter it names, else the workspace's choice, else the newest."""
    own = [a for a in adapters if not a.bundled and a.with_context == arm.retrieves]
    if arm.settings.adapter:
        if not any(a.id == arm.settings.adapter for a in adapters):
            reason = f"Its adapter {arm.settings.adapter} is not there any more."
            return ArmState(arm, need=Need.ADAPTER, reason=reason)
        return ArmState(arm, adapter=arm.settings.adapter)
    wanted = _wanted(arm, settings)
    chosen = next((a for a in own if a.id == wanted), own[-1] if own else None)
    if chosen is None:
        how = "with retrieved passages" if arm.retrieves else "on your examples"
        return ArmState(arm, need=Need.ADAPTER, reason=f"No adapter was trained {how} yet.")
    return ArmState(arm, adapter=chosen.id)
