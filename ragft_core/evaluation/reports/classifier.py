"""The plain classifier beside the arms, on the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ragft_core.evaluation.labels import confusion, macro_f1
from ragft_core.evaluation.reports.results import Results
from ragft_core.evaluation.statistics.bootstrap import group, resample
from ragft_core.evaluation.statistics.estimates import compare, summarise
from ragft_core.evaluation.statistics.significance import LEVEL
from ragft_core.evaluation.store.plans import CLASSIFIER_FILE, folder_of
from ragft_core.types import QuestionKind
from ragft_core.values import from_dict
from ragft_core.workspace import read_json

FEWEST = 20


@dataclass(frozen=True)
class Classified:
    """What the classifier gave, as it lies on disk: the label of each question by its id."""

    method: str
    n_train: int
    seconds: float
    given: Mapping[str, str]


@dataclass(frozen=True)
class ClassifierReport:
    """A plain classifier beside the best arm on ``n`` label questions.

    ``gap`` is its share right minus the arm's on the questions both were scored on, ``p`` is tested
    and corrected as between arms. ``enough`` says that it is not clearly behind the best arm, on at
    least 20 questions.
    """

    method: str
    n_train: int
    seconds: float
    n: int
    accuracy: float
    low: float
    high: float
    macro_f1: float
    best: str
    gap: float
    p: float
    enough: bool


def classifier_report(results: Results) -> ClassifierReport | None:
    """The classifier's row; None where it was not asked."""
    file = folder_of(results.workspace, results.plan.id) / CLASSIFIER_FILE
    if not file.exists():
        return None
    found = from_dict(Classified, read_json(file), file.name)
    labelling = results.questions.labelling
    asked = [
        (place, question)
        for place, question in enumerate(results.ranked)
        if question.kind is QuestionKind.LABEL and question.id in found.given
    ]
    if not asked:
        return None
    golds = [{labelling.read(gold) for gold in question.golds} for _, question in asked]
    given = [found.given[question.id] for _, question in asked]
    right = np.array([g in wanted for g, wanted in zip(given, golds, strict=True)], dtype=float)
    clusters = group([question.document_id for _, question in asked])
    weights, looked = resample(clusters), results.plan.stop_early
    matrix = confusion([next(iter(g)) or "" for g in golds], given, labelling.labels)
    rows = {arm: results.row("correct", arm)[[p for p, _ in asked]] for arm in results.ranked_arms}
    means = {arm: float(np.nanmean(row)) for arm, row in rows.items() if not np.isnan(row).all()}
    best = max(means, key=lambda arm: means[arm], default="")
    gap = p = 0.0
    if best:
        both = np.array([right, rows[best]])
        (pair,) = compare([found.method, best], both, clusters, weights, sequential=looked)
        gap, p = pair.mean, pair.p_holm
    (share,) = summarise(right[None], clusters, weights, rate=True, sequential=looked)
    assert share.low is not None
    assert share.high is not None
    behind = gap < 0 and p < LEVEL
    return ClassifierReport(
        found.method, found.n_train, found.seconds, len(right), float(right.mean()), share.low,
        share.high, macro_f1(matrix) or 0.0, best, gap, p,
        bool(best) and len(right) >= FEWEST and not behind,
    )  # fmt: skip


def classifier_note(report: ClassifierReport, names: Mapping[str, str]) -> str:
    """What the classifier shows, as a sentence of the report."""
    share = f"{100 * report.accuracy:.0f} % ({100 * report.low:.0f} % to {100 * report.high:.0f} %, n = {report.n})"
    text = f"A plain classifier ({report.method}, {report.seconds:.0f} s) is right on {share}"
    if not report.best:
        return f"{text}."
    other = names.get(report.best, report.best)
    if report.enough:
        return f"{text}, not clearly behind {other}: you may need neither retrieval nor tuning."
    points = f"{100 * abs(report.gap):.0f} points"
    return f"{text}, {points} {'behind' if report.gap < 0 else 'ahead of'} {other}."
