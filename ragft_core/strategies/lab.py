"""The lab: one question, every arm at the same time, each answer with its provenance."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from ragft_core.access import Right, rights
from ragft_core.approval import require_approval
from ragft_core.arms import AdapterKind, Arm, Reads, find_arm
from ragft_core.errors import ModelError, RagftError
from ragft_core.finetuning import get_adapter
from ragft_core.knowledge import (
    Embedder,
    KnowledgeBase,
    TextEmbedder,
    Version,
    chosen_embedder,
    find_version,
    open_version,
)
from ragft_core.knowledge import open_embedder as open_chosen
from ragft_core.models import open_generator
from ragft_core.models.generator import Generation, Generator
from ragft_core.models.prompts import passage_texts
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.strategies.arms import ArmState, Need, arm_states
from ragft_core.strategies.choosing.adaptive import AdaptiveAnswer
from ragft_core.strategies.choosing.selection import Selection, policy_of, selects
from ragft_core.strategies.pending import PendingAnswer
from ragft_core.strategies.prepare import Prepared, Preparer
from ragft_core.types import Answer, Message, ModelChoice, Sampling
from ragft_core.workspace import Workspace

log = logging.getLogger(__name__)


class Lab:
    """A workspace with its generator and its knowledge base.

    ``open_model`` loads the model of an arm that names another than its workspace's, when it is
    asked first; ``open_base`` opens the named version that an arm reads. ``version`` is the one that
    all others read, where ``knowledge`` is one.
    """

    def __init__(
        self,
        workspace: Workspace,
        generator: Generator,
        knowledge: KnowledgeBase,
        open_model: Callable[[ModelChoice], Generator] | None = None,
        open_base: Callable[[Version], KnowledgeBase] | None = None,
        version: Version | None = None,
    ) -> None:
        self.workspace = workspace
        self.generator = generator
        self.knowledge = knowledge
        self._open_model = open_model
        self._others: dict[ModelChoice, Generator] = {}
        self._open_base = open_base
        self._version = version.name if version else ""
        self._bases: dict[Version, KnowledgeBase] = {}
        self._opening = threading.Lock()  # two who ask at once must not open one thing twice

    def arms(self) -> list[ArmState]:
        """The state of every arm."""
        return arm_states(self.workspace, self.knowledge.workspace)

    def ask(
        self,
        question: str,
        arms: Sequence[str],
        history: Mapping[str, Sequence[Message]] | None = None,
        *,
        sampling: Sampling | None = None,
        priority: int = 0,
        only: str = "",
        select: bool = True,
    ) -> list[PendingAnswer]:
        """Starts every arm on one question and returns at once.

        Args:
            question: As the user typed it.
            arms: The ids of the arms to run, each at most once.
            history: Earlier turns of the conversation, as each arm remembers it.
            sampling: How to decode; greedy within the workspace's limit when None.
            priority: 0 for people who wait, larger for work in the background.
            only: Which documents are read, as ``knowledge.filters`` has it; empty for all.
            select: Whether arms that select among answers do; else they give the first.

        Returns:
            One pending answer per arm, in their order. An arm that cannot run, or fails
            while it is prepared, has its reason in ``Answer.error``; the others go on.

        Raises:
            SettingsError: There is no arm with such an id.
        """
        settings = self.workspace.settings()
        sampling = sampling or Sampling(max_new_tokens=settings.max_new_tokens)
        preparer = Preparer(self.workspace, settings, self.knowledge_of, sampling, only)
        found = self.arms()
        if not select:
            found = [dataclasses.replace(state, writer=None) for state in found]
        states = {state.arm.id: state for state in found}
        known = [state.arm for state in states.values()]
        past = history or {}
        return [
            self._start(
                states[find_arm(known, arm).id], question, past.get(arm, ()), preparer, priority
            )
            for arm in arms
        ]

    def try_adapter(self, question: str, adapter_id: str, *, only: str = "") -> list[PendingAnswer]:
        """Asks one adapter, whichever its arm uses, and its base without it.

        Args:
            question: As the user typed it.
            adapter_id: Which adapter.
            only: Which documents are read, as for ``ask``.

        Returns:
            The answer with the adapter, then the one without: prompt only, or RAG where the adapter
            was trained with passages.

        Raises:
            ModelError: There is no such adapter, or it is damaged.
        """
        adapter = get_adapter(self.workspace, adapter_id)
        settings = self.workspace.settings()
        sampling = Sampling(max_new_tokens=settings.max_new_tokens)
        preparer = Preparer(self.workspace, settings, self.knowledge_of, sampling, only)
        states = {state.arm.id: state for state in self.arms()}
        trained, plain = ("hybrid", "rag") if adapter.with_context else ("fine-tuned", "prompt")
        state = states[trained]
        need = Need.NOTHING if state.need is Need.ADAPTER else state.need
        asked = [dataclasses.replace(state, adapter=adapter_id, need=need), states[plain]]
        return [self._start(state, question, (), preparer, 0) for state in asked]

    def _start(
        self,
        state: ArmState,
        question: str,
        history: Sequence[Message],
        preparer: Preparer,
        priority: int,
    ) -> PendingAnswer:
        if not state.arm.adaptive:
            return self._start_one(state, question, history, preparer, priority)
        own = self.workspace.settings()
        by_heart = dataclasses.replace(state.arm, reads=Reads.NOTHING, adapter=AdapterKind.NONE)
        recalls = dataclasses.replace(state, arm=by_heart, adapter=None)
        return AdaptiveAnswer(
            self._start_one(state, question, history, preparer, priority),
            self._start_one(recalls, question, history, preparer, priority),
            own.caution,
            own.calibration,
        )

    def _start_one(
        self,
        state: ArmState,
        question: str,
        history: Sequence[Message],
        preparer: Preparer,
        priority: int,
    ) -> PendingAnswer:
        base = Answer(arm=state.arm.id, question=question, adapter=state.adapter)
        try:
            if not state.ready:
                raise ModelError(state.reason)
            generator = self._generator_of(state)
            base = dataclasses.replace(base, model=generator.name, weights=generator.weights)
            prepared = preparer.prepare(state, generator, question, history)
            read = bool(prepared.passages)
            base = dataclasses.replace(
                base,
                passages=prepared.passages,
                index_version=self.knowledge_of(state.arm).version if read else None,
                named_version=(state.arm.settings.version or self._version) if read else "",
                retrieval_s=prepared.retrieval_s,
                note=prepared.note,
            )
            generation = self._generate(state, generator, prepared, question, history, priority)
        except RagftError as error:
            return PendingAnswer(dataclasses.replace(base, error=str(error), finish="error"))
        except Exception as error:  # a bug in one arm must not take the other columns down
            log.exception("The arm %s failed", state.arm.id)
            text = f"Internal error: {error}. The server's log has the details."
            return PendingAnswer(dataclasses.replace(base, error=text, finish="error"))
        return PendingAnswer(base, prepared, generation)

    def _generate(
        self,
        state: ArmState,
        generator: Generator,
        prepared: Prepared,
        question: str,
        history: Sequence[Message],
        priority: int,
    ) -> Generation:
        """Submits what an arm asks; where it selects, with what that takes."""
        fits = state.writer and get_adapter(self.workspace, state.writer).base == generator.weights
        alone = not history and bool(prepared.passages)
        if not (state.writer and fits and alone and selects(prepared.request, question)):
            return generator.submit(prepared.request, priority=priority)
        return Selection(
            generator,
            prepared.request,
            question,
            passage_texts(prepared.passages),
            state.writer,
            policy_of(state.arm),
            priority,
        )

    def knowledge_of(self, arm: Arm) -> KnowledgeBase:
        """What an arm reads: the named version that it names, or else what the others read.

        Raises:
            RetrievalError: There is no such version any more, or its embedding model has changed.
            ConsentError: Nobody has allowed that model on this machine.
            ModelError: The model cannot be had.
        """
        rights.require(Right.READ, self.workspace.path)
        if not arm.settings.version:
            return self.knowledge
        version = find_version(self.workspace, arm.settings.version)
        if self._open_base is None:
            raise ModelError(f"The arm {arm.in_text} reads a version that is not open here.")
        with self._opening:
            if version not in self._bases:
                self._bases[version] = self._open_base(version)
            return self._bases[version]

    def _generator_of(self, state: ArmState) -> Generator:
        """The workspace's generator, or that of the model which the arm names.

        Raises:
            ModelError: The arm's own model cannot be loaded.
        """
        choice = state.arm.settings.model
        if choice is None or choice == self.workspace.settings().model:
            return self.generator
        if self._open_model is None:
            raise ModelError(f"The arm {state.arm.in_text} names a model that is not loaded here.")
        with self._opening:
            if choice not in self._others:
                self._others[choice] = self._open_model(choice)
            return self._others[choice]

    @property
    def in_flight(self) -> int:
        """How many answers a server takes at once, where one of the models is served; else 0."""
        models = (self.generator, *self._others.values())
        return max(getattr(model, "in_flight", 0) for model in models)

    def close(self) -> None:
        """Frees the generators."""
        for generator in (self.generator, *self._others.values()):
            generator.close()


def open_embedder(settings: Settings) -> Embedder:
    """The bundled embedder, by which answers are compared whatever the index uses.

    Raises:
        ModelError: It cannot be fetched.
    """
    return Embedder(fetch(EMBEDDER, settings.models))


def open_workspace_generator(
    workspace: Workspace, choice: ModelChoice, settings: Settings
) -> Generator:
    """Loads the model that the workspace has chosen; adapters are found in the workspace.

    Raises:
        ConsentError: The workspace came from elsewhere, and nobody has allowed the model yet.
        ModelError: It cannot be loaded.
    """
    rights.require(Right.READ, workspace.path)
    require_approval(workspace, choice)
    return open_generator(choice, settings, partial(get_adapter, workspace))


def open_lab(workspace: Workspace, settings: Settings, version: Version | None = None) -> Lab:
    """Loads everything that asking needs.

    Args:
        workspace: Whose arms are asked.
        settings: Where models lie.
        version: Whose documents are read, but by arms that name another; None for the present ones.

    Raises:
        ModelError: A model is missing or cannot be loaded.
        RetrievalError: The index belongs to another embedder.
    """

    def open_model(choice: ModelChoice) -> Generator:
        return open_workspace_generator(workspace, choice, settings)

    @cache
    def opened(choice: ModelChoice | None) -> TextEmbedder:
        return open_chosen(choice, settings)

    def open_base(named: Version) -> KnowledgeBase:
        return open_version(workspace, named, settings, opened)

    generator = open_model(workspace.settings().model)
    knowledge = (
        open_base(version)
        if version
        else KnowledgeBase(workspace, opened(chosen_embedder(workspace)))
    )
    return Lab(workspace, generator, knowledge, open_model, open_base, version)
