"""The plain classifier's row of a run: fitted to the training examples, asked the test questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ragft_core.evaluation.protocols import Embedder
from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.scoring.plain_classifier import FEWEST_ROWS, fit_classifier
from ragft_core.evaluation.store.plans import CLASSIFIER_FILE
from ragft_core.finetuning import load_examples
from ragft_core.types import QuestionKind, Split
from ragft_core.workspace import Workspace, write_json


def classify_questions(
    workspace: Workspace,
    folder: Path,
    questions: QuestionSet,
    open_embedder: Callable[[], Embedder],
) -> None:
    """Fits a classifier and writes the label it gives to each question; nothing without labels.

    Args:
        workspace: Whose examples are trained on; test rows are left out.
        folder: The run's folder.
        questions: The run's questions.
        open_embedder: Loads the embedder; called only when there is something to classify.
    """
    asked = [question for question in questions.ranked if question.kind is QuestionKind.LABEL]
    read = questions.labelling.read
    rows = [
        (example.question, label)
        for example in load_examples(workspace)
        if example.split is not Split.TEST and (label := read(example.answer)) is not None
    ]
    labels = [label for _, label in rows]
    if not asked or len(rows) < FEWEST_ROWS or len(set(labels)) < 2:
        return
    began = time.perf_counter()
    classifier = fit_classifier([text for text, _ in rows], labels, open_embedder())
    seconds = time.perf_counter() - began
    given = classifier.predict([question.text for question in asked])
    write_json(
        folder / CLASSIFIER_FILE,
        {
            "method": classifier.method,
            "n_train": len(rows),
            "seconds": seconds,
            "given": {q.id: label for q, (label, _) in zip(asked, given, strict=True)},
        },
    )
