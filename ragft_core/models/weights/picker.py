"""Which models can be picked, and whether a pick would work, found out before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.approval import read_key
from ragft_core.errors import ModelError
from ragft_core.models.weights import bundled
from ragft_core.models.weights.device import (
    BYTES,
    CPU,
    FOUR_BIT_BYTES,
    OVERHEAD_BYTES,
    choose_device,
    reckon,
    shortage,
)
from ragft_core.models.weights.folders import ModelFacts, check_folder
from ragft_core.models.weights.hub import hub_folder, look_up
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice

# A larger one takes more than a second for a few words on a CPU.
MOST_ON_CPU = 2_000_000_000
# A model that is offered leaves this share of the free memory to documents, training and others.
OFFERED_SHARE = 0.6


@dataclass(frozen=True)
class Suggestion:
    """A model on the Hugging Face hub that is sensible here.

    ``parameters`` and ``licence`` are those of its card. ``tried`` says what was tried of it here
    and when: the lab's own checks know no hub, so families were tried as small models of their shape.
    """

    name: str
    parameters: int
    licence: str
    note: str
    tried: str = "its family, as a small model, 2026-11"


SUGGESTED = (
    Suggestion("HuggingFaceTB/SmolLM2-360M-Instruct", 361_821_120, "Apache-2.0", "quick on a CPU"),
    Suggestion("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768, "Apache-2.0", "many languages"),
    Suggestion("Qwen/Qwen3-0.6B", 751_632_384, "Apache-2.0", "many languages, newer"),
    Suggestion("Qwen/Qwen2.5-1.5B-Instruct", 1_543_714_304, "Apache-2.0", "reads well"),
    Suggestion("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1_711_376_384, "Apache-2.0", "English"),
    Suggestion("Qwen/Qwen3-4B-Instruct-2507", 4_022_468_096, "Apache-2.0", "for a GPU or a Mac"),
    Suggestion("Qwen/Qwen3-8B", 8_190_735_360, "Apache-2.0", "for a GPU of 24 GB, or 4 bits"),
)


@dataclass(frozen=True)
class ModelReport:
    """What is known about a pick without loading it; ``problem`` is empty when it can be used.

    Sizes are bytes, 0 where unknown or on another machine: ``needed_bytes`` to ask it,
    ``cache_bytes`` of that for what four questions hold, ``training_bytes`` for an ordinary run.
    ``device`` says where it runs and how its numbers are kept. ``download`` says that weights would
    have to be fetched first; ``revision`` is the commit of a model of the hub.
    """

    name: str
    problem: str = ""
    remedy: str = ""
    architecture: str = ""
    parameters: int = 0
    needed_bytes: int = 0
    available_bytes: int = 0
    context_tokens: int = 0
    licence: str = ""
    note: str = ""
    download: bool = False
    revision: str = ""
    device: str = ""
    cache_bytes: int = 0
    training_bytes: int = 0

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problem

    @property
    def memory_text(self) -> str:
        """Where it runs and what it takes, in a sentence; empty for a model of a server."""
        if not self.device:
            return ""
        training = (
            f", to train it {self.training_bytes / 1e9:.1f} GB" if self.training_bytes else ""
        )
        return (
            f"It runs on {self.device} (RAGFT_DEVICE, RAGFT_PRECISION): to ask it takes about "
            f"{self.needed_bytes / 1e9:.1f} GB of memory{training}; "
            f"{self.available_bytes / 1e9:.1f} GB are free."
        )


def check_model(choice: ModelChoice, settings: Settings) -> ModelReport:
    """Finds out whether a pick would work. Loads nothing and never raises for a bad pick.

    Raises:
        NotAllowedError: The person who acts may not look beyond what the lab brings.
    """
    if choice.kind != "bundled":
        rights.require(Right.REACH)
    try:
        if choice.kind == "bundled":
            return _check_bundled(settings)
        if choice.kind == "folder":
            return _report(choice.name, check_folder(Path(choice.name).expanduser()), settings)
        if choice.kind == "hub":
            return _check_hub(choice, settings)
        if choice.kind == "endpoint":
            return _check_endpoint(choice)
    except ModelError as error:
        return ModelReport(choice.name, problem=error.message, remedy=error.remedy)
    return ModelReport(choice.name, problem=f"There is no kind of model called {choice.kind!r}.")


def suggestions(settings: Settings) -> list[tuple[Suggestion, int, bool]]:
    """The short list, each with the bytes that it takes here and whether it can be offered here.

    Raises:
        ModelError: The settings name a device that is not there.
    """
    device = choose_device(settings)
    free = device.free_bytes()
    found = []
    for item in SUGGESTED:
        needed = int(BYTES.get(device.precision, FOUR_BIT_BYTES) * item.parameters) + OVERHEAD_BYTES
        quick = device.is_gpu or item.parameters <= MOST_ON_CPU
        found.append((item, needed, quick and needed <= OFFERED_SHARE * free))
    return found


def _report(
    name: str,
    facts: ModelFacts,
    settings: Settings,
    note: str = "",
    download: bool = False,
    revision: str = "",
) -> ModelReport:
    device = choose_device(settings)
    memory = reckon(facts, device)
    problem, remedy = shortage(facts, device)
    notes = [note] if note else []
    if not facts.has_template and not download:
        notes.append("It has no chat template; a plain one is used.")
    if not facts.licence:
        notes.append("Its licence is not stated.")
    return ModelReport(
        name=name,
        problem=problem,
        remedy=remedy,
        architecture=facts.architecture,
        parameters=facts.parameters,
        needed_bytes=memory.asking,
        available_bytes=memory.free,
        context_tokens=facts.context_tokens,
        licence=facts.licence,
        note=" ".join(notes),
        download=download,
        revision=revision,
        device=device.text,
        cache_bytes=memory.cache,
        training_bytes=memory.training,
    )


def _check_bundled(settings: Settings) -> ModelReport:
    model = bundled.GENERATOR
    if bundled.is_ready(model, settings.models):
        return _report(model.name, check_folder(settings.models / model.name), settings)
    free = psutil.virtual_memory().available
    return ModelReport(
        model.name, licence=model.licence, available_bytes=free, needed_bytes=OVERHEAD_BYTES,
        note=f"{model.megabytes} MB are downloaded once.", download=True, device=CPU.text,
    )  # fmt: skip


def _check_endpoint(choice: ModelChoice) -> ModelReport:
    from ragft_core.models.remote.chat_api import chat_url

    note = f"Questions and passages are sent to {chat_url(choice)}."
    read_key(choice.key_variable)
    return ModelReport(choice.name, note=note, context_tokens=choice.context_tokens)


def _check_hub(choice: ModelChoice, settings: Settings) -> ModelReport:
    """A model of the hub at the commit that the choice names, or at what ``main`` is now."""
    name = choice.name
    kept = hub_folder(name, settings, choice.revision, fetch=False)
    if kept is not None:
        return _report(name, check_folder(kept), settings, _pinned(kept.name), revision=kept.name)
    found = look_up(name, settings, choice.revision)
    note = f"{found.n_bytes / 1e9:.1f} GB are downloaded once. {_pinned(found.revision)}"
    return _report(name, found.facts, settings, note, download=True, revision=found.revision)


def _pinned(revision: str) -> str:
    return f"Pinned at commit {revision[:10]}."
