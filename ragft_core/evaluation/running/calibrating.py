"""How sure an arm is against how often it is right, and the adaptive arm calibrated by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragft_core.access import Right, rights
from ragft_core.errors import EvaluationError
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.reports.results import Results
from ragft_core.evaluation.text import is_abstention
from ragft_core.strategies.choosing.adaptive import (
    Signals,
    calibrated,
    choose,
    declines,
    signals_of,
)
from ragft_core.types import Answer, Calibration, QuestionKind
from ragft_core.workspace import Workspace

READS, RECALLS = "rag", "prompt"
# Fewer answers than this calibrate nothing but chance.
FEWEST = 30
BINS = 5


@dataclass(frozen=True)
class Bin:
    """Answers of like confidence: how many, how sure on average, and the share that was right."""

    n: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """An arm's confidence against its right answers.

    ``error`` is the expected calibration error: the mean distance of confidence and share right
    over the bins, weighed by their answers (Naeini and others, 2015).
    """

    arm: str
    n: int
    error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of the questions; a declined one that has no answer counts as right."""

    right: int
    wrong: int
    declined: int


@dataclass(frozen=True)
class CalibrationReport:
    """The calibration, and what each way of answering brought on questions it was not fitted to.

    Of ``unknown`` answers the confidence is not known: an endpoint's, or those that an older run
    lent. A middling one was taken for them.
    """

    calibration: Calibration
    reading: Outcome
    adaptive: Outcome
    unknown: int = 0


@dataclass(frozen=True)
class _Pair:
    question: Question
    read: Answer
    recalled: Answer
    read_right: bool
    recalled_right: bool

    @property
    def signals(self) -> Signals:
        return signals_of(self.read, self.recalled)


def reliability(results: Results) -> list[Reliability]:
    """How far each arm's confidence can be trusted; arms whose model tells none are left out.

    Answers that decline are left out: they claim nothing.
    """
    found = []
    for arm in results.arms:
        rows = []
        for question in results.ranked:
            stored, scores = (
                results.answer(arm, question.id),
                results.details.get((arm, question.id)),
            )
            score = scores["correct"].value if scores else None
            if stored is None or score is None or stored.answer.confidence is None:
                continue
            if not is_abstention(stored.answer.text):
                rows.append((stored.answer.confidence, float(score)))
        if rows:
            found.append(_reliability(arm, rows))
    return found


def calibrate(workspace: Workspace, results: Results) -> CalibrationReport:
    """Fits the adaptive arm to a run's answers of RAG and the prompt alone, and keeps it.

    What it brings is measured two-fold: each half of the questions is decided by a calibration on
    the other half.

    Raises:
        EvaluationError: The run has too few scored answers of both arms.
    """
    rights.require(Right.CHANGE, workspace.path)
    pairs = _pairs(results)
    if len(pairs) < FEWEST:
        raise EvaluationError(
            f"{len(pairs)} questions of this run have scored answers of both RAG and prompt only; "
            f"{FEWEST} are needed to calibrate on.",
            "Evaluate both arms on more questions, general ones among them.",
        )
    caution = workspace.settings().caution
    halves = [pairs[::2], pairs[1::2]]
    adaptive = [
        outcome
        for fitted, asked in (halves, halves[::-1])
        for outcome in _outcomes(asked, caution, _fit(fitted))
    ]
    calibration = dataclasses.replace(_fit(pairs), source=results.plan.id)
    workspace.update(calibration=calibration)
    reading = [_outcome(p.question, p.read.text, p.read_right) for p in pairs]
    unknown = sum(answer.confidence is None for p in pairs for answer in (p.read, p.recalled))
    return CalibrationReport(calibration, _count(reading), _count(adaptive), unknown)


def _pairs(results: Results) -> list[_Pair]:
    found = []
    for question in results.ranked:
        rows = [results.answer(arm, question.id) for arm in (READS, RECALLS)]
        scores = [results.details.get((arm, question.id)) for arm in (READS, RECALLS)]
        values = [s["correct"].value if s else None for s in scores]
        if rows[0] is None or rows[1] is None or None in values:
            continue
        # Where nothing is the right answer, whatever is said is wrong.
        told = question.kind is not QuestionKind.UNANSWERABLE
        found.append(
            _Pair(
                question, rows[0].answer, rows[1].answer,
                told and values[0] == 1.0, told and values[1] == 1.0,
            )
        )  # fmt: skip
    return found


def _fit(pairs: Sequence[_Pair]) -> Calibration:
    return calibrated(
        [
            (
                p.signals,
                None if declines(p.read.text) else p.read_right,
                None if declines(p.recalled.text) else p.recalled_right,
            )
            for p in pairs
        ]
    )


def _outcomes(pairs: Sequence[_Pair], caution: float, calibration: Calibration) -> list[str]:
    found = []
    for pair in pairs:
        chosen = choose(pair.read, pair.recalled, caution, calibration)
        right = pair.read_right if chosen.from_passages else pair.recalled_right
        found.append(_outcome(pair.question, chosen.text, right))
    return found


def _outcome(question: Question, text: str, right: bool) -> str:
    if is_abstention(text):
        return "right" if question.kind is QuestionKind.UNANSWERABLE else "declined"
    return "right" if right else "wrong"


def _count(outcomes: Sequence[str]) -> Outcome:
    return Outcome(*(outcomes.count(name) for name in ("right", "wrong", "declined")))


def _reliability(arm: str, rows: Sequence[tuple[float, float]]) -> Reliability:
    """Bins of about as many answers each, so that none is empty."""
    ordered = np.array(sorted(rows))
    parts = [part for part in np.array_split(ordered, min(BINS, len(ordered))) if len(part)]
    bins = tuple(
        Bin(len(part), float(part[:, 0].mean()), float(part[:, 1].mean())) for part in parts
    )
    error = sum(b.n * abs(b.confidence - b.right) for b in bins) / len(ordered)
    return Reliability(arm, len(ordered), float(error), bins)
