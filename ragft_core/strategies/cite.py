"""Citations from the passages themselves, never from what the model says it cites.

Small models do not cite reliably, so an answer is traced back: a passage supports it as far as it
holds the answer's content words and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import STOP_WORDS
from ragft_core.types import Citation, Passage

ENOUGH = 0.6
MOST = 2
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|\w+", re.UNICODE)


def content_words(text: str) -> list[str]:
    """Lower-case words and numbers of a text, without the words that carry no content."""
    return [word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS]


def support(answer: str, passage: str) -> float:
    """Share of the answer's content words that stand in the passage, 0 to 1; 0 without any."""
    words = content_words(answer)
    held = set(content_words(passage))
    return sum(word in held for word in words) / len(words) if words else 0.0


def cite(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passages that support an answer, best first, at most two; none for an abstention."""
    if not answer.strip() or answer.strip() == ABSTENTION:
        return ()
    found = [
        Citation(p.rank, support(answer, f"{p.document_title} {p.chunk.text}")) for p in passages
    ]
    good = [citation for citation in found if citation.support >= ENOUGH]
    return tuple(sorted(good, key=lambda c: (-c.support, c.rank))[:MOST])
