"""How near answers come in meaning to their gold answers, by the local embedder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ragft_core.evaluation.protocols import Embedder
from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.store.answers import similarity_key, stored_answers, stored_similarities
from ragft_core.evaluation.store.plans import FOLDER, SIMILARITY_FILE
from ragft_core.types import QuestionKind
from ragft_core.workspace import Workspace, append_jsonl


def compare_meanings(
    workspace: Workspace,
    folder: Path,
    questions: QuestionSet,
    open_embedder: Callable[[], Embedder],
) -> None:
    """Works out the cosine of each answer to its nearest gold answer, where it is not known.

    Args:
        workspace: Whose runs are looked through for cosines that are known.
        folder: The run's folder.
        questions: The run's questions.
        open_embedder: Loads the embedder; called only when a cosine is missing.
    """
    import numpy as np

    golds = {q.id: q.golds for q in questions.questions if q.kind is not QuestionKind.UNANSWERABLE}
    pairs = {
        similarity_key(row.answer.text, golds[row.question_id]): (
            row.answer.text,
            golds[row.question_id],
        )
        for row in stored_answers(folder).values()
        if golds.get(row.question_id) and row.answer.text and not row.answer.error
    }
    known: dict[str, float] = {}
    for file in workspace.path.glob(f"{FOLDER}/eval-*/{SIMILARITY_FILE}"):
        known |= stored_similarities(file.parent)
    missing = [key for key in pairs if key not in known]
    if missing:
        texts = {t for key in missing for t in (pairs[key][0], *pairs[key][1])}
        order = {text: place for place, text in enumerate(sorted(texts))}
        vectors = np.asarray(open_embedder().embed_documents(list(order)), dtype=np.float64)
        for key in missing:
            text, right = pairs[key]
            cosines = vectors[[order[gold] for gold in right]] @ vectors[order[text]]
            known[key] = float(cosines.max())
    own = stored_similarities(folder)
    rows = [{"key": key, "value": known[key]} for key in pairs if key not in own]
    append_jsonl(folder / SIMILARITY_FILE, rows)
