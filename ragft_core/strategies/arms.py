"""Which arms a workspace can run, and what each of the others misses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ragft_core.finetuning import list_adapters
from ragft_core.knowledge import documents
from ragft_core.types import Adapter, Strategy
from ragft_core.workspace import Workspace, WorkspaceSettings

READER = "bundled:reader"
READS = {Strategy.LONG_CONTEXT, Strategy.RAG, Strategy.HYBRID}
TRAINED = {Strategy.FINE_TUNED, Strategy.HYBRID}


class Need(StrEnum):
    """What an arm can be missing."""

    NOTHING = ""
    DOCUMENTS = "documents"
    ADAPTER = "adapter"
    LOCAL_MODEL = "local-model"


@dataclass(frozen=True)
class ArmState:
    """Whether an arm can run; ``adapter`` is the id it would use, ``reason`` what is missing."""

    strategy: Strategy
    adapter: str | None = None
    need: Need = Need.NOTHING
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether the arm can answer now."""
        return self.need is Need.NOTHING


def arm_states(workspace: Workspace) -> list[ArmState]:
    """The state of every arm, in the order of ``Strategy``. Loads no model.

    Raises:
        WorkspaceError: The workspace cannot be read.
    """
    settings = workspace.settings()
    has_documents = bool(documents(workspace))
    adapters = list_adapters(workspace)
    return [_state(strategy, settings, has_documents, adapters) for strategy in Strategy]


def _state(
    strategy: Strategy, settings: WorkspaceSettings, has_documents: bool, adapters: list[Adapter]
) -> ArmState:
    if strategy in READS and not has_documents:
        return ArmState(
            strategy, need=Need.DOCUMENTS, reason="There are no documents to read from yet."
        )
    if strategy in TRAINED and settings.model.kind == "endpoint":
        return ArmState(
            strategy,
            need=Need.LOCAL_MODEL,
            reason="An endpoint cannot be fine-tuned here; choose a local model.",
        )
    if strategy is Strategy.RAG:
        return ArmState(strategy, adapter=_reader(settings, adapters))
    if strategy not in TRAINED:
        return ArmState(strategy)
    with_context = strategy is Strategy.HYBRID
    wanted = settings.hybrid_adapter if with_context else settings.adapter
    own = [a for a in adapters if not a.bundled and a.with_context == with_context]
    chosen = next((a for a in own if a.id == wanted), own[-1] if own else None)
    if chosen is None:
        how = "with retrieved passages" if with_context else "on your examples"
        return ArmState(strategy, need=Need.ADAPTER, reason=f"No adapter was trained {how} yet.")
    return ArmState(strategy, adapter=chosen.id)


def _reader(settings: WorkspaceSettings, adapters: list[Adapter]) -> str | None:
    """The bundled reading adapter, where it is wanted and belongs to the model in use."""
    fits = settings.reader and settings.model.kind == "bundled"
    return READER if fits and any(a.id == READER for a in adapters) else None
