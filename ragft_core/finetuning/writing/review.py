"""What people decide about written examples: nothing becomes an example before it was reviewed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.examples.store import assign_splits, changing_examples
from ragft_core.finetuning.writing.job import read_candidates
from ragft_core.finetuning.writing.roundtrip import Candidate
from ragft_core.jobs import Job, list_jobs
from ragft_core.workspace import Workspace, now, write_json

REVIEW = "review.json"


def latest_generation(workspace: Workspace) -> Job | None:
    """The newest job that writes or wrote examples, unless its result was reviewed."""
    job = next(iter(list_jobs(workspace, "generate")), None)
    return None if job is None or (job.folder / REVIEW).exists() else job


def edit(candidate: Candidate, question: str, answer: str) -> Candidate:
    """The candidate with a reviewer's wording; a changed answer drops the reader's alternative."""
    question, answer = question.strip(), answer.strip()
    alternative = candidate.alternative if answer == candidate.answer else ""
    return dataclasses.replace(candidate, question=question, answer=answer, alternative=alternative)


def accept(workspace: Workspace, job: Job, chosen: Sequence[Candidate]) -> int:
    """Adds the chosen candidates to the workspace's examples and ends the job's review.

    A question that is among the examples with this answer already is left out. New rows are split by fact into
    training and test rows; rows that were there keep their split.

    Returns:
        How many examples were added.

    Raises:
        TrainingDataError: A question or an answer was left empty.
    """
    for candidate in chosen:
        if not candidate.question or not candidate.answer:
            what = candidate.question or candidate.answer or candidate.evidence
            raise TrainingDataError(
                f"An example has no question or no answer: {what!r}.", "Fill it in, or drop it."
            )
    with changing_examples(workspace) as examples:
        known = {example.id for example in examples}
        new = {c.example().id: c.example() for c in chosen if c.example().id not in known}
        examples += assign_splits(list(new.values()))
    proposed = read_candidates(job.folder)
    questions = {(candidate.question, candidate.answer) for candidate in proposed}
    edited = sum((c.question, c.answer) not in questions for c in chosen)
    counts = {"proposed": len(proposed), "added": len(new), "edited": edited}
    write_json(job.folder / REVIEW, counts | {"at": now()})
    return len(new)


def discard(job: Job) -> None:
    """Ends the review of a job without taking anything from it."""
    write_json(job.folder / REVIEW, {"proposed": len(read_candidates(job.folder)), "added": 0,
                                     "edited": 0, "at": now()})  # fmt: skip
