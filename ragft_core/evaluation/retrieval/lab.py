"""The retrieval lab: every way of searching on the questions whose source is known.

A passage counts as right where it is of the question's document and holds its evidence, or its
answer where no evidence is kept. No model answers, so a hundred questions take seconds. The ways
are few and fixed: with many, the best of them would be best by luck on a hundred questions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.statistics.bootstrap import Clusters, Floats, group, resample
from ragft_core.evaluation.statistics.estimates import (
    Difference,
    Summary,
    compare,
    summarise,
)
from ragft_core.evaluation.statistics.significance import holm
from ragft_core.finetuning import load_examples
from ragft_core.knowledge import MODE_WORDS, KnowledgeBase, chunks_of, documents
from ragft_core.overlap import holding
from ragft_core.types import Passage, QuestionKind, SearchMode
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_json, write_json

# Passages beyond which a hit is worth nothing to a reader.
DEPTH = 10
FILE = "retrieval.json"
MOST_QUESTIONS = 200


@dataclass(frozen=True)
class Way:
    """A way of searching.

    ``meaning`` is its share against words, None where the language of each question decides
    (``knowledge.retrievers.meaning_share``).
    """

    mode: SearchMode
    meaning: float | None = None

    @property
    def words(self) -> str:
        """What people call it."""
        name = MODE_WORDS[self.mode]
        if self.mode is not SearchMode.HYBRID:
            return name
        share = "by language" if self.meaning is None else f"{100 * self.meaning:.0f} % meaning"
        return f"{name}, {share}"


WAYS = (
    Way(SearchMode.HYBRID),
    *(Way(SearchMode.HYBRID, share) for share in (0.3, 0.5, 0.7, 0.9)),
    Way(SearchMode.DENSE),
    Way(SearchMode.TEXT),
)


@dataclass(frozen=True)
class Asked:
    """A question, the document that answers it, and what a passage must hold to be right."""

    question: str
    document_id: str
    wanted: str
    n_right: int = 1


@dataclass(frozen=True)
class Row:
    """How one way did: hit@k, reciprocal rank and nDCG at 10, milliseconds, and what it missed.

    ``against`` is its reciprocal rank minus that of the way in use, None for that way itself.
    """

    way: Way
    hit: Summary
    mrr: Summary
    ndcg: Summary
    median_ms: float
    missed: tuple[str, ...]
    against: Difference | None = None


@dataclass(frozen=True)
class Comparison:
    """Every way on the same questions, in the order of ``WAYS``.

    ``unit`` is what was resampled, ``index_version`` the knowledge base's when it was asked.
    """

    rows: tuple[Row, ...]
    in_use: Way
    n: int
    k: int
    unit: str
    index_version: int

    @property
    def best(self) -> Row:
        """The highest mean reciprocal rank; of equals the one in use, else the first."""
        return max(self.rows, key=lambda row: (row.mrr.mean or 0.0, row.way == self.in_use))

    @property
    def is_better(self) -> bool:
        """Whether the best way is better than the one in use beyond chance."""
        gap = self.best.against
        return gap is not None and gap.decided and gap.mean > 0

    @property
    def verdict(self) -> str:
        """What the comparison says, in a sentence."""
        best = self.best
        if best.way == self.in_use:
            return f"Nothing finds better here than what is in use: {best.way.words.lower()}."
        gap = best.against
        if gap is None or not self.is_better:
            return (
                f"{best.way.words} is ahead, but too close to call: "
                f"these {self.n} questions do not tell it from what is in use."
            )
        return (
            f"{best.way.words} finds better than what is in use: "
            f"{gap.mean:+.3f} in reciprocal rank ({gap.low:+.3f} to {gap.high:+.3f})."
        )


def way_in_use(workspace: Workspace) -> Way:
    """How the workspace searches now."""
    settings = workspace.settings()
    hybrid = settings.search_mode is SearchMode.HYBRID
    return Way(settings.search_mode, settings.meaning if hybrid else None)


def adopt(workspace: Workspace, way: Way) -> None:
    """Makes a way the workspace's; arms with a search mode of their own keep it."""
    workspace.update(search_mode=way.mode, meaning=way.meaning)


def keep(workspace: Workspace, found: Comparison) -> None:
    """Keeps a comparison in the workspace, in place of the one before."""
    write_json(workspace.path / FILE, to_dict(found))


def last_comparison(workspace: Workspace) -> Comparison | None:
    """The comparison that was kept last.

    Raises:
        InvalidValueError: Its file is damaged.
    """
    path = workspace.path / FILE
    return from_dict(Comparison, read_json(path), FILE) if path.exists() else None


