"""Texts become vectors: a sentence-transformers model folder, run with transformers alone.

Importing sentence_transformers takes three to four times as long as what it needs of transformers
(15 s against 4 s on two busy cores), because it brings scikit-learn and training code. A model of
its usual make, a transformer with pooling and normalisation, is some thirty lines; a test holds
the vectors against those of sentence_transformers. Any other make is refused by name.

Nothing here touches the network: the folder is complete, or the error says what is missing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ragft_core.errors import ModelError
from ragft_core.threads import one_thread, use_threads, usual_threads
from ragft_core.workspace import file_digest

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

_POOLINGS = ("mean", "cls", "max")
# Tokens of one batch, padding included: enough to keep two cores busy, small enough for a cache.
_BATCH_TOKENS = 4096
_NEEDED = ("config.json", "tokenizer.json", "model.safetensors", "modules.json")


class TextEmbedder(Protocol):
    """What a knowledge base needs of an embedding model."""

    folder: Path  # where it lies, as sentence-transformers loads it

    @property
    def identity(self) -> str:
        """Vectors compare only where this is the same."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts tokens for splitting; without truncation and padding."""

    def embed_documents(
        self, texts: Sequence[str], on_share: Callable[[float], None] = ...
    ) -> np.ndarray:
        """Embeds texts to be found: (n, dimension) float32."""

    def embed_query(self, text: str) -> np.ndarray:
        """Embeds what is searched for: (dimension,) float32."""


class Embedder:
    """An embedding model in a local folder. The weights are loaded at the first text.

    Args:
        folder: The folder, as ``SentenceTransformer.save`` writes it.
        threads: CPU threads for torch; 0 leaves that to torch.

    Raises:
        ModelError: The folder does not hold such a model.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        missing = [name for name in _NEEDED if not (folder / name).exists()]
        if missing:
            raise ModelError(
                f"The folder {folder.name!r} holds no embedding model: {', '.join(missing)} "
                "is missing.",
                "Choose a folder saved by sentence-transformers with safetensors weights.",
            )
        self.folder = folder
        self.name = folder.name
        self._threads = threads
        self._lock = threading.Lock()
        self._pooling, self._normalise = _read_modules(folder)
        self.dimension = int(_read_json(folder / "config.json").get("hidden_size") or 0)
        limits = _read_json(folder / "sentence_bert_config.json")
        self.max_tokens = int(limits.get("max_seq_length") or 256)
        prompts = _read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
        self._query_prompt = str(prompts.get("query") or "")
        self._document_prompt = str(prompts.get("document") or prompts.get("passage") or "")

    @cached_property
    def identity(self) -> str:
        """Name, weights digest and dimension: vectors compare only where this is the same."""
        digest = file_digest(self.folder / "model.safetensors")
        return f"{self.name}@{digest[:16]}/{self.dimension}"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, without truncation and padding; needs no torch."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _model(self) -> torch.nn.Module:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()  # a bar for 0.1 s, on the server's console
        try:
            model = AutoModel.from_pretrained(
                self.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelError(
                f"The embedding model {self.name!r} cannot be loaded: {error}.",
                "Delete its folder and start again, so that it is fetched once more.",
            ) from error
        return model.eval()

    def embed_documents(
        self, texts: Sequence[str], on_share: Callable[[float], None] = lambda share: None
    ) -> np.ndarray:
        """Embeds texts to be found.

        Args:
            texts: n texts; what is beyond ``max_tokens`` of each is not seen.
            on_share: Called with the share that is done after each batch.

        Returns:
            (n, dimension) float32; rows of length 1 where the model normalises.
        """
        use_threads(usual_threads(self._threads))
        return self._embed([self._document_prompt + text for text in texts], on_share)

    def embed_query(self, text: str) -> np.ndarray:
        """Embeds what is searched for: (dimension,) float32."""
        with one_thread():  # an engine may be decoding
            return self._embed([self._query_prompt + text], lambda share: None)[0]

    def _embed(self, texts: list[str], on_share: Callable[[float], None]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if not texts:
            return vectors
        rows = [self._token_ids(ids) for ids in self._encode(texts)]
        # Neighbours of about one length: a batch is padded to its longest, and padding costs.
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        done = 0
        for batch in _batches(order, rows):
            with self._lock:
                vectors[batch] = self._forward([rows[index] for index in batch])
            done += len(batch)
            on_share(done / len(texts))
        return vectors

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]

    def _token_ids(self, ids: list[int]) -> list[int]:
        """Cuts to ``max_tokens``, keeping the closing special token."""
        if len(ids) <= self.max_tokens:
            return ids
        return [*ids[: self.max_tokens - 1], ids[-1]]

    def _forward(self, rows: list[list[int]]) -> np.ndarray:
        import torch

        length = max(len(row) for row in rows)
        ids = torch.zeros((len(rows), length), dtype=torch.long)
        mask = torch.zeros((len(rows), length), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
            mask[index, : len(row)] = 1
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = _pool(hidden, mask[..., None], self._pooling)
            if self._normalise:
                pooled = torch.nn.functional.normalize(pooled, dim=-1)
        return pooled.numpy()


def _pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Token states (n, length, dimension) to one vector a text (n, dimension)."""
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "max":
        return hidden.masked_fill(mask == 0, float("-inf")).amax(dim=1)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)


def _batches(order: list[int], rows: list[list[int]]) -> list[list[int]]:
    """Cuts indices, sorted by length, into batches of at most ``_BATCH_TOKENS`` with padding."""
    batches: list[list[int]] = []
    for index in order:
        current = batches[-1] if batches else None
        if current is None or (len(current) + 1) * len(rows[index]) > _BATCH_TOKENS:
            batches.append([index])
        else:
            current.append(index)
    return batches


def _read_modules(folder: Path) -> tuple[str, bool]:
    """The pooling mode and whether vectors are normalised.

    Raises:
        ModelError: The model is made of other parts.
    """
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelError(
            f"The embedding model {folder.name!r} is made of {', '.join(kinds)}.",
            "Only a transformer with pooling, and perhaps normalisation, can be used.",
        )
    config = _read_json(folder / modules[1]["path"] / "config.json")
    named = str(config.get("pooling_mode") or "").replace("_tokens", "")
    flags = {
        "mean": config.get("pooling_mode_mean_tokens"),
        "cls": config.get("pooling_mode_cls_token"),
        "max": config.get("pooling_mode_max_tokens"),
    }
    chosen = [named] if named else [mode for mode, on in flags.items() if on]
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise ModelError(
            f"The embedding model {folder.name!r} pools by {' and '.join(chosen) or 'nothing'}.",
            f"Only {', '.join(_POOLINGS)} can be used, one of them.",
        )
    return chosen[0], len(kinds) == 3


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON file of the model; one that is not there says nothing."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
