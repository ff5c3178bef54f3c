"""Tuning the embedding model on the workspace's examples, and whether it finds better after that.

The half of training a RAG arm that fine-tuning the reader leaves out (RA-DIT, Lin et al. 2023, tunes
both). A tuned model that only recites its training questions would look splendid on them, so every
question is scored by a model that was tuned on the facts of the other half (two-fold by fact,
searched in the way that is in use). Only where that is better beyond chance is a model tuned on all
of them, and offered.
"""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.retrieval.contrastive import Triple, tune
from ragft_core.evaluation.retrieval.lab import (
    DEPTH,
    Asked,
    Way,
    is_right,
    sourced_facts,
    way_in_use,
)
from ragft_core.evaluation.statistics.bootstrap import Floats, group, resample
from ragft_core.evaluation.statistics.estimates import Difference, Summary, compare, summarise
from ragft_core.jobs import Job, JobContext, list_jobs, start_job
from ragft_core.knowledge import (
    KnowledgeBase,
    chunks_of,
    documents,
    embedder_of,
    open_embedder,
    start_embedding,
)
from ragft_core.knowledge.writer import indexed_text
from ragft_core.overlap import holding
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import Workspace

KIND = "tune"
# Of the tuned models in the workspace, and of a job's two trials.
FOLDER, TRIAL = "embedders", "trial"
FEWEST_FACTS = 20
# Each half's index is filled anew; beyond this the trial takes longer than people wait.
MOST_CHUNKS = 20_000


@dataclass(frozen=True)
class Tuning:
    """What tuning brought on questions about facts that it was not tuned on.

    ``hit_before`` and ``hit_after`` are the shares with a right passage in the first ``k``,
    ``mrr_before`` and ``mrr_after`` mean reciprocal ranks at 10, ``gain`` their difference.
    ``embedder`` is the tuned model's folder in the workspace, empty where it is not better.
    """

    hit_before: Summary
    hit_after: Summary
    mrr_before: Summary
    mrr_after: Summary
    gain: Difference
    n: int
    k: int
    way: Way
    seconds: float
    embedder: str = ""

    @property
    def helps(self) -> bool:
        """Whether the tuned model finds better beyond chance."""
        return self.gain.decided and self.gain.mean > 0

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        change = f"{self.gain.mean:+.3f} in reciprocal rank ({self.gain.low:+.3f} to {self.gain.high:+.3f})"
        if self.helps:
            return f"Tuned, the embedding model finds better: {change} on {self.n} questions kept apart."
        if self.gain.decided:
            return f"Tuned, the embedding model finds worse: {change}. It stays as it is."
        return f"Tuning does not help here beyond chance: {change} on {self.n} questions. Nothing is changed."


def start_tuning(workspace: Workspace) -> Job:
    """Starts the job that tunes the workspace's embedding model on its examples.

    Raises:
        EvaluationError: Too few examples name a document that holds their answer, or there are too
            many documents.
        JobError: The job cannot be started.
    """
    facts = sourced_facts(workspace)
    if len(facts) < FEWEST_FACTS:
        raise EvaluationError(
            f"{len(facts)} facts of the examples stand in a document of theirs; {FEWEST_FACTS} are "
            "needed to tune on some and to test on others.",
            "Have examples written from the documents, or import some with a document column.",
        )
    n_chunks = sum(document.n_chunks for document in documents(workspace))
    if n_chunks > MOST_CHUNKS:
        raise EvaluationError(
            f"The documents have {n_chunks:,} chunks; tuning embeds all of them twice to test itself, "
            f"which is done up to {MOST_CHUNKS:,}.",
            "Tune in a workspace with a part of the documents, and choose the tuned folder here.",
        )
    return start_job(workspace, KIND, {}, once=True)


def last_tuning(workspace: Workspace) -> Tuning | None:
    """What the newest job that ended found; None where there is none, or its file is damaged."""
    for job in list_jobs(workspace, KIND):
        left = job.result()
        if left:
            return next(iter(readable([left], lambda data: from_dict(Tuning, data))), None)
    return None


def adopt_tuned(workspace: Workspace, found: Tuning) -> Job:
    """Starts the job that embeds all documents with the tuned model, for RAG and hybrid alike.

    Raises:
        EvaluationError: Tuning did not help, so there is none.
        JobError: The job cannot be started.
    """
    if not found.embedder:
        raise EvaluationError(found.verdict, "Use another embedding model, or add examples.")
    return start_embedding(workspace, ModelChoice("folder", found.embedder))


class _StopError(Exception):
    """Somebody asked the job to end."""


