"""Which models can be picked, and whether a pick would work, found out before it is loaded."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import psutil

from ragft_core.approval import read_key
from ragft_core.errors import ModelError
from ragft_core.models.weights import bundled
from ragft_core.models.weights.loading import OVERHEAD_BYTES, ModelFacts, check_folder
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# Data only: no Python files, no pickles.
HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "README.md", "LICENSE*")


@dataclass(frozen=True)
class Suggestion:
    """A small model on the Hugging Face hub that is known to be sensible here."""

    name: str
    parameters: int
    licence: str
    note: str


SUGGESTED = (
    Suggestion("HuggingFaceTB/SmolLM2-360M-Instruct", 361_821_120, "Apache-2.0", "quick on a CPU"),
    Suggestion("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768, "Apache-2.0", "many languages"),
    Suggestion("Qwen/Qwen3-0.6B", 751_632_384, "Apache-2.0", "many languages, newer"),
    Suggestion("Qwen/Qwen2.5-1.5B-Instruct", 1_543_714_304, "Apache-2.0", "reads well"),
    Suggestion("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1_711_376_384, "Apache-2.0", "English"),
)


@dataclass(frozen=True)
class ModelReport:
    """What is known about a pick without loading it; ``problem`` is empty when it can be used.

    Sizes are bytes, 0 where unknown or on another machine. ``download`` says that weights would
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

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problem


def check_model(choice: ModelChoice, settings: Settings) -> ModelReport:
    """Finds out whether a pick would work. Loads nothing and never raises for a bad pick."""
    try:
        if choice.kind == "bundled":
            return _check_bundled(settings)
        if choice.kind == "folder":
            return _report(choice.name, check_folder(Path(choice.name).expanduser()))
        if choice.kind == "hub":
            return _check_hub(choice, settings)
        if choice.kind == "endpoint":
            return _check_endpoint(choice)
    except ModelError as error:
        return ModelReport(choice.name, problem=error.message, remedy=error.remedy)
    return ModelReport(choice.name, problem=f"There is no kind of model called {choice.kind!r}.")


def _report(
    name: str, facts: ModelFacts, note: str = "", download: bool = False, revision: str = ""
) -> ModelReport:
    free = psutil.virtual_memory().available
    problem = remedy = ""
    if facts.needed_bytes > free:
        problem = (
            f"{name} needs about {facts.needed_bytes / 1e9:.1f} GB of memory, "
            f"and {free / 1e9:.1f} GB are free."
        )
        remedy = "Choose a smaller model, or close other programs."
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
        needed_bytes=facts.needed_bytes,
        available_bytes=free,
        context_tokens=facts.context_tokens,
        licence=facts.licence,
        note=" ".join(notes),
        download=download,
        revision=revision,
    )


def _check_bundled(settings: Settings) -> ModelReport:
    model = bundled.GENERATOR
    if bundled.is_ready(model, settings.models):
        return _report(model.name, check_folder(settings.models / model.name))
    free = psutil.virtual_memory().available
    return ModelReport(
        model.name, licence=model.licence, available_bytes=free, needed_bytes=OVERHEAD_BYTES,
        note=f"{model.megabytes} MB are downloaded once.", download=True,
    )  # fmt: skip


def _check_endpoint(choice: ModelChoice) -> ModelReport:
    from ragft_core.models.remote.chat_api import chat_url

    note = f"Questions and passages are sent to {chat_url(choice)}."
    read_key(choice.key_variable)
    return ModelReport(choice.name, note=note)


def _check_hub(choice: ModelChoice, settings: Settings) -> ModelReport:
    """A model of the hub at the commit that the choice names, or at what ``main`` is now."""
    name = choice.name
    kept = hub_folder(name, settings, choice.revision, fetch=False)
    if kept is not None:
        return _report(name, check_folder(kept), _pinned(kept.name), revision=kept.name)
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        info = api.model_info(
            name, revision=choice.revision or None, timeout=10, files_metadata=True
        )
        if info.gated:
            api.auth_check(name)
    except Exception as error:  # the HTTP library behind the hub's client changes between versions
        raise _hub_error(name, error) from error
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
    if not any(file.endswith(".safetensors") for file in sizes):
        raise ModelError(f"{name} has no weights as safetensors.", "Choose another version of it.")
    config = info.config or {}
    architecture = (config.get("architectures") or ["unknown"])[0]
    if not architecture.endswith(("ForCausalLM", "LMHeadModel")):
        raise ModelError(f"{name} is a {architecture}, not a causal language model.")
    if "auto_map" in config:
        raise ModelError(f"{name} asks for code of its own (auto_map), which is never run.")
    if "quantization_config" in config:
        raise ModelError(
            f"{name} is stored quantised, which needs libraries of its own.",
            "Choose the same model unquantised.",
        )
    fetched = sum(size for file, size in sizes.items() if any(fnmatch(file, p) for p in HUB_FILES))
    _check_disk(name, fetched, settings.models)
    parameters = int(info.safetensors.total) if info.safetensors else 0
    licence = str((info.card_data or {}).get("license") or "")
    facts = ModelFacts(name, architecture, parameters, 0, licence, has_template=True)
    revision = str(info.sha or "")
    note = f"{fetched / 1e9:.1f} GB are downloaded once. {_pinned(revision)}"
    return _report(name, facts, note, download=True, revision=revision)


def _pinned(revision: str) -> str:
    return f"Pinned at commit {revision[:10]}."


def _check_disk(name: str, needed: int, folder: Path) -> None:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ModelError(
            f"{name} takes {needed / 1e9:.1f} GB on the disk, and {free / 1e9:.1f} GB are free.",
            "Make room, or put the models elsewhere with RAGFT_MODELS.",
        )


def hub_folder(
    name: str, settings: Settings, revision: str = "", *, fetch: bool = True
) -> Path | None:
    """The folder of a model of the Hugging Face hub, downloaded when ``fetch`` allows it.

    Only safetensors, JSON and tokenizer files are taken. The folder is called as the commit.

    Args:
        name: Its id on the hub.
        settings: Where models lie.
        revision: The commit; none for what ``main`` is, or was when it was fetched.
        fetch: Whether it may be downloaded.

    Raises:
        ModelError: The id or the commit is none, or the hub cannot be reached.
    """
    if not HUB_ID.fullmatch(name):
        raise ModelError(
            f"{name!r} is not the id of a model on the hub.", "It looks like owner/model."
        )
    if revision and not COMMIT.fullmatch(revision):
        raise ModelError(f"{revision[:80]!r} is no commit of a model.", "Choose the model again.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    cache = settings.models / "hub"
    kept = cache / f"models--{name.replace('/', '--')}"
    mark = kept / "snapshots" / revision if revision else kept / "refs" / "main"
    if not fetch and not mark.exists():
        return None
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision or None,
                cache_dir=cache,
                allow_patterns=list(HUB_FILES),
                local_files_only=not fetch,
            )
        )
    except LocalEntryNotFoundError as error:
        if not fetch:
            return None
        raise _hub_error(name, error) from error
    except Exception as error:  # as above
        raise _hub_error(name, error) from error


def _hub_error(name: str, error: Exception) -> ModelError:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return ModelError(
            f"{name} is only given to people who accepted its licence.",
            "Accept it on its hub page and log in with 'hf auth login'.",
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelError(f"There is no model {name} on the hub.", "Check its id.")
    return ModelError(
        f"The model hub cannot be reached for {name}: {type(error).__name__}.",
        "Check the connection, or choose the bundled model or a folder.",
    )
