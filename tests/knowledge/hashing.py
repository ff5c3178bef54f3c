"""An embedder without a model: words hashed into a vector. Real, instant, and needs no torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers


class HashEmbedder:
    """The hashing trick: each word adds one to its dimension; rows have length 1."""

    def __init__(self, name: str = "hash", dimension: int = 64) -> None:
        self.identity = f"{name}/{dimension}"
        self.dimension = dimension
        self.tokenizer = Tokenizer(models.WordLevel({"[WORD]": 0}, unk_token="[WORD]"))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        self.folder = Path()  # there is nothing on the disk
        self.n_embedded = 0

    def embed_documents(
        self, texts: Sequence[str], on_share: Callable[[float], None] = lambda share: None
    ) -> np.ndarray:
        self.n_embedded += len(texts)
        on_share(1.0)
        return np.stack([self.embed_query(text) for text in texts]) if texts else np.zeros((0, 1))

    def embed_query(self, text: str) -> np.ndarray:
        vector = np.full(self.dimension, 1e-3, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.sha256(word.encode()).digest()
            vector[int.from_bytes(digest[:4], "big") % self.dimension] += 1
        return vector / np.linalg.norm(vector)
