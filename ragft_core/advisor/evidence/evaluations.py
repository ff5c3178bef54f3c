"""The latest evaluation's report as measured evidence.

The report is read as plain JSON by the names it is written with, so that a table this version does
not know is passed over and one that is missing is simply not evidence. Checks of an arm against
itself are no evidence about strategies and are left out.

Where several arms of one strategy were measured, the best of them speaks for it, and is named.

Intervals are those of each arm by itself. Arms answer the same questions, so the interval of a
difference is usually narrower: the simulation errs on the side of doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragft_core.advisor.deciding.recommendation import Lead, Measurement
from ragft_core.advisor.deciding.voice import CLASSIFIER
from ragft_core.errors import AdvisorError
from ragft_core.evaluation.reports import refresh_report
from ragft_core.evaluation.reports.claims import ClaimCheck
from ragft_core.evaluation.reports.results import MOST_FAILURES
from ragft_core.evaluation.statistics.significance import LEVEL
from ragft_core.evaluation.store.plans import QUESTIONS_FILE
from ragft_core.types import QuestionKind, Strategy
from ragft_core.values import from_dict
from ragft_core.workspace import Workspace, file_digest, read_json

ALL = "all"
# Under which name provenance keeps the id of the evaluation.
EVALUATION = "evaluation id"
# Which table (score, slice) is evidence for which measurement.
TABLES = {
    "accuracy": ("correct", ALL),
    "unseen_accuracy": ("correct", f"kind:{QuestionKind.DOCUMENT_FACT}"),
    "general": ("correct", f"kind:{QuestionKind.GENERAL}"),
    "abstention": ("abstains", ALL),
    # Form is measured as form: overlap of words (F1) says nothing about it.
    "form": ("format", ALL),
    "retrieval": ("hit", ALL),
    "prompt_tokens": ("prompt_tokens", ALL),
    "completion_tokens": ("completion_tokens", ALL),
}


@dataclass(frozen=True)
class EvaluationEvidence:
    """What the latest evaluation showed; empty where none was finished."""

    measurements: list[Measurement] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    leads: tuple[Lead, ...] | None = None
    claims: dict[str, ClaimCheck] = field(default_factory=dict)


def evaluation_evidence(workspace: Workspace) -> EvaluationEvidence:
    """Reads the newest finished evaluation of strategies against each other.

    One that compares arms of a single strategy (two prompts, two adapters) tells which of them is
    better and nothing about strategies: it counts only where there is no other.

    Raises:
        AdvisorError: Its report is damaged.
    """
    single: EvaluationEvidence | None = None
    for file in sorted((workspace.path / "evaluations").glob("*/report.json"), reverse=True):
        try:
            refresh_report(workspace, file.parent.name)
            report = read_json(file)
            if report.get("self_check"):
                continue
            several = len(set(_ranked(report).values())) > 1
            if not several and single is not None:
                continue
            found = _read(file, report)
            if several:
                return found
            single = found
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AdvisorError(
                f"The report of the evaluation {file.parent.name!r} cannot be read: {error!r}.",
                "Run the evaluation again; its answers are kept, so it takes seconds.",
            ) from None
    return single or EvaluationEvidence()


def _read(file: Path, report: dict[str, Any]) -> EvaluationEvidence:
    """What a report shows; its question set is told by its digest."""
    asked = file.parent / QUESTIONS_FILE
    digest = file_digest(asked) if asked.exists() else ""
    claims = [from_dict(ClaimCheck, row) for row in report.get("claims", ())]
    return EvaluationEvidence(
        list(_measurements(report)),
        _provenance(report, digest),
        _leads(report),
        {c.id: c for c in claims},
    )


def _measurements(report: dict[str, Any]) -> Iterator[Measurement]:
    ranked = _ranked(report)
    tables = {(table["score"], table["slice"]): table["summaries"] for table in report["tables"]}
    best = _best(ranked, tables.get(TABLES["accuracy"], {}))
    for name, key in TABLES.items():
        for arm, row in tables.get(key, {}).items():
            if arm in best and row["n"] and row["mean"] is not None:
                ends = (row["low"], row["high"])
                low, high = (row["mean"] if end is None else end for end in ends)
                source, strategy = _source(report, arm), best[arm]
                yield Measurement(name, row["mean"], low, high, row["n"], source, strategy)
    classifier = report.get("classifier")
    if classifier and classifier["enough"]:
        value, low, high, n = (classifier[key] for key in ("accuracy", "low", "high", "n"))
        source = f"evaluation {report['id']}, {classifier['method']}"
        yield Measurement(CLASSIFIER, value, low, high, n, source)
    for row in report["latency"]:
        if row["arm"] in best:
            yield from _times(row, _source(report, row["arm"]), best[row["arm"]])


def _ranked(report: dict[str, Any]) -> dict[str, Strategy | None]:
    return {
        row["arm"]: _strategy(row)
        for row in report["arms"]
        if row["answered"] and row["failed"] <= MOST_FAILURES * row["asked"] and _strategy(row)
    }


def _leads(report: dict[str, Any]) -> tuple[Lead, ...] | None:
    """Clear paired differences in right answers between the arms that speak for strategies.

    As ``Difference.decided``: the interval excludes 0 and so does the corrected test. None where
    the report holds no pairs.
    """
    tables = {(table["score"], table["slice"]): table for table in report["tables"]}
    table = tables.get(TABLES["accuracy"], {})
    best = _best(_ranked(report), table.get("summaries", {}))
    pairs = [row for row in table.get("differences", ()) if row["a"] in best and row["b"] in best]
    if not pairs:
        return None
    found = []
    for row in pairs:
        a, b, ends = best[row["a"]], best[row["b"]], (row["low"], row["high"])
        if row["p_holm"] < LEVEL and row["low"] > 0:
            found.append(Lead(a, b, row["mean"], *ends))
        elif row["p_holm"] < LEVEL and row["high"] < 0:
            found.append(Lead(b, a, -row["mean"], -ends[1], -ends[0]))
    return tuple(found)


def _strategy(row: dict[str, Any]) -> Strategy | None:
    """The strategy that an arm stands for; reports of the first version name it by the arm."""
    name = row.get("strategy") or row["arm"]
    return Strategy(name) if name in set(Strategy) else None


def _best(ranked: dict[str, Strategy | None], right: dict[str, Any]) -> dict[str, Strategy]:
    """The arm that speaks for each strategy: of several, the one with the most right answers."""
    chosen: dict[Strategy, str] = {}
    for arm, strategy in ranked.items():
        if strategy is not None:
            other = chosen.get(strategy)
            if other is None or _mean(right, arm) > _mean(right, other):
                chosen[strategy] = arm
    return {arm: strategy for strategy, arm in chosen.items()}


def _mean(table: dict[str, Any], arm: str) -> float:
    mean = table.get(arm, {}).get("mean")
    return -1.0 if mean is None else float(mean)


def _source(report: dict[str, Any], arm: str) -> str:
    """The evaluation, and the arm where it is not the one that its strategy is known by."""
    named = "" if arm in set(Strategy) else f", arm {arm}"
    return f"evaluation {report['id']}{named}"


def _times(row: dict[str, Any], source: str, strategy: Strategy) -> Iterator[Measurement]:
    """Whole time and time to the first token.

    Reports of before have no interval of the latter: it is as wide, in proportion, as the former's.
    """
    n, first = row["n"], row["first_token_s"]
    whole = median, low, high = row["median_s"], row["low_s"], row["high_s"]
    yield Measurement("total_s", *whole, n, source, strategy)
    scale = first / median if median > 0 else 0.0
    first_low, first_high = row.get("first_low_s"), row.get("first_high_s")
    if first_low is None or first_high is None:
        first_low, first_high = low * scale, high * scale
    yield Measurement("first_token_s", first, first_low, first_high, n, source, strategy)


def _provenance(report: dict[str, Any], digest: str) -> dict[str, str]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["kinds"].items())
    models = {f"{row['model']} ({row['weights'][:12]})" for row in report["arms"] if row["model"]}
    adapters = {f"{row['arm']}: {row['adapter']}" for row in report["arms"] if row["adapter"]}
    versions = {str(row["index_version"]) for row in report["arms"] if row["index_version"]}
    found = {
        "evaluation": report["name"],
        EVALUATION: report["id"],
        "evaluated": report["created_at"],
        "questions": f"{report['n_questions']} ({kinds})",
        "question set (sha256)": digest,
        "evaluation verdict": report["verdict"],
        "evaluated model": ", ".join(sorted(models)),
        "evaluated adapters": ", ".join(sorted(adapters)),
        "index version": ", ".join(sorted(versions)),
        "named version of the documents": report.get("version", ""),
    }
    return {key: str(value) for key, value in found.items() if value}
