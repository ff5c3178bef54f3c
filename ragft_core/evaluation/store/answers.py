"""The answers of a run as they lie on disk, and the ones that earlier runs can lend."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.store.cache_keys import answer_key, arm_fingerprints, digest
from ragft_core.evaluation.store.plans import (
    ANSWERS_FILE,
    FOLDER,
    LATENCY_FILE,
    SIMILARITY_FILE,
    Entrant,
    Plan,
    folder_of,
)
from ragft_core.settings import Settings
from ragft_core.types import Answer, QuestionKind, Sampling
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, WorkspaceSettings, append_jsonl, read_jsonl, read_values


@dataclass(frozen=True)
class Task:
    """One answer to get: whose, to what, and which of several samples it is (0: the first)."""

    key: str
    entrant: Entrant
    question: Question
    sampling: Sampling
    draw: int = 0


@dataclass(frozen=True)
class StoredAnswer:
    """An answer with what it was an answer to; ``reused`` names the run it was made in."""

    key: str
    arm: str
    question_id: str
    draw: int
    answer: Answer
    reused: str = ""


@dataclass(frozen=True)
class Timing:
    """The times of one answer that was asked alone, in seconds."""

    key: str
    arm: str
    question_id: str
    first_token_s: float
    total_s: float
    completion_tokens: int
    reused: str = ""


def answer_tasks(
    workspace: Workspace, settings: Settings, plan: Plan, questions: QuestionSet
) -> list[Task]:
    """Every answer that the plan wants, question by question, so that a stopped run is paired.

    Arms that cannot run have no tasks.
    """
    fingerprints = arm_fingerprints(workspace, settings, plan.version)
    own = workspace.settings()
    entrants = [e for e in plan.entrants if e.arm.id in fingerprints]

    def task(entrant: Entrant, question: Question, draw: int) -> Task:
        sampling = _sampling(own, questions, entrant, question, draw)
        key = answer_key(fingerprints[entrant.arm.id], question.text, sampling)
        return Task(key, entrant, question, sampling, draw)

    tasks = [task(e, question, 0) for question in questions.questions for e in entrants]
    sampled = spread(questions.ranked, plan.diversity_questions)
    draws = range(1, plan.diversity_samples + 1)
    return tasks + [task(e, q, draw) for q in sampled for draw in draws for e in entrants]


def timing_tasks(
    workspace: Workspace, settings: Settings, plan: Plan, questions: QuestionSet
) -> list[Task]:
    """The answers whose time is measured apart, arm by arm. The key names this machine, too.

    They are among the first batch, so that a run that ends early has asked nothing in vain.
    """
    first = plan.batches(questions)[0]
    fingerprints = arm_fingerprints(workspace, settings, plan.version)
    own = workspace.settings()
    machine = [platform.node(), platform.machine(), os.cpu_count(), settings.threads]
    tasks = []
    for entrant in plan.entrants:
        for question in spread(first.ranked, plan.latency_questions):
            if entrant.arm.id in fingerprints:
                sampling = _sampling(own, questions, entrant, question)
                key = answer_key(fingerprints[entrant.arm.id], question.text, sampling)
                tasks.append(Task(digest([key, machine]), entrant, question, sampling))
    return tasks


def _sampling(
    own: WorkspaceSettings,
    questions: QuestionSet,
    entrant: Entrant,
    question: Question,
    draw: int = 0,
) -> Sampling:
    """How a question is decoded: by a label where one is asked for and labels are enforced."""
    sampling = entrant.sampling(own.max_new_tokens, draw)
    if question.kind is QuestionKind.LABEL and not own.label_pattern and own.constrain_labels:
        return replace(sampling, choices=questions.labelling.labels)
    return sampling


def spread(questions: tuple[Question, ...], wanted: int) -> list[Question]:
    """``wanted`` questions at even distances, so that every kind has its share."""
    if wanted >= len(questions):
        return list(questions)
    return [questions[place * len(questions) // wanted] for place in range(wanted)]


def stored_answers(folder: Path) -> dict[tuple[str, str, int], StoredAnswer]:
    """The answers of a run by arm, question and draw; a later one replaces a failed one."""
    rows = read_values(folder / ANSWERS_FILE, StoredAnswer)
    return {(row.arm, row.question_id, row.draw): row for row in rows}


def stored_keys(folder: Path) -> dict[tuple[str, str, int], str]:
    """The key of every good answer of a run, without building the answers."""
    found = {}
    for row in read_jsonl(folder / ANSWERS_FILE, skip_damaged=True):
        with suppress(KeyError, TypeError, AttributeError):  # asked again, as if it were not there
            if not row["answer"].get("error"):
                found[str(row["arm"]), str(row["question_id"]), int(row["draw"])] = str(row["key"])
    return found


def index_versions(workspace: Workspace, plan: Plan) -> set[int]:
    """Which states of the index the answers of a run were read from; empty where none was read.

    Arms that read a named version of their own are left out.
    """
    rows = read_jsonl(folder_of(workspace, plan.id) / ANSWERS_FILE, skip_damaged=True)
    found = (
        row["answer"].get("index_version")
        for row in rows
        if isinstance(row.get("answer"), dict) and row.get("arm") not in plan.on_versions
    )
    return {number for number in found if isinstance(number, int)}


def stored_timings(folder: Path) -> list[Timing]:
    """The times that were measured in a run, or taken over by it."""
    rows = read_values(folder / LATENCY_FILE, Timing)
    return list({(row.arm, row.question_id): row for row in rows}.values())


def similarity_key(answer: str, golds: Iterable[str]) -> str:
    """The key of a cosine: both texts."""
    return digest([answer, list(golds)])


def stored_similarities(folder: Path) -> dict[str, float]:
    """The cosines that were worked out in a run."""
    rows = read_jsonl(folder / SIMILARITY_FILE, skip_damaged=True)
    return {
        str(row["key"]): float(row["value"])
        for row in rows
        if "key" in row and isinstance(row.get("value"), (int, float))
    }


def keep(path: Path, rows: Iterable[Any]) -> None:
    """Appends values to a file of JSON lines."""
    append_jsonl(path, [to_dict(row) for row in rows])


def lend_answers(workspace: Workspace, folder: Path, tasks: Iterable[Task]) -> int:
    """Copies answers with the same key from earlier runs, and returns how many.

    Failed answers are not lent: asking again may help.
    """
    return _lend(workspace, folder, ANSWERS_FILE, tasks, lambda row: not row["answer"].get("error"))


def lend_timings(workspace: Workspace, folder: Path, tasks: Iterable[Task]) -> int:
    """Copies times measured on this machine from earlier runs, and returns how many."""
    return _lend(workspace, folder, LATENCY_FILE, tasks, lambda row: True)


def _lend(
    workspace: Workspace,
    folder: Path,
    file_name: str,
    tasks: Iterable[Task],
    usable: Callable[[dict[str, Any]], bool],
) -> int:
    """Looks through the other runs, newest first, until nothing is wanted any more."""
    missing: dict[str, list[Task]] = {}
    for task in tasks:
        missing.setdefault(task.key, []).append(task)
    found: list[dict[str, Any]] = []
    for other in sorted(workspace.path.glob(f"{FOLDER}/eval-*/{file_name}"), reverse=True):
        if other.parent == folder or not missing:
            continue
        for row in read_jsonl(other, skip_damaged=True):
            if row.get("key") in missing and usable(row):
                found += [
                    row
                    | {"arm": task.entrant.name, "question_id": task.question.id}
                    | ({"draw": task.draw} if "draw" in row else {})
                    | {"reused": row.get("reused") or other.parent.name}
                    for task in missing.pop(row["key"])
                ]
    append_jsonl(folder / file_name, found)
    return len(found)
