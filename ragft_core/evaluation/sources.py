"""Where a workspace's question sets come from: its own test split, or a table somebody brings."""

from __future__ import annotations

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.leaks import LeakReport, find_leaks
from ragft_core.evaluation.questions import QuestionSet, from_examples, from_rows
from ragft_core.finetuning import load_examples, read_table
from ragft_core.knowledge import documents
from ragft_core.types import Split
from ragft_core.workspace import Workspace


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
        labelling=_labelling(workspace),
        documents=_ids(workspace),
        limit=limit,
        trained_wordings=trained_wordings,
    )


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
    return from_rows(rows, name=name, labelling=_labelling(workspace), documents=_ids(workspace))


def check_leaks(workspace: Workspace, questions: QuestionSet) -> LeakReport:
    """Compares a question set with what the workspace trains on."""
    examples = load_examples(workspace)
    return find_leaks(questions.questions, examples, documents=_ids(workspace))


def _labelling(workspace: Workspace) -> Labelling:
    settings = workspace.settings()
    return Labelling(settings.labels, settings.label_pattern)


def _ids(workspace: Workspace) -> dict[str, str]:
    """From file name to id; of two files with one name the newer counts."""
    return {document.file_name: document.id for document in documents(workspace)}
