"""Where question sets come from: the test split, a table somebody brings, or the documents."""

from __future__ import annotations

import dataclasses

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.leaks import LeakReport, find_leaks
from ragft_core.evaluation.questions.question_sets import (
    Question,
    QuestionSet,
    from_examples,
    from_rows,
)
from ragft_core.finetuning import load_examples, read_table
from ragft_core.finetuning.writing.job import read_candidates
from ragft_core.jobs import Job, list_jobs
from ragft_core.knowledge import documents
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.workspace import Workspace

# Selection by one arm's adapter is a bias, so it is said wherever such a run is read.
WRITTEN_CAVEAT = (
    "The questions were written from the documents, and kept where the reading adapter found their "
    "answers: that favours the arms that read with it."
)


def count_test_questions(workspace: Workspace) -> int:
    """How many of the examples are test questions."""
    return sum(example.split is Split.TEST for example in load_examples(workspace))


def workspace_questions(
    workspace: Workspace, limit: int | None = None, trained_wordings: int = 0
) -> QuestionSet:
    """The questions of the examples' test split.

    Args:
        workspace: Whose examples.
        limit: At most this many, spread over the kinds.
        trained_wordings: How many training questions to ask word for word as well.

    Raises:
        EvaluationError: There is no test question.
        TrainingDataError: The examples cannot be read.
    """
    return from_examples(
        load_examples(workspace),
        labelling=labelling_of(workspace),
        documents=_ids(workspace),
        limit=limit,
        trained_wordings=trained_wordings,
    )


def gold_questions(workspace: Workspace) -> tuple[Question, ...]:
    """All examples as questions with their right answers, whatever their split.

    Raises:
        TrainingDataError: The examples cannot be read.
    """
    tested = [dataclasses.replace(e, split=Split.TEST) for e in load_examples(workspace)]
    return from_examples(tested, documents=_ids(workspace)).questions if tested else ()


def brought_questions(workspace: Workspace, name: str, data: bytes) -> QuestionSet:
    """The questions of an uploaded table (CSV, TSV, JSON, JSON lines or Excel).

    Raises:
        TrainingDataError: The file is no table that can be read.
        EvaluationError: It holds no questions.
    """
    table = read_table(name, data)
    if not table.rows:
        raise EvaluationError(f"{name} has no row that can be read.", "Check the file's form.")
    rows = [row for _, row in table.rows]
    questions = from_rows(
        rows, name=name, labelling=labelling_of(workspace), documents=_ids(workspace)
    )
    left_out = list(table.warnings)
    if table.bad_rows:
        first = table.bad_rows[0]
        left_out.append(
            f"{len(table.bad_rows)} rows of {name} were not read; row {first.row} {first.reason}."
        )
    return dataclasses.replace(questions, caveat=" ".join([questions.caveat, *left_out]).strip())


def written_questions(workspace: Workspace, limit: int | None = None) -> QuestionSet:
    """Questions that were written from the documents and are not trained on.

    Facts that an example is about, other than in the test split, are left out: whichever wording
    is asked, an arm that was trained on them would have the advantage.

    Args:
        workspace: Whose newest job of writing is taken, reviewed or not.
        limit: At most this many, spread evenly.

    Raises:
        EvaluationError: None are there.
    """
    trained = {e.fact for e in load_examples(workspace) if e.split is not Split.TEST}
    found: dict[str, Example] = {}
    job = latest_writing(workspace)
    for candidate in read_candidates(job.folder) if job else []:
        example = candidate.example()
        if example.fact not in trained:
            # One wording of each fact: several would count a fact several times.
            found.setdefault(
                example.fact or example.id,
                dataclasses.replace(example, split=Split.TEST, kind=QuestionKind.DOCUMENT_FACT),
            )
    if not found:
        raise EvaluationError(
            "There are no questions written from the documents that are not trained on.",
            "Have some written first.",
        )
    questions = from_examples(
        list(found.values()), name="Written from the documents", documents=_ids(workspace),
        limit=limit,
    )  # fmt: skip
    return dataclasses.replace(questions, caveat=WRITTEN_CAVEAT)


def latest_writing(workspace: Workspace) -> Job | None:
    """The newest job that writes or wrote questions from the documents."""
    return next(iter(list_jobs(workspace, "generate")), None)


def check_leaks(workspace: Workspace, questions: QuestionSet) -> LeakReport:
    """Compares a question set with what the workspace trains on."""
    examples = load_examples(workspace)
    return find_leaks(questions.questions, examples, documents=_ids(workspace))


def labelling_of(workspace: Workspace) -> Labelling:
    """The workspace's labels, and the form of an answer where it has one."""
    settings = workspace.settings()
    return Labelling(settings.labels, settings.label_pattern)


def _ids(workspace: Workspace) -> dict[str, str]:
    """From file name to id; of two files with one name the newer counts."""
    return {document.file_name: document.id for document in documents(workspace)}
