"""The report of a run: every table, the verdict, and what else the answers show."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ragft_core.access import rights
from ragft_core.arms import BY_ID
from ragft_core.errors import EvaluationError
from ragft_core.evaluation.reports import extras
from ragft_core.evaluation.reports.claims import ClaimCheck, check_claims
from ragft_core.evaluation.reports.classifier import (
    ClassifierReport,
    classifier_report,
)
from ragft_core.evaluation.reports.extras import (
    ArmCost,
    ArmLatency,
    Diversity,
    Forgetting,
    LabelTable,
    Overfitting,
)
from ragft_core.evaluation.reports.judge_agreement import JudgeReport, judge_report
from ragft_core.evaluation.reports.notes import notes
from ragft_core.evaluation.reports.results import (
    ArmRecord,
    Results,
    ScoreTable,
    Slice,
    load_results,
)
from ragft_core.evaluation.reports.verdicts import Verdict, agreement
from ragft_core.evaluation.scoring.catalogue import SCORERS
from ragft_core.evaluation.statistics.significance import detectable
from ragft_core.evaluation.store.plans import REPORT_FILE, folder_of
from ragft_core.evaluation.store.reviews import FILE as REVIEWS
from ragft_core.types import QuestionKind
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_json, write_json

ROBUST_SCORE = "correct"


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation showed.

    ``winner`` is an arm that is ahead by content and that no score of wording contradicts; None
    where it is too close to call. ``tables`` holds every score on all questions and on each kind
    of question; ``notes`` what a reader must know before believing it; ``version`` the named version
    of the documents that was read, empty for those that were there. Of ``planned`` deciding
    questions a run that ``ended_early`` asked as many as its last look saw.
    """

    id: str
    name: str
    created_at: str
    self_check: bool
    n_questions: int
    kinds: dict[str, int]
    arms: tuple[ArmRecord, ...]
    winner: str | None
    verdict: str
    robust: Verdict
    sensitive: Verdict
    agreement: str
    detectable: float
    notes: tuple[str, ...]
    tables: tuple[ScoreTable, ...]
    latency: tuple[ArmLatency, ...]
    costs: tuple[ArmCost, ...]
    forgetting: tuple[Forgetting, ...]
    overfitting: tuple[Overfitting, ...]
    diversity: tuple[Diversity, ...]
    labels: tuple[LabelTable, ...]
    judge: JudgeReport | None = None
    classifier: ClassifierReport | None = None
    claims: tuple[ClaimCheck, ...] = ()
    planned: int = 0
    looked_after: tuple[int, ...] = ()
    ended_early: bool = False
    version: str = ""

    def table(self, score: str, part: str = "all") -> ScoreTable | None:
        """The table of a score on a slice, or None where it was not measured."""
        found = (t for t in self.tables if t.score == score and t.slice == part)
        return next(found, None)


def make_report(results: Results) -> EvaluationReport:
    """Works out every table. The same answers give the same report, to the last digit."""
    parts = [part for part in results.slices() if part.key.split(":")[0] in ("all", "kind")]
    every = [results.table(scorer.name, part) for part in parts for scorer in SCORERS]
    tables = [table for table in every if any(item.n for item in table.summaries.values())]
    robust = results.table(ROBUST_SCORE)
    sensitive = results.table(sensitive_score(results))
    classifier = classifier_report(results)
    return EvaluationReport(
        id=results.plan.id,
        name=results.plan.name,
        created_at=results.plan.created_at,
        self_check=results.plan.is_self_check,
        n_questions=len(results.ranked),
        kinds={kind.value: count for kind, count in results.questions.kinds.items()},
        arms=results.records,
        winner=None if unfinished(results) else winner(robust.verdict, sensitive.verdict),
        verdict=overall(results, robust.verdict, sensitive.verdict),
        robust=robust.verdict,
        sensitive=sensitive.verdict,
        agreement=agreement(robust.verdict, sensitive.verdict, results.plan.names),
        detectable=detectable(
            robust.n,
            disagreement(robust),
            len(robust.summaries),
            sequential=results.plan.stop_early,
        ),
        planned=results.planned,
        looked_after=results.looks.after,
        ended_early=results.looks.ended,
        notes=tuple(notes(results, robust, classifier)),
        tables=tuple(tables),
        latency=tuple(extras.latencies(results)),
        costs=tuple(extras.costs(results)),
        forgetting=tuple(extras.forgetting(results)),
        overfitting=tuple(extras.overfitting(results)),
        diversity=tuple(extras.diversity(results)),
        labels=tuple(extras.label_tables(results)),
        judge=judge_report(results),
        classifier=classifier,
        claims=tuple(check_claims(results)),
        version=results.plan.version.name if results.plan.version else "",
    )


