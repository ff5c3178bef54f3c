"""Writing examples from documents: questions, the tests they must pass, their review."""

from ragft_core.finetuning.writing.job import (
    DROPPED,
    read_candidates,
    start_generation,
    writer_ready,
)
from ragft_core.finetuning.writing.review import accept, discard, edit, latest_generation
from ragft_core.finetuning.writing.reworded import rewordings_of
from ragft_core.finetuning.writing.roundtrip import REASONS, Candidate

__all__ = [
    "DROPPED",
    "REASONS",
    "Candidate",
    "accept",
    "discard",
    "edit",
    "latest_generation",
    "read_candidates",
    "rewordings_of",
    "start_generation",
    "writer_ready",
]
