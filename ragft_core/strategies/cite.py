"""Citations from the passages themselves, never from what the model says it cites.

Small models do not cite reliably, so an answer is traced back: a passage supports it as far as it
holds the answer's content words and numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import support
from ragft_core.types import Citation, Passage

ENOUGH = 0.6
MOST = 2


def cite(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passages that support an answer, best first, at most two; none for an abstention."""
    if not answer.strip() or answer.strip() == ABSTENTION:
        return ()
    found = [
        Citation(p.rank, support(answer, [p.document_title, p.chunk.text]) or 0.0) for p in passages
    ]
    good = [citation for citation in found if citation.support >= ENOUGH]
    return tuple(sorted(good, key=lambda c: (-c.support, c.rank))[:MOST])
