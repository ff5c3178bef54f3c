"""The Hugging Face hub: searching, what a repository holds, and fetching it at a pinned commit.

Only safetensors, JSON and tokenizer files are taken; no code of a model is fetched or run.
"""

from __future__ import annotations

import io
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.errors import ModelError
from ragft_core.models.weights.folders import ModelFacts, architecture_of
from ragft_core.settings import Settings

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

Progress = Callable[[float, str], None]

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# Data only: no Python files, no pickles.
HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "README.md", "LICENSE*")
MOST_FOUND = 20
PATIENCE_S = 10.0
LOOK_UP_S = 0.5


@dataclass(frozen=True)
class HubModel:
    """A repository as a search lists it; ``parameters`` is 0 where the hub does not say."""

    name: str
    parameters: int
    licence: str
    gated: bool
    downloads: int


@dataclass(frozen=True)
class Repository:
    """A repository at a commit: what loading it would give and take."""

    facts: ModelFacts
    revision: str
    n_bytes: int


def search_hub(text: str) -> list[HubModel]:
    """The language models on the hub whose names match, the most downloaded first.

    Raises:
        ModelError: The hub cannot be reached.
        NotAllowedError: The person who acts may not look beyond what the lab brings.
    """
    from huggingface_hub import HfApi

    rights.require(Right.REACH)
    try:
        found = list(
            HfApi().list_models(
                search=text,
                pipeline_tag="text-generation",
                filter="safetensors",
                sort="downloads",
                limit=MOST_FOUND,
                expand=["safetensors", "gated", "tags", "downloads"],
            )
        )
    except Exception as error:  # the HTTP library behind the hub's client changes between versions
        raise _hub_error(text, error) from error
    return [
        HubModel(
            name=info.id,
            parameters=int(info.safetensors.total) if info.safetensors else 0,
            licence=_licence_of(info.tags or []),
            gated=bool(info.gated),
            downloads=int(info.downloads or 0),
        )
        for info in found
    ]


def _licence_of(tags: list[str]) -> str:
    return next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")


def look_up(name: str, settings: Settings, revision: str = "") -> Repository:
    """What a repository holds at a commit, or at what ``main`` is now; nothing is fetched.

    Raises:
        ModelError: It cannot be reached, is gated, or holds nothing that could be loaded here.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        info = api.model_info(
            name, revision=revision or None, timeout=PATIENCE_S, files_metadata=True
        )
        if info.gated:
            api.auth_check(name)
    except Exception as error:  # as above
        raise _hub_error(name, error) from error
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
    if not any(file.endswith(".safetensors") for file in sizes):
        raise ModelError(f"{name} has no weights as safetensors.", "Choose another version of it.")
    facts = _facts_of(name, info)
    n_bytes = sum(size for file, size in sizes.items() if any(fnmatch(file, p) for p in HUB_FILES))
    _check_disk(name, n_bytes, settings.models)
    return Repository(facts, str(info.sha or ""), n_bytes)


def _facts_of(name: str, info: ModelInfo) -> ModelFacts:
    config: dict[str, Any] = dict(info.config or {})
    # The hub tells a configuration in short, without the parts of a model that also sees.
    shell = str((config.get("architectures") or [""])[0]).endswith("ForConditionalGeneration")
    architecture = architecture_of(name, config | ({"text_config": {}} if shell else {}))
    if "auto_map" in config:
        raise ModelError(f"{name} asks for code of its own (auto_map), which is never run.")
    if "quantization_config" in config:
        raise ModelError(
            f"{name} is stored quantised, which needs libraries of its own.",
            "Choose the same model unquantised; RAGFT_PRECISION=4bit makes it small here.",
        )
    parameters, stored = 0, ""
    if info.safetensors:
        parameters = int(info.safetensors.total)
        kinds = info.safetensors.parameters
        stored = max(kinds, key=lambda kind: kinds[kind]) if kinds else ""
    licence = str((info.card_data or {}).get("license") or "")
    family = str(config.get("model_type") or "")
    return ModelFacts(name, architecture, parameters, 0, licence, True, family, stored)


def _check_disk(name: str, needed: int, folder: Path) -> None:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ModelError(
            f"{name} takes {needed / 1e9:.1f} GB on the disk, and {free / 1e9:.1f} GB are free.",
            "Make room, or put the models elsewhere with RAGFT_MODELS.",
        )


def hub_folder(
    name: str,
    settings: Settings,
    revision: str = "",
    *,
    fetch: bool = True,
    progress: Progress = lambda share, text: None,
) -> Path | None:
    """The folder of a model of the Hugging Face hub, downloaded when ``fetch`` allows it.

    The folder is called as the commit. A download that broke off goes on where it stopped.

    Args:
        name: Its id on the hub.
        settings: Where models lie.
        revision: The commit; none for what ``main`` is, or was when it was fetched.
        fetch: Whether it may be downloaded.
        progress: Called with a share between 0 and 1 and a line that says what is going on.

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
        bar = _Bar(name)
        fetched = _beside(
            lambda: snapshot_download(
                name,
                revision=revision or None,
                cache_dir=cache,
                allow_patterns=list(HUB_FILES),
                local_files_only=not fetch,
                tqdm_class=bar.kind(),
            ),
            lambda: progress(bar.share, bar.text) if bar.text else None,
        )
        return Path(fetched)
    except LocalEntryNotFoundError as error:
        if not fetch:
            return None
        raise _hub_error(name, error) from error
    except Exception as error:  # as above
        raise _hub_error(name, error) from error


class _Bar:
    """How far a download is, as the hub's client counts it in threads of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.share, self.text = 0.0, ""

    def kind(self) -> type[Any]:
        """The client's progress bar, which tells this one instead of drawing."""
        from huggingface_hub.utils import tqdm

        outer = self

        class Reporting(tqdm):
            def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - tqdm's own
                self.bytes_done: float = options.get("initial", 0)
                self.counts_bytes = options.get("unit") == "B"
                super().__init__(*args, **options | {"file": io.StringIO()})

            def update(self, n: float | None = 1) -> bool | None:
                self.bytes_done += n or 0
                if self.counts_bytes and self.total:
                    outer.tell(self.bytes_done, self.total)
                return super().update(n)

        return Reporting

    def tell(self, done: float, total: float) -> None:
        """Takes over a count of bytes."""
        self.share = min(1.0, done / total)
        self.text = f"Downloading {self._name}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"


def _beside(work: Callable[[], str], meanwhile: Callable[[], None]) -> str:
    """Works in a thread of its own and looks up now and then in the caller's, which a page needs.

    A caller that goes away leaves the download to end by itself.
    """
    future: Future[str] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="download", daemon=True).start()
    while not future.done():
        wait([future], timeout=LOOK_UP_S)
        meanwhile()
    return future.result()


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
        "Check the connection, or choose the bundled model or a folder. What was fetched so far is kept.",
    )
