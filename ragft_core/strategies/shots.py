"""Few-shot prompting: which training examples stand in an arm's prompt.

The ones most like the question by the embedder, the likest last, next to the question (Liu et al.
2022, arXiv 2101.06804): the strongest prompt that the same examples allow, and so a fair opponent
of an adapter trained on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ragft_core.knowledge import TextEmbedder
from ragft_core.types import Example, Message, Split


def nearest_examples(
    embedder: TextEmbedder, examples: Sequence[Example], question: str, count: int
) -> tuple[Message, ...]:
    """The ``count`` nearest training examples as earlier turns, the nearest one last."""
    rows = [e for e in examples if e.split is Split.TRAIN and e.answer.strip()]
    if not rows or count < 1:
        return ()
    vectors = _embedded(embedder, tuple(example.question for example in rows))  # type: ignore[arg-type]
    likeness = vectors @ embedder.embed_query(question)
    order = np.argsort(-likeness, kind="stable")[:count]
    return tuple(
        message
        for place in reversed(order.tolist())
        for message in (
            Message("user", rows[place].question),
            Message("assistant", rows[place].answer),
        )
    )


@lru_cache(maxsize=4)
def _embedded(embedder: TextEmbedder, questions: tuple[str, ...]) -> NDArray[np.float32]:
    """(n, dimension); kept, because every question of an evaluation looks through the same ones."""
    return np.asarray(embedder.embed_documents(list(questions)), dtype=np.float32)
