"""The passages that an example is trained with for the hybrid arm: retrieved as when asking.

Retrieval happens with the workspace's own search settings, so that training sees what the arm
will see, and the passage that holds the answer is put in where retrieval missed it: training on
answers that the passages do not hold would teach the adapter to invent.
"""

from __future__ import annotations

from collections.abc import Callable

from ragft_core.knowledge import KnowledgeBase
from ragft_core.models.prompts import passage_texts
from ragft_core.overlap import holding
from ragft_core.types import Example, QuestionKind
from ragft_core.workspace import Workspace

# Beyond what the arm will see: distractors for the questions that meet in one pack.
MORE = 2


def training_passages(
    workspace: Workspace, knowledge: KnowledgeBase
) -> Callable[[Example], list[tuple[str, str]]]:
    """A function that gives an example's (title, text) passages, best first."""
    settings = workspace.settings()
    mode, meaning = settings.search_mode, settings.meaning
    files = {d.file_name: d for d in knowledge.documents()}
    by_id = {d.id: d for d in files.values()}

    def passages(example: Example) -> list[tuple[str, str]]:
        most = settings.top_k + MORE
        found = passage_texts(knowledge.search(example.question, mode, most, meaning=meaning))
        document = files.get(example.document_id) or by_id.get(example.document_id)
        if example.kind is QuestionKind.UNANSWERABLE or document is None:
            return found
        wanted = example.evidence or example.answer
        if holding([text for _, text in found], wanted) is not None:
            return found
        texts = [chunk.text for chunk in knowledge.chunks(document.id)]
        place = holding(texts, wanted)
        return found if place is None else [(document.title, texts[place]), *found]

    return passages
