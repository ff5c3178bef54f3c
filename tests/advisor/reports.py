"""A finished evaluation's report, made of the evaluation's own values."""

from __future__ import annotations

import dataclasses
from typing import Any

from ragft_core.evaluation.reports.extras import ArmLatency
from ragft_core.evaluation.reports.report import EvaluationReport
from ragft_core.evaluation.reports.results import ArmRecord, ScoreTable
from ragft_core.evaluation.reports.verdicts import Verdict
from ragft_core.evaluation.statistics.estimates import Summary
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json

VERDICT = Verdict("correct", "rag", ("rag",), "RAG is ahead.")
WORDING = Verdict("f1", None, ("rag", "prompt"), "Too close.")


def table(score: str, part: str, **means: float) -> ScoreTable:
    rows = {
        arm.replace("_", "-"): Summary(mean, mean - 0.1, mean + 0.1, 60, 0)
        for arm, mean in means.items()
    }
    return ScoreTable(score, part, 60, "question", rows, {}, (), VERDICT)


def record(arm: str, failed: int = 0) -> ArmRecord:
    return ArmRecord(arm, 60, 60 - failed, failed, 0, None, "SmolLM2", "abcdef" * 4, 3)


def report(**changes: Any) -> EvaluationReport:
    arms = ("prompt", "rag", "fine-tuned")
    made = EvaluationReport(
        id="eval-20261122-093000-1f2e",
        name="First",
        created_at="2026-11-22T09:30:00+00:00",
        self_check=False,
        n_questions=60,
        kinds={"document-fact": 40, "unanswerable": 20},
        arms=tuple(record(arm) for arm in arms),
        winner="rag",
        verdict="RAG is ahead by 20 points.",
        robust=VERDICT,
        sensitive=WORDING,
        agreement="",
        detectable=0.2,
        notes=(),
        tables=(
            table("correct", "all", prompt=0.1, rag=0.6, fine_tuned=0.3),
            table("correct", "kind:document-fact", prompt=0.05, rag=0.7, fine_tuned=0.1),
            table("abstains", "all", prompt=0.1, rag=0.8, fine_tuned=0.2),
            table("f1", "all", prompt=0.2, rag=0.4, fine_tuned=0.5),
            table("hit", "all", rag=0.9),
            table("prompt_tokens", "all", prompt=40.0, rag=700.0, fine_tuned=40.0),
        ),
        latency=(ArmLatency("rag", 5, 2.0, 1.5, 3.0, 0.8, (2.0,)),),
        costs=(),
        forgetting=(),
        overfitting=(),
        diversity=(),
        labels=(),
    )
    return dataclasses.replace(made, **changes)


def store(workspace: Workspace, made: EvaluationReport) -> None:
    write_json(workspace.path / "evaluations" / made.id / "report.json", to_dict(made))
