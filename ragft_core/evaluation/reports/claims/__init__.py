"""The founding article's seven claims, each with a check that a workspace can pass or fail."""

from ragft_core.evaluation.reports.claims.checks import check_claims
from ragft_core.evaluation.reports.claims.table import (
    Claim,
    ClaimCheck,
    Holding,
    Point,
    citation,
    claim_table,
    points,
)

__all__ = [
    "Claim",
    "ClaimCheck",
    "Holding",
    "Point",
    "check_claims",
    "citation",
    "claim_table",
    "points",
]
