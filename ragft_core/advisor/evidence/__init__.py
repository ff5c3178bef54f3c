"""What a workspace shows of itself."""

from ragft_core.advisor.evidence.gather import Evidence, gather_evidence

__all__ = [
    "Evidence",
    "gather_evidence",
]
