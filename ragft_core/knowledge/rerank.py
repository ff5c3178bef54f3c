"""Re-ranking: a cross-encoder reads the question with each passage found, and sorts anew.

It reads both texts together (Nogueira and Cho, "Passage re-ranking with BERT", 2019), which is more
accurate than comparing two vectors, and too slow for more than the passages found first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ragft_core.errors import ModelError
from ragft_core.models.weights.hub import hub_folder
from ragft_core.settings import Settings
from ragft_core.threads import one_thread

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class Reranker(Protocol):
    """Judges how well passages answer a question."""

    def score(self, question: str, texts: Sequence[str]) -> np.ndarray:
        """One score a text, (n,) float between 0 and 1; higher is better."""


class CrossEncoderReranker:
    """A cross-encoder of sentence-transformers with one output; loaded at the first question.

    Args:
        source: A local folder, or the id of a model on the hub, which is fetched once.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._lock = threading.Lock()

    @cached_property
    def _model(self) -> CrossEncoder:
        from sentence_transformers import CrossEncoder
        from torch.nn import Sigmoid

        folder = Path(self.source).expanduser()
        if not folder.is_dir():
            folder = hub_folder(self.source, Settings()) or folder
        try:
            model = CrossEncoder(
                str(folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
                activation_fn=Sigmoid(),
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"The re-ranker {self.source!r} cannot be loaded: {str(error).splitlines()[0]}",
                "Choose a folder saved by sentence-transformers' CrossEncoder, or a hub id of one.",
            ) from error
        if model.num_labels != 1:
            raise ModelError(
                f"The re-ranker {self.source!r} has {model.num_labels} outputs; one is needed.",
                "Choose a cross-encoder that was trained for ranking.",
            )
        return model

    def score(self, question: str, texts: Sequence[str]) -> np.ndarray:
        """One score a text, (n,) float between 0 and 1; higher is better.

        Raises:
            ModelError: The model cannot be had or is of another kind.
        """
        if not texts:
            return np.zeros(0, dtype=np.float32)
        with self._lock, one_thread():  # an engine may be decoding
            pairs = [(question, text) for text in texts]
            return np.asarray(self._model.predict(pairs, show_progress_bar=False))


@lru_cache(maxsize=2)
def open_reranker(source: str) -> Reranker:
    """The re-ranker of a folder or hub id; the same one for the same source."""
    return CrossEncoderReranker(source)
