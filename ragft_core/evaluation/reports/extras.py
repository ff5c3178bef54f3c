"""What answers show besides their scores: time, price, forgetting, overfitting, variety, labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ragft_core.arms import AdapterKind, Reads
from ragft_core.errors import ModelError
from ragft_core.evaluation.labels import Confusion, accuracy, confusion, macro_f1
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.reports.results import Results
from ragft_core.evaluation.scoring import measures
from ragft_core.evaluation.statistics.bootstrap import (
    Clusters,
    Floats,
    by_cluster,
    group,
    interval,
    resample,
    wilson,
)
from ragft_core.evaluation.statistics.estimates import (
    Difference,
    Summary,
    compare,
    confidence_of,
    summarise,
)
from ragft_core.evaluation.statistics.significance import holm
from ragft_core.finetuning import get_adapter
from ragft_core.types import QuestionKind

_DRAWS = 1000


@dataclass(frozen=True)
class ArmLatency:
    """Seconds per answer, asked alone: medians with 95 % intervals by bootstrap.

    ``first_low_s`` and ``first_high_s`` hold the median time to the first token; None in reports of
    before.
    """

    arm: str
    n: int
    median_s: float
    low_s: float
    high_s: float
    first_token_s: float
    values_s: tuple[float, ...]
    first_low_s: float | None = None
    first_high_s: float | None = None


@dataclass(frozen=True)
class ArmCost:
    """What an arm costs: means per answer, and what was spent once on its adapter.

    ``memory_bytes`` is what an answer holds besides the base model, keys and values and the
    adapter; None where it is not known (endpoints).
    """

    arm: str
    prompt_tokens: float
    completion_tokens: float
    price: float
    seconds: float | None
    training_s: float | None
    memory_bytes: float | None = None


@dataclass(frozen=True)
class Forgetting:
    """An arm's general knowledge against the bare model's."""

    arm: str
    base: Summary
    own: Summary
    difference: Difference


@dataclass(frozen=True)
class Overfitting:
    """Right answers on questions worded as in training, and on new wordings of trained facts."""

    arm: str
    trained: Summary
    new: Summary


@dataclass(frozen=True)
class Diversity:
    """Variety of several samples per question: distinct n-grams (more), self-BLEU (less).

    ``values`` are the shares of distinct word pairs by ranked question, None where an arm has not
    several samples of it.
    """

    arm: str
    questions: int
    samples: int
    distinct_1: float | None
    distinct_2: float | None
    self_bleu: float | None
    values: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class LabelTable:
    """An arm as a classifier; ``low`` and ``high`` are the interval of macro-F1."""

    arm: str
    confusion: Confusion
    accuracy: float | None
    macro_f1: float | None
    low: float | None
    high: float | None


def latencies(results: Results) -> list[ArmLatency]:
    """The times that were measured one arm at a time."""
    found = []
    random = np.random.default_rng(0)
    for arm in results.arms:
        mine = [timing for timing in results.timings if timing.arm == arm]
        if not mine:
            continue
        times = np.array([[timing.total_s, timing.first_token_s] for timing in mine])
        drawn = np.median(times[random.choice(len(times), (_DRAWS, len(times)))], axis=1)
        whole, first = np.median(times, axis=0).tolist()
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0).tolist()
        values = tuple(times[:, 0].tolist())
        found.append(
            ArmLatency(arm, len(mine), whole, low[0], high[0], first, values, low[1], high[1])
        )
    return found


def costs(results: Results) -> list[ArmCost]:
    """Tokens, price and seconds per answer, and the training behind the adapter."""
    seconds = {item.arm: float(np.mean(item.values_s)) for item in latencies(results)}
    found = []
    for record in results.records:
        rows = [results.answer(record.arm, question.id) for question in results.ranked]
        answers = [row.answer for row in rows if row and not row.answer.error]
        if answers:
            found.append(
                ArmCost(
                    record.arm,
                    float(np.mean([answer.prompt_tokens for answer in answers])),
                    float(np.mean([answer.completion_tokens for answer in answers])),
                    float(np.mean([answer.cost for answer in answers])),
                    seconds.get(record.arm),
                    _training_seconds(results, record.adapter),
                    float(np.mean([answer.memory_bytes for answer in answers])) or None,
                )
            )
    return found


def _training_seconds(results: Results, adapter: str | None) -> float | None:
    """Seconds of training here; None for no adapter, a bundled one, or one deleted since."""
    if not adapter:
        return None
    try:
        found = get_adapter(results.workspace, adapter)
    except ModelError:
        return None
    seconds = found.card.get("seconds")
    return float(seconds) if seconds is not None and not found.bundled else None


def forgetting(results: Results) -> list[Forgetting]:
    """General-knowledge questions: every arm against the bare model, Holm-corrected over the arms."""
    plain = [
        arm
        for arm in results.ranked_arms
        if (known := results.plan.arm(arm)).reads is Reads.NOTHING
        and known.adapter is AdapterKind.NONE
        and not known.settings.shots
    ]
    if not plain:
        return []
    base = plain[0]
    mask = np.array([q.kind is QuestionKind.GENERAL for q in results.ranked], dtype=bool)
    if not mask.any():
        return []
    clusters = results.clusters(mask)
    weights = resample(clusters)
    looked = results.plan.stop_early
    found = []
    for arm in (other for other in results.ranked_arms if other != base):
        values = np.array([results.row("correct", name)[mask] for name in (arm, base)])
        for gap in compare([arm, base], values, clusters, weights, sequential=looked):
            own, bare = summarise(values, clusters, weights, rate=True, sequential=looked)
            found.append(Forgetting(arm, bare, own, gap))
    corrected = holm([item.difference.p_holm for item in found])
    return [
        replace(item, difference=replace(item.difference, p_holm=p))
        for item, p in zip(found, corrected, strict=True)
    ]


def overfitting(results: Results) -> list[Overfitting]:
    """Trained wording against new wording; arms without an adapter show what the wording alone does."""
    trained = [q for q in results.questions.questions if q.trained_wording]
    places = [n for n, q in enumerate(results.ranked) if q.kind is QuestionKind.TRAINED_FACT]
    new = [results.ranked[place] for place in places]
    if not trained or not new:
        return []
    found = []
    for arm in results.ranked_arms:
        details = [results.details.get((arm, question.id)) for question in trained]
        values = [
            np.nan if d is None or d["correct"].value is None else d["correct"].value
            for d in details
        ]
        found.append(
            Overfitting(
                arm,
                _rate(results, trained, np.array(values)),
                _rate(results, new, results.row("correct", arm)[places]),
            )
        )
    return found


def _rate(results: Results, asked: Sequence[Question], values: Floats) -> Summary:
    clusters = group([question.document_id for question in asked])
    looked = results.plan.stop_early
    return summarise(values[None], clusters, resample(clusters), rate=True, sequential=looked)[0]


def diversity(results: Results) -> list[Diversity]:
    """Several samples per question: how different they are, averaged over the questions."""
    found = []
    for arm in results.arms:
        texts: dict[str, list[str]] = {}
        for (owner, question_id, draw), row in results.answers.items():
            if owner == arm and draw and not row.answer.error:
                texts.setdefault(question_id, []).append(row.answer.text)
        drawn = [texts.get(q.id, []) for q in results.ranked]
        samples = [said for said in drawn if len(said) > 1]
        if samples:
            found.append(
                Diversity(
                    arm,
                    len(samples),
                    max(map(len, samples)),
                    _mean([measures.distinct(said, 1) for said in samples]),
                    _mean([measures.distinct(said, 2) for said in samples]),
                    _mean([measures.self_bleu(said) for said in samples]),
                    tuple(measures.distinct(said, 2) if len(said) > 1 else None for said in drawn),
                )
            )
    return found


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def label_tables(results: Results) -> list[LabelTable]:
    """Confusion matrix, accuracy and macro-F1 per arm, where questions ask for labels."""
    labelling = results.questions.labelling
    asked = [q for q in results.ranked if q.kind is QuestionKind.LABEL]
    if not labelling or not asked:
        return []
    found = []
    for arm in results.ranked_arms:
        answers = ((q, results.answer(arm, q.id)) for q in asked)
        rows = [(q, row) for q, row in answers if row and q.golds and not row.answer.error]
        pairs = [
            (labelling.read(q.golds[0]) or q.golds[0], labelling.read(row.answer.text))
            for q, row in rows
        ]
        matrix = confusion([g for g, _ in pairs], [a for _, a in pairs], labelling.labels)
        f1, clusters = macro_f1(matrix), group([q.document_id for q, _ in rows])
        low = high = None
        if f1 is not None:
            draws = _macro_f1_draws(pairs, labelling.labels, clusters)
            low, high = interval(draws, f1, clusters.n, confidence_of(results.plan.stop_early))
        found.append(LabelTable(arm, matrix, accuracy(matrix), f1, low, high))
    return found


def _macro_f1_draws(
    pairs: list[tuple[str, str | None]], labels: tuple[str, ...], clusters: Clusters
) -> Floats:
    """Macro-F1 over the labels that occur, in each draw of the bootstrap."""
    gold = np.array([[g == label for g, _ in pairs] for label in labels], dtype=float)
    given = np.array([[a == label for _, a in pairs] for label in labels], dtype=float)
    shown = (gold + given).sum(axis=1) > 0
    weights = resample(clusters).T
    hits = by_cluster((gold * given)[shown], clusters) @ weights
    total = by_cluster((gold + given)[shown], clusters) @ weights
    f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    # A label that a draw misses altogether is left out of that draw's mean.
    means: Floats = f1.sum(axis=0) / np.maximum((total > 0).sum(axis=0), 1)
    return means


def vote_interval(won: int, stood: int) -> tuple[float, float]:
    """Wilson's interval of how often people preferred an arm."""
    return wilson(won / stood, stood)
