"""A run's answers as a matrix of scores, arms by questions, and what can be asked of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragft_core.evaluation.judging.judge import Judgement, stored_judgements
from ragft_core.evaluation.judging.judge_prompt import judgement_key
from ragft_core.evaluation.questions.question_sets import KIND_LABELS, Question, QuestionSet
from ragft_core.evaluation.reports.verdicts import Verdict, decide
from ragft_core.evaluation.scoring.catalogue import BY_NAME, SCORERS, score_answer
from ragft_core.evaluation.scoring.scorers import Score
from ragft_core.evaluation.statistics.bootstrap import Clusters, Floats, group, resample
from ragft_core.evaluation.statistics.estimates import (
    Difference,
    Summary,
    best_probabilities,
    compare,
    summarise,
)
from ragft_core.evaluation.store.answers import (
    StoredAnswer,
    Timing,
    similarity_key,
    stored_answers,
    stored_similarities,
    stored_timings,
)
from ragft_core.evaluation.store.plans import (
    ANSWERS_FILE,
    CLASSIFIER_FILE,
    JUDGEMENT_FILE,
    LATENCY_FILE,
    LOOKS_FILE,
    PLAN_FILE,
    QUESTIONS_FILE,
    SIMILARITY_FILE,
    Entrant,
    Looks,
    Plan,
    folder_of,
    load_looks,
    load_plan,
)
from ragft_core.evaluation.store.reviews import FILE as REVIEWS
from ragft_core.evaluation.store.reviews import load_reviews, review_key
from ragft_core.finetuning.adapters import CARD
from ragft_core.finetuning.examples.store import FILE as EXAMPLES
from ragft_core.knowledge import documents, shelf_of
from ragft_core.workspace import Workspace

Mask = NDArray[np.bool_]
# An arm that failed more often than this is not ranked: what it did answer is not a fair sample.
MOST_FAILURES = 0.1
# Of the gold answer, in words.
LENGTHS = (
    ("short", "Gold answer of 1 or 2 words", range(1, 3)),
    ("medium", "3 to 6 words", range(3, 7)),
    ("long", "7 words and more", range(7, sys.maxsize)),
)
PROBED = "All but general knowledge"


@dataclass(frozen=True)
class ArmRecord:
    """How an arm fared as a participant: what was asked of it and what came back.

    ``name`` is what people call it inside a sentence, ``strategy`` the one it stands for.
    """

    arm: str
    asked: int
    answered: int
    failed: int
    reused: int
    adapter: str | None
    model: str
    weights: str
    index_version: int | None
    error: str = ""
    name: str = ""
    strategy: str = ""

    @property
    def missing(self) -> int:
        """How many questions it has not been asked yet."""
        return self.asked - self.answered - self.failed

    @property
    def ranked(self) -> bool:
        """Whether it takes part in comparisons."""
        return self.answered > 0 and self.failed <= MOST_FAILURES * self.asked


@dataclass(frozen=True)
class Slice:
    """A part of the questions: a key, what people call it, and which ones they are."""

    key: str
    label: str
    mask: Mask

    @property
    def n(self) -> int:
        """How many questions are in it."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class ScoreTable:
    """One score on one slice: arms, pairs and the verdict. ``unit`` is what was resampled."""

    score: str
    slice: str
    n: int
    unit: str
    summaries: dict[str, Summary]
    best: dict[str, float]
    differences: tuple[Difference, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Results:
    """Everything a finished or running evaluation has so far, scored.

    ``scores`` maps a scorer's name to (arms, ranked questions), NaN where unscored; ``details``
    holds each score with its reason, and ``called`` what the score of right answers said by itself
    where a person settled it in ``reviews`` or not. ``questions`` are those that count: where the
    run ended early, as far as it came, of ``planned`` deciding ones.
    """

    workspace: Workspace
    plan: Plan
    questions: QuestionSet
    answers: dict[tuple[str, str, int], StoredAnswer]
    timings: tuple[Timing, ...]
    titles: dict[str, str]
    scores: dict[str, Floats]
    details: dict[tuple[str, str], dict[str, Score]]
    records: tuple[ArmRecord, ...]
    judgements: dict[str, Judgement]
    called: dict[tuple[str, str], Score]
    reviews: dict[str, float]
    looks: Looks = Looks()
    planned: int = 0

    def settled(self, arm: str, question: Question) -> float | None:
        """A person's judgement of an arm's answer: 1 right, 0 wrong; None where there is none."""
        row = self.answer(arm, question.id)
        return self.reviews.get(review_key(question, row.answer.text)) if row else None

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms in the plan's order."""
        return self.plan.arms

    @property
    def ranked_arms(self) -> tuple[str, ...]:
        """The arms that take part in comparisons."""
        return tuple(record.arm for record in self.records if record.ranked)

    @property
    def ranked(self) -> tuple[Question, ...]:
        """The questions in the order of the columns."""
        return self.questions.ranked

    def answer(self, arm: str, question_id: str) -> StoredAnswer | None:
        """An arm's answer to a question, or None where there is none yet."""
        return self.answers.get((arm, question_id, 0))

    def row(self, score: str, arm: str) -> Floats:
        """An arm's scores by question."""
        row: Floats = self.scores[score][self.arms.index(arm)]
        return row

    def slices(self) -> list[Slice]:
        """What arms are ranked by, then by kind, by length of the gold answer and by document."""
        deciding = {q.id for q in self.questions.deciding}
        label = "All questions" if len(deciding) == len(self.ranked) else PROBED
        everything = self._slice("all", label, [q.id in deciding for q in self.ranked])
        kinds = [
            self._slice(
                f"kind:{kind.value}", KIND_LABELS[kind], [q.kind is kind for q in self.ranked]
            )
            for kind in self.questions.kinds
        ]
        lengths = [len(q.golds[0].split()) if q.golds else 0 for q in self.ranked]
        by_length = [
            self._slice(f"length:{key}", label, [n in words for n in lengths])
            for key, label, words in LENGTHS
        ]
        names = dict.fromkeys(q.document_id for q in self.ranked if q.document_id)
        by_document = [
            self._slice(
                f"document:{name}",
                self.titles.get(name, name),
                [q.document_id == name for q in self.ranked],
            )
            for name in names
        ]
        parts = [part for part in (*by_length, *by_document) if 0 < part.n < everything.n]
        return [everything, *kinds, *parts]

    def slice(self, key: str) -> Slice:
        """The slice of that key; all questions where there is none (a link may be old)."""
        slices = self.slices()
        return next((part for part in slices if part.key == key), slices[0])

    def clusters(self, mask: Mask) -> Clusters:
        """How the questions of a slice hang together."""
        asked = [q for q, inside in zip(self.ranked, mask, strict=True) if inside]
        return group([question.document_id for question in asked])

    def table(self, score: str, part: Slice | None = None) -> ScoreTable:
        """Means, intervals, pairs and the verdict of one score on one slice."""
        part = part or self.slices()[0]
        scorer = BY_NAME[score]
        arms = self.ranked_arms
        values = np.array([self.row(score, arm)[part.mask] for arm in arms]).reshape(
            len(arms), part.n
        )
        clusters = self.clusters(part.mask)
        weights = resample(clusters)
        looked = self.plan.stop_early
        scored = summarise(values, clusters, weights, rate=scorer.rate, sequential=looked)
        summaries = dict(zip(arms, scored, strict=True))
        measured = [place for place, arm in enumerate(arms) if summaries[arm].n]
        directed = values[measured] if scorer.higher_is_better else -values[measured]
        best = best_probabilities(directed, clusters, weights) if measured else []
        differences = compare(
            [arms[place] for place in measured], values[measured], clusters, weights,
            sequential=looked,
        )  # fmt: skip
        verdict = decide(
            scorer, {arms[p]: summaries[arms[p]] for p in measured}, differences, self.plan.names
        )
        return ScoreTable(
            score, part.key, part.n, clusters.unit, summaries,
            {arms[place]: share for place, share in zip(measured, best, strict=True)},
            tuple(differences), verdict,
        )  # fmt: skip

    def _slice(self, key: str, label: str, flags: Sequence[bool]) -> Slice:
        return Slice(key, label, np.array(flags, dtype=bool))


def load_results(
    workspace: Workspace, evaluation_id: str, *, looked_at: int | None = None
) -> Results:
    """Reads a run, however far it is, and scores its answers.

    Args:
        workspace: Where it lies.
        evaluation_id: Its id.
        looked_at: Only so many of the deciding questions, as a look between batches sees them;
            without it all that are asked in the end.

    Raises:
        EvaluationError: There is no such evaluation.
    """
    plan, every = load_plan(workspace, evaluation_id)
    folder = folder_of(workspace, evaluation_id)
    looks = load_looks(folder)
    questions = looks.asked(every) if looked_at is None else every.beginning(looked_at)
    answers = stored_answers(folder)
    cosines = stored_similarities(folder)
    judgements = stored_judgements(folder)
    reviews = load_reviews(workspace)
    details: dict[tuple[str, str], dict[str, Score]] = {}
    called: dict[tuple[str, str], Score] = {}
    for arm in plan.arms:
        for question in questions.questions:
            row = answers.get((arm, question.id, 0))
            if row is not None:
                cosine = cosines.get(similarity_key(row.answer.text, question.golds))
                said = plan.judge and judgements.get(
                    judgement_key(plan.judge, question, row.answer.text)
                )
                details[arm, question.id] = score_answer(
                    question, row.answer, labelling=questions.labelling, similarity=cosine,
                    judgement=said.score if said else None,
                    retrieves=plan.arm(arm).retrieves,
                )  # fmt: skip
                called[arm, question.id] = details[arm, question.id]["correct"]
                settled = reviews.get(review_key(question, row.answer.text))
                if settled is not None and not row.answer.error:
                    details[arm, question.id]["correct"] = Score(settled, "settled by hand")
    ranked = questions.ranked
    scores = {
        scorer.name: np.array(
            [[_value(details.get((arm, q.id)), scorer.name) for q in ranked] for arm in plan.arms]
        ).reshape(len(plan.arms), len(ranked))
        for scorer in SCORERS
    }
    shelf = shelf_of(workspace, plan.version) if plan.version else workspace
    return Results(
        workspace, plan, questions, answers, tuple(stored_timings(folder)),
        {document.id: document.title for document in documents(shelf)},
        scores, details, tuple(_record(entrant, questions, answers) for entrant in plan.entrants),
        judgements, called, reviews, looks, len(every.deciding),
    )  # fmt: skip


def version_of(workspace: Workspace, evaluation_id: str) -> str:
    """Changes whenever a file that the results or their report are made of does; for caches.

    A report counts votes and training examples, and tells what adapters took.

    Raises:
        EvaluationError: The id is not of the form that ids have.
    """
    folder = folder_of(workspace, evaluation_id)
    own = (PLAN_FILE, QUESTIONS_FILE, ANSWERS_FILE, LATENCY_FILE, SIMILARITY_FILE, JUDGEMENT_FILE)
    files = [folder / name for name in (*own, CLASSIFIER_FILE, LOOKS_FILE)]
    files.append(folder.parent / REVIEWS)
    files += [workspace.path / EXAMPLES, *sorted(workspace.path.glob("chats/*.jsonl"))]
    files += sorted(workspace.path.glob(f"adapters/*/{CARD}"))
    stats = [file.stat() for file in files if file.exists()]
    return "-".join(f"{stat.st_size}.{stat.st_mtime_ns}" for stat in stats)


def _value(scores: dict[str, Score] | None, name: str) -> float:
    value = scores[name].value if scores else None
    return np.nan if value is None else value


def _record(
    entrant: Entrant, questions: QuestionSet, answers: dict[tuple[str, str, int], StoredAnswer]
) -> ArmRecord:
    arm = entrant.name
    rows = [answers[arm, q.id, 0] for q in questions.ranked if (arm, q.id, 0) in answers]
    good = [row for row in rows if not row.answer.error]
    failed = [row for row in rows if row.answer.error]
    one = (good or failed)[0].answer if rows else None
    versions = [row.answer.index_version for row in good if row.answer.index_version is not None]
    return ArmRecord(
        arm, len(questions.ranked), len(good), len(failed), sum(bool(row.reused) for row in rows),
        one.adapter if one else None, one.model if one else "", one.weights if one else "",
        versions[0] if versions else None, failed[0].answer.error if failed else "",
        entrant.in_text, entrant.arm.strategy.value,
    )  # fmt: skip