def run_tuning(context: JobContext) -> None:
    """Tunes on either half, tests on the other, and on all where that is worth it.

    Raises:
        ModelError: The embedding model cannot be loaded.
        RetrievalError: The index cannot be searched.
    """
    try:
        with suppress(_StopError):
            context.finish(to_dict(_tuned(context)))
    finally:
        shutil.rmtree(context.folder / TRIAL, ignore_errors=True)


def _tuned(context: JobContext) -> Tuning:
    began, workspace, settings = time.monotonic(), context.workspace, Settings()
    context.progress(0.0, "Loading the embedding model")
    base = KnowledgeBase(workspace, embedder_of(workspace, settings))
    way, k = way_in_use(workspace), workspace.settings().top_k
    facts = sourced_facts(workspace)
    random.Random(0).shuffle(facts)
    halves = [facts[::2], facts[1::2]]

    asked: list[Asked] = []
    before: list[float] = []
    after: list[float] = []
    for number, (learned, kept_apart) in enumerate([halves, halves[::-1]]):
        folder, start = context.folder / TRIAL / str(number), 0.4 * number
        triples = _triples(base, learned, way)
        tune(base.embedder.folder, triples, folder / "model", threads=settings.threads,
             on_share=_part(context, f"Tuning on half {number + 1} of 2", start, 0.3))  # fmt: skip
        choice = ModelChoice("folder", str(folder / "model"))
        embedding = _part(context, "Embedding the documents", start + 0.3, 0.1)
        trial = base.beside(
            open_embedder(choice, settings),
            folder / "index",
            partial(_as_progress, embedding),
        )
        questions = [wordings[0] for wordings in kept_apart]
        before += _ranks(base, questions, way, k)
        after += _ranks(trial, questions, way, k)
        asked += questions
    compared = _compared(np.array(before), np.array(after), asked, k)
    found = Tuning(**compared, way=way, seconds=time.monotonic() - began)
    if not found.helps:
        return found
    name = f"{FOLDER}/{context.folder.name}"
    tune(
        base.embedder.folder, _triples(base, facts, way), workspace.path / name,
        threads=settings.threads,
        on_share=_part(context, "Tuning on all examples", 0.8, 0.2),
    )  # fmt: skip
    return replace(found, embedder=name, seconds=round(time.monotonic() - began, 1))


def _part(context: JobContext, what: str, start: float, size: float) -> Callable[[float], None]:
    """Tells the share of a part of the job, and ends it where somebody asked for that."""

    def told(share: float) -> None:
        context.progress(start + size * share, what)
        if context.stopping:
            raise _StopError

    return told


def _as_progress(told: Callable[[float], None], name: str, stage: str, share: float) -> None:
    told(share)


def _triples(base: KnowledgeBase, facts: Sequence[Sequence[Asked]], way: Way) -> list[Triple]:
    """Every wording with the passage that answers it and the first that is found and does not."""
    titles = {document.id: document.title for document in base.documents()}
    triples = []
    for asked in (one for wordings in facts for one in wordings):
        chunks = chunks_of(base.workspace, asked.document_id)
        place = holding([chunk.text for chunk in chunks], asked.wanted)
        found = base.search(asked.question, way.mode, DEPTH, meaning=way.meaning)
        wrong = next((one for one in found if not is_right(one, asked)), None)
        if place is not None and wrong is not None:
            right = indexed_text(titles[asked.document_id], chunks[place])
            triples.append(
                Triple(asked.question, right, indexed_text(wrong.document_title, wrong.chunk))
            )
    return triples


def _ranks(base: KnowledgeBase, questions: Sequence[Asked], way: Way, k: int) -> list[float]:
    """The place of the first right passage, from 1; infinity where none is found."""
    ranks = []
    for asked in questions:
        found = base.search(asked.question, way.mode, max(DEPTH, k), meaning=way.meaning)
        places = (n for n, passage in enumerate(found, 1) if is_right(passage, asked))
        ranks.append(next(places, math.inf))
    return ranks


def _compared(before: Floats, after: Floats, asked: Sequence[Asked], k: int) -> dict[str, Any]:
    """Both columns of ranks as shares, reciprocal ranks, and their difference."""
    clusters = group([one.document_id for one in asked])
    weights = resample(clusters)
    ranks = np.array([after, before])
    hits = summarise((ranks <= k).astype(float), clusters, weights, rate=True)
    reciprocal = np.where(ranks <= DEPTH, 1 / ranks, 0.0)
    means = summarise(reciprocal, clusters, weights)
    return {
        "hit_after": hits[0],
        "hit_before": hits[1],
        "mrr_after": means[0],
        "mrr_before": means[1],
        "gain": compare(["tuned", "as it is"], reciprocal, clusters, weights)[0],
        "n": len(asked),
        "k": k,
    }