def sourced_facts(workspace: Workspace) -> list[list[Asked]]:
    """The examples whose answer stands in a document of the workspace: a fact's wordings together."""
    known = {key: d.id for d in documents(workspace) for key in (d.file_name, d.id)}
    chunks: dict[str, list[str]] = {}
    found: dict[str, list[Asked]] = {}
    for example in load_examples(workspace):
        document_id = known.get(example.document_id)
        if document_id is None or example.kind is QuestionKind.UNANSWERABLE:
            continue
        if document_id not in chunks:
            chunks[document_id] = [chunk.text for chunk in chunks_of(workspace, document_id)]
        wanted = example.evidence or example.answer
        n_right = sum(holding([text], wanted) is not None for text in chunks[document_id])
        if n_right:
            asked = Asked(example.question, document_id, wanted, n_right)
            found.setdefault(example.fact or example.question, []).append(asked)
    return list(found.values())


def questions_with_source(workspace: Workspace, most: int = MOST_QUESTIONS) -> list[Asked]:
    """A question for each fact that a document of the workspace tells, at most ``most``.

    Of several wordings of one fact the first counts; many are thinned evenly.

    Raises:
        EvaluationError: There is none.
    """
    asked = [wordings[0] for wordings in sourced_facts(workspace)]
    if not asked:
        raise EvaluationError(
            "No example names a document that holds its answer, so nobody knows what should be "
            "found.",
            "Have examples written from the documents, or import some with a document column.",
        )
    places = np.linspace(0, len(asked) - 1, min(most, len(asked))).round().astype(int)
    return [asked[place] for place in places]


def ask_each_way(
    knowledge: KnowledgeBase,
    questions: Sequence[Asked],
    in_use: Way,
    k: int,
    on_share: Callable[[float], None] = lambda share: None,
) -> Comparison:
    """Searches for every question in every way.

    Args:
        knowledge: What is searched.
        questions: With their sources.
        in_use: The way that the others are compared with; one of its own where not in ``WAYS``.
        k: Passages that a reader gets; hit@k is the share of questions with a right one in them.
        on_share: Called with the share that is done.

    Raises:
        RetrievalError: The index cannot be searched.
    """
    ways = WAYS if in_use in WAYS else (in_use, *WAYS)
    ranks = np.zeros((len(ways), len(questions)))
    gains, times = np.zeros_like(ranks), np.zeros_like(ranks)
    for column, asked in enumerate(questions):
        for row, way in enumerate(ways):
            began = time.perf_counter()
            found = knowledge.search(asked.question, way.mode, max(DEPTH, k), meaning=way.meaning)
            times[row, column] = 1000 * (time.perf_counter() - began)
            right = [is_right(passage, asked) for passage in found]
            ranks[row, column] = right.index(True) + 1 if any(right) else math.inf
            gains[row, column] = ndcg(right[:DEPTH], asked.n_right)
        on_share((column + 1) / len(questions))
    clusters = group([asked.document_id for asked in questions])
    weights = resample(clusters)
    hits, reciprocal = (ranks <= k).astype(float), np.where(ranks <= DEPTH, 1 / ranks, 0.0)
    against = _against(ways, in_use, reciprocal, clusters, weights)
    rows = zip(
        ways,
        summarise(hits, clusters, weights, rate=True),
        summarise(reciprocal, clusters, weights),
        summarise(gains, clusters, weights),
        strict=True,
    )
    table = tuple(
        Row(
            way, hit, mrr, gain, float(np.median(times[place])),
            tuple(asked.question for asked, rank in zip(questions, ranks[place], strict=True) if rank > k),
            against[place],
        )
        for place, (way, hit, mrr, gain) in enumerate(rows)
    )  # fmt: skip
    return Comparison(table, in_use, len(questions), k, clusters.unit, knowledge.version)


def is_right(passage: Passage, asked: Asked) -> bool:
    """Whether a passage is of the question's document and holds what is wanted."""
    own = passage.chunk.document_id == asked.document_id
    return own and holding([passage.chunk.text], asked.wanted) is not None


def ndcg(right: Sequence[bool], n_right: int) -> float:
    """Normalised discounted cumulative gain of a ranking with gains of 0 and 1.

    Järvelin and Kekäläinen 2002; ``n_right`` is how many right ones there are to be found.
    """
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(n_right, DEPTH) + 1))
    gained = sum(1 / math.log2(rank + 1) for rank, is_one in enumerate(right, 1) if is_one)
    return gained / best if best else 0.0


def _against(
    ways: Sequence[Way], in_use: Way, values: Floats, clusters: Clusters, weights: Floats
) -> list[Difference | None]:
    """Each way minus the one in use, Holm-corrected over these pairs; None for that one itself."""
    place = ways.index(in_use)
    found = [
        compare([way.words, in_use.words], values[[row, place]], clusters, weights)[0]
        for row, way in enumerate(ways)
        if row != place
    ]
    corrected = holm([pair.p for pair in found])
    rest = iter(replace(pair, p_holm=p) for pair, p in zip(found, corrected, strict=True))
    return [None if row == place else next(rest) for row in range(len(ways))]
