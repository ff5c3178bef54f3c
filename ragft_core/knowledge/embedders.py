"""Which embedding model a workspace uses: the bundled one, or any of sentence-transformers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragft_core.approval import require_approval
from ragft_core.errors import ModelError
from ragft_core.knowledge.embed import Embedder, TextEmbedder
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.models.weights.hub import hub_folder
from ragft_core.models.weights.picker import Suggestion
from ragft_core.settings import Settings
from ragft_core.threads import one_thread, use_threads, usual_threads
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace, file_digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

SUGGESTED_EMBEDDERS = (
    Suggestion(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 117_653_760, "Apache-2.0",
        "50 languages",
    ),
    Suggestion(
        "ibm-granite/granite-embedding-107m-multilingual", 106_993_920, "Apache-2.0",
        "12 languages, made for search",
    ),
    Suggestion("BAAI/bge-small-en-v1.5", 33_360_000, "MIT", "English, made for search"),
)  # fmt: skip
# A chunk with its title and heading; a model that can read as much is let to.
_READ_TOKENS = 256
_BATCH = 32


class LibraryEmbedder:
    """A model of sentence-transformers, run by the library; loaded at the first use.

    Args:
        folder: Where it lies, as ``SentenceTransformer.save`` writes it.
        name: What people call it.
        threads: CPU threads for torch; 0 leaves that to torch.
    """

    def __init__(self, folder: Path, name: str, threads: int = 0) -> None:
        if not (folder / "modules.json").exists():
            raise ModelError(
                f"{name} holds no embedding model: modules.json is missing.",
                "Choose a folder saved by sentence-transformers, or a hub id of one.",
            )
        self.folder = folder
        self.name = name
        self._threads = threads
        self._lock = threading.Lock()

    @cached_property
    def _model(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(
                str(self.folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, ImportError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"The embedding model {self.name!r} cannot be loaded: {reason}",
                "Choose one that was saved by sentence-transformers with safetensors weights and "
                "needs no code of its own.",
            ) from error
        longest = getattr(model.tokenizer, "model_max_length", 0)
        if model.max_seq_length and model.max_seq_length < _READ_TOKENS <= longest < 1e6:
            model.max_seq_length = _READ_TOKENS
        return model

    @cached_property
    def identity(self) -> str:
        """Name, digest of weights and parts, dimension: vectors compare only where it is equal."""
        digest = hashlib.sha256()
        files = [*self.folder.rglob("*.safetensors"), *self.folder.rglob("*.json")]
        for file in sorted(files, key=lambda path: path.relative_to(self.folder).as_posix()):
            digest.update(
                f"{file.relative_to(self.folder).as_posix()} {file_digest(file)}\n".encode()
            )
        return f"{self.name}@{digest.hexdigest()[:16]}/{self.dimension}"

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Counts tokens for splitting; without truncation and padding.

        Raises:
            ModelError: The model's tokenizer is of a kind that cannot count for the splitter.
        """
        from tokenizers import Tokenizer

        own = self._model.tokenizer
        fast = own if isinstance(own, Tokenizer) else getattr(own, "backend_tokenizer", None)
        if not isinstance(fast, Tokenizer):
            raise ModelError(
                f"The embedding model {self.name!r} has no fast tokenizer.",
                "Choose one whose folder holds a tokenizer.json.",
            )
        copy = Tokenizer.from_str(fast.to_str())
        copy.no_truncation()
        copy.no_padding()
        return copy

    def embed_documents(
        self, texts: Sequence[str], on_share: Callable[[float], None] = lambda share: None
    ) -> np.ndarray:
        """Embeds texts to be found: (n, dimension) float32 of length 1.

        Args:
            texts: What is beyond the model's longest input is not seen.
            on_share: Called with the share that is done after each batch.
        """
        use_threads(usual_threads(self._threads))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        # Neighbours of about one length: a batch is padded to its longest, and padding costs.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            with self._lock:
                vectors[places] = self._model.encode_document(
                    [texts[place] for place in places],
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            on_share((start + len(places)) / len(texts))
        return vectors

    def embed_query(self, text: str) -> np.ndarray:
        """Embeds what is searched for, with the model's prompt for questions: (dimension,)."""
        with self._lock, one_thread():  # an engine may be decoding
            found = self._model.encode_query(
                text, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(found, dtype=np.float32)


def open_embedder(choice: ModelChoice | None, settings: Settings) -> TextEmbedder:
    """Opens an embedding model, fetched where it is not in the cache yet.

    Args:
        choice: A folder or hub id; None is the bundled one.
        settings: Where models lie.

    Raises:
        ModelError: It cannot be had, or is no embedding model.
    """
    if choice is None or choice.kind == "bundled":
        return Embedder(fetch(EMBEDDER, settings.models), settings.threads)
    folder = Path(choice.name).expanduser()
    if choice.kind == "hub":
        folder = hub_folder(choice.name, settings) or folder
    return LibraryEmbedder(folder, choice.name.rstrip("/").rpartition("/")[2], settings.threads)


def embedder_of(workspace: Workspace, settings: Settings) -> TextEmbedder:
    """The embedding model that a workspace has chosen.

    Raises:
        ConsentError: The workspace came from elsewhere, and nobody has allowed the model yet.
        ModelError: It cannot be had.
    """
    return open_embedder(chosen_embedder(workspace), settings)


def chosen_embedder(workspace: Workspace) -> ModelChoice | None:
    """The workspace's choice, to be opened: a folder of the workspace's own by its full path.

    Raises:
        ConsentError: The workspace came from elsewhere, and nobody has allowed the model yet.
    """
    choice = workspace.settings().embedder
    if choice is not None:
        require_approval(workspace, choice)
    return in_workspace(workspace, choice)


def in_workspace(workspace: Workspace, choice: ModelChoice | None) -> ModelChoice | None:
    """A tuned model lies in the workspace and is named from there, so that it moves along."""
    if choice is None or choice.kind != "folder":
        return choice
    own = workspace.path / choice.name
    return replace(choice, name=str(own)) if own.is_dir() else choice


def embedder_choice(name: str) -> ModelChoice | None:
    """What somebody typed as a choice: ``bundled`` or nothing, a folder, or a hub id."""
    name = name.strip()
    if name in ("", "bundled", EMBEDDER.name):
        return None
    folder = Path(name).expanduser()
    return ModelChoice("folder", str(folder)) if folder.is_dir() else ModelChoice("hub", name)
