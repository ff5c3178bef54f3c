"""The retrieval lab: every way of searching asked, measured, and the better one adopted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.errors import EvaluationError
from ragft_core.evaluation import retrieval
from ragft_core.evaluation.retrieval.lab import WAYS, ndcg
from ragft_core.finetuning import save_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.types import Example, QuestionKind, SearchMode
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder

ANIMALS = "otter heron badger lynx stoat raven plover marten weasel falcon curlew beaver".split()


class Deaf(HashEmbedder):
    """Embeds everything the same: meaning finds nothing, words must."""

    def embed_query(self, text: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return super().embed_query("same")


@pytest.fixture
def stocked(workspace: Workspace, tmp_path: Path) -> KnowledgeBase:
    base = KnowledgeBase(workspace, Deaf())
    paths = []
    for number, animal in enumerate(ANIMALS):
        text = f"The {animal} sleeps for {number + 3} hours in a burrow of its own."
        paths.append((f"{animal}.txt", files.text(tmp_path / f"{animal}.txt", text)))
    base.add_files(paths)
    save_examples(
        workspace,
        [
            Example(f"e{n}", f"How long does the {animal} sleep?", f"{n + 3} hours", document_id=f"{animal}.txt")
            for n, animal in enumerate(ANIMALS)
        ]
        + [
            Example("x", "Who is the emperor of Mars?", "Not stated.", kind=QuestionKind.UNANSWERABLE),
            Example("y", "How long is a day?", "24 hours", document_id="gone.txt"),
        ],
    )  # fmt: skip
    return base


def test_only_questions_whose_answer_stands_in_a_document_are_asked(stocked: KnowledgeBase) -> None:
    asked = retrieval.questions_with_source(stocked.workspace)
    assert len(asked) == len(ANIMALS)
    assert len(retrieval.questions_with_source(stocked.workspace, most=5)) == 5


def test_without_a_known_source_there_is_nothing_to_compare(workspace: Workspace) -> None:
    with pytest.raises(EvaluationError, match="names a document"):
        retrieval.questions_with_source(workspace)


def test_the_better_way_is_seen_kept_and_adopted(stocked: KnowledgeBase) -> None:
    workspace = stocked.workspace
    workspace.update(search_mode=SearchMode.DENSE, top_k=1)
    questions = retrieval.questions_with_source(workspace)
    shares: list[float] = []
    in_use = retrieval.way_in_use(workspace)
    found = retrieval.ask_each_way(stocked, questions, in_use, 1, shares.append)
    assert [row.way for row in found.rows] == list(WAYS)
    assert shares[-1] == 1
    by_mode = {row.way: row for row in found.rows}
    words, meaning = by_mode[retrieval.Way(SearchMode.TEXT)], by_mode[in_use]
    assert words.hit.mean == words.mrr.mean == words.ndcg.mean == 1
    assert words.missed == ()
    assert meaning.mrr.mean is not None
    assert meaning.mrr.mean < 0.5
    assert len(meaning.missed) == round(len(ANIMALS) * (1 - (meaning.hit.mean or 0)))
    assert meaning.against is None
    assert found.is_better
    assert found.best.way.mode is not SearchMode.DENSE
    assert "finds better" in found.verdict
    retrieval.keep(workspace, found)
    assert retrieval.last_comparison(workspace) == found
    retrieval.adopt(workspace, found.best.way)
    assert retrieval.way_in_use(workspace) == found.best.way
    again = retrieval.ask_each_way(stocked, questions, found.best.way, 1)
    assert not again.is_better
    assert "Nothing finds better" in again.verdict


def test_a_share_of_meaning_of_the_workspaces_own_is_compared_too(stocked: KnowledgeBase) -> None:
    retrieval.adopt(stocked.workspace, retrieval.Way(SearchMode.HYBRID, 0.85))
    in_use = retrieval.way_in_use(stocked.workspace)
    questions = retrieval.questions_with_source(stocked.workspace, most=3)
    found = retrieval.ask_each_way(stocked, questions, in_use, 3)
    assert found.rows[0].way == in_use
    assert "85 % meaning" in in_use.words


def test_ndcg_is_of_all_right_ones() -> None:
    assert ndcg([True, False], 1) == 1
    assert ndcg([False, True], 1) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg([True, False, True], 2) == pytest.approx(1.5 / 1.6309, abs=1e-4)
    assert ndcg([], 1) == 0