def load_report(workspace: Workspace, evaluation_id: str) -> EvaluationReport:
    """Reads the report of a finished run.

    Raises:
        EvaluationError: The run is not finished, or its report is of another version.
    """
    file = folder_of(workspace, evaluation_id) / REPORT_FILE
    try:
        return from_dict(EvaluationReport, read_json(file), file.name)
    except FileNotFoundError:
        raise EvaluationError(
            f"The evaluation {evaluation_id!r} has no report yet.",
            "Wait for its end, or resume it.",
        ) from None
    except (json.JSONDecodeError, TypeError, ValueError, KeyError) as error:
        raise EvaluationError(
            f"The report of {evaluation_id!r} cannot be read: {error}.",
            "Run the evaluation again; its answers are kept, so it takes seconds.",
        ) from None


def refresh_report(workspace: Workspace, evaluation_id: str) -> None:
    """Works a finished run's report out anew where a person has settled answers since."""
    folder = folder_of(workspace, evaluation_id)
    report, reviews = folder / REPORT_FILE, folder.parent / REVIEWS
    if report.exists() and reviews.exists() and reviews.stat().st_mtime > report.stat().st_mtime:
        made = make_report(load_results(workspace, evaluation_id))
        with rights.as_the_lab():  # it follows from what is there, whoever looks at it first
            write_json(report, to_dict(made))


def sensitive_score(results: Results) -> str:
    """The score of wording that stands beside the score of content (law 5)."""
    kinds = results.questions.kinds
    labelled = kinds.get(QuestionKind.LABEL, 0) * 2 > sum(kinds.values())
    return "exact" if labelled else "f1"


def make_verdicts(results: Results) -> tuple[Verdict, Verdict]:
    """By content and by wording, without the tables around them."""
    return results.table(ROBUST_SCORE).verdict, results.table(sensitive_score(results)).verdict


def winner(robust: Verdict, sensitive: Verdict) -> str | None:
    """The arm ahead by content, unless another one is ahead by wording."""
    return robust.winner if sensitive.winner in (None, robust.winner) else None


def overall(results: Results, robust: Verdict, sensitive: Verdict) -> str:
    """The verdict line."""
    if unfinished(results):
        missing = sum(record.missing for record in results.records)
        asked = sum(record.asked for record in results.records)
        return f"No verdict yet: {asked - missing} of {asked} answers are there.{_so_far(results)}"
    if results.plan.is_self_check:
        if robust.winner or sensitive.winner:
            return (
                "A/A check failed: one and the same arm beats itself under another seed. "
                "Do not believe differences of this size on these questions."
            )
        return f"A/A check passed: no winner between two runs of one arm. {robust.text}"
    if robust.winner and sensitive.winner and robust.winner != sensitive.winner:
        return f"No overall winner. {agreement(robust, sensitive, results.plan.names)}"
    if results.looks.ended:
        return (
            f"{robust.text} The run ended early, after {results.looks.after[-1]} of "
            f"{results.planned} questions."
        )
    return robust.text


def _so_far(results: Results) -> str:
    """What the looks of an unfinished run have shown: nothing clear, else it would have ended."""
    if not results.looks.after:
        return ""
    last = results.looks.after[-1]
    return (
        f" No winner was clear after {last} of {results.planned} questions; at most "
        f"{results.planned - last} are left to ask."
    )


def unfinished(results: Results) -> bool:
    """Whether questions are still to be asked.

    A verdict that could be read at any moment would sooner or later find a winner by chance.
    """
    return any(record.missing for record in results.records)


def disagreement(table: ScoreTable) -> float:
    """The largest share of questions on which one of two arms is right and the other wrong."""
    shares = [(gap.wins + gap.losses) / gap.n for gap in table.differences if gap.n]
    return max(shares, default=0.3) or 0.3


@dataclass(frozen=True)
class Flip:
    """A question on which two arms differ: the scores of both and what they said."""

    question_id: str
    question: str
    gold: str
    a_score: float
    b_score: float
    a_text: str
    b_text: str


def flips(results: Results, a: str, b: str, score: str, part: Slice | None = None) -> list[Flip]:
    """The questions on which two arms score differently, the largest leads of ``a`` first."""
    part = part or results.slices()[0]
    found = []
    for place, question in enumerate(results.ranked):
        left, right = (float(results.row(score, arm)[place]) for arm in (a, b))
        one, other = results.answer(a, question.id), results.answer(b, question.id)
        if part.mask[place] and one and other and left != right and not np.isnan(left + right):
            found.append(
                Flip(
                    question.id, question.text, " | ".join(question.golds), left, right,
                    one.answer.text, other.answer.text,
                )
            )  # fmt: skip
    return sorted(found, key=lambda flip: flip.b_score - flip.a_score)


def vote_shares(workspace: Workspace) -> dict[str, tuple[int, int]]:
    """Human votes from Chat: per arm id, how often it was preferred and how often it stood."""
    from ragft_core.strategies import load_votes

    won: Counter[str] = Counter()
    stood: Counter[str] = Counter()
    for vote in load_votes(workspace):
        won[vote.choice] += 1
        stood.update(vote.arms)
    return {arm: (won[arm], stood[arm]) for arm in sorted(stood, key=_place)}


def _place(arm: str) -> tuple[int, str]:
    """The ready-made arms in their order, then a workspace's own by id."""
    ready_made = list(BY_ID)
    return (ready_made.index(arm) if arm in ready_made else len(ready_made), arm)
