"""Question sets: from the examples' test split, or from a table that somebody brings."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ragft_core.errors import EvaluationError
from ragft_core.evaluation.labels import NO_LABELS, Labelling
from ragft_core.finetuning.examples.columns import NAMES, guess_columns
from ragft_core.models.prompts import ABSTENTION
from ragft_core.types import Example, QuestionKind, Split

Asked = TypeVar("Asked", "Example", "Question")
KIND_LABELS = {
    QuestionKind.TRAINED_FACT: "Trained fact, new wording",
    QuestionKind.DOCUMENT_FACT: "Fact only in the documents",
    QuestionKind.UNANSWERABLE: "Not answerable",
    QuestionKind.GENERAL: "General knowledge",
    QuestionKind.LABEL: "Label",
}


@dataclass(frozen=True)
class Question:
    """A test question with every answer that is right.

    ``trained_wording`` marks a question that stood in the training data word for word: asked only
    to see overfitting, left out of every ranking.
    """

    id: str
    text: str
    golds: tuple[str, ...]
    kind: QuestionKind = QuestionKind.DOCUMENT_FACT
    document_id: str = ""
    fact: str = ""
    evidence: str = ""
    trained_wording: bool = False


@dataclass(frozen=True)
class QuestionSet:
    """Questions that are asked together, and the labels where they are to be labelled.

    They stand in the order in which they are asked (``asking_order``), so that any beginning is a
    fair sample of the whole. ``caveat`` is what must be known of how they were chosen.
    """

    name: str
    questions: tuple[Question, ...]
    labelling: Labelling = Labelling()
    caveat: str = ""

    @property
    def ranked(self) -> tuple[Question, ...]:
        """The questions that are scored: all but those in trained wording."""
        return tuple(question for question in self.questions if not question.trained_wording)

    @property
    def deciding(self) -> tuple[Question, ...]:
        """The questions that arms are ranked by.

        General knowledge is asked to see forgetting (law 6) and stays out: arms that read are told
        to decline what the documents do not say, and would lose by obeying.
        """
        probed = tuple(q for q in self.ranked if q.kind is not QuestionKind.GENERAL)
        return probed or self.ranked

    def beginning(self, deciding: int) -> QuestionSet:
        """The questions up to the ``deciding``-th that arms are ranked by; all of them for all."""
        if deciding >= len(self.deciding):
            return self
        end = self.questions.index(self.deciding[deciding])
        return replace(self, questions=self.questions[:end])

    @property
    def kinds(self) -> dict[QuestionKind, int]:
        """How many of the ranked questions are of each kind, in the order of the kinds."""
        counts = Counter(question.kind for question in self.ranked)
        return {kind: counts[kind] for kind in QuestionKind if counts[kind]}


def from_examples(
    examples: Sequence[Example],
    *,
    name: str = "Test split",
    labelling: Labelling = NO_LABELS,
    documents: Mapping[str, str] | None = None,
    limit: int | None = None,
    trained_wordings: int = 0,
) -> QuestionSet:
    """Makes a question set of the examples' test split.

    Args:
        examples: All examples of the workspace.
        name: What the set is called.
        labelling: The workspace's labels, where it is about labelling.
        documents: From file name to document id, to find a question's document by either.
        limit: At most this many questions, spread over the kinds as the whole is.
        trained_wordings: How many training questions to ask word for word as well, to see
            overfitting; those whose fact is tested under another wording come first.

    Raises:
        EvaluationError: There is no example in the test split.
    """
    tested = [example for example in examples if example.split is Split.TEST]
    if not tested:
        raise EvaluationError(
            f"None of the {len(examples)} examples is in the test split.",
            "Mark some as test questions on the page Examples, or bring a question set.",
        )
    chosen = asking_order(tested)[:limit]
    facts = {example.fact for example in chosen if example.fact}
    trained = [example for example in examples if example.split is Split.TRAIN]
    trained.sort(key=lambda example: (example.fact not in facts, _digest(example.id)))
    questions = [_question(example, documents or {}) for example in chosen]
    questions += [
        _question(example, documents or {}, trained=True) for example in trained[:trained_wordings]
    ]
    return QuestionSet(name, tuple(asking_order(questions)), labelling or _labels(chosen))


def from_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    name: str,
    labelling: Labelling = NO_LABELS,
    documents: Mapping[str, str] | None = None,
) -> QuestionSet:
    """Makes a question set of table rows; columns are found by their usual names.

    A row without an answer is a question that cannot be answered.

    Raises:
        EvaluationError: There is no question column, or no row that can be used.
    """
    header = list(dict.fromkeys(str(key) for row in rows for key in row))
    places = guess_columns(header)
    _check_columns(places, header, rows)
    questions: dict[str, Question] = {}
    for row in rows:
        cells = {
            field: str(row.get(places[field]) or "").strip() if field in places else ""
            for field in NAMES
        }
        if cells["question"]:
            question = _from_cells(cells, bool(labelling), documents or {})
            questions.setdefault(question.id, question)
    return QuestionSet(name, tuple(asking_order(list(questions.values()))), labelling)


def _check_columns(
    places: Mapping[str, str], header: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> None:
    """Refuses a table whose questions or right answers stand nobody knows where."""
    if "question" in places and not any(
        str(row.get(places["question"]) or "").strip() for row in rows
    ):
        raise EvaluationError("No row of the table holds a question.", "Check the question column.")
    missing = [f"{field}s" for field in ("question", "answer") if field not in places]
    if missing:
        raise EvaluationError(
            f"The table has no column with {' and '.join(missing)}; its columns are "
            f"{', '.join(header)[:200]}.",
            "Name one column 'question' and one 'answer'. A question that cannot be answered has "
            "an empty answer.",
        )


def _from_cells(cells: Mapping[str, str], labelled: bool, documents: Mapping[str, str]) -> Question:
    kind = cells["kind"].lower().replace(" ", "-").replace("_", "-")
    if kind and kind not in set(QuestionKind):
        raise EvaluationError(
            f"The kind {cells['kind']!r} of the question {cells['question'][:60]!r} is not known.",
            f"Use one of: {', '.join(QuestionKind)}; or leave the column out.",
        )
    if not kind:
        kind = QuestionKind.LABEL if labelled else QuestionKind.DOCUMENT_FACT
        kind = kind if cells["answer"] not in ("", ABSTENTION) else QuestionKind.UNANSWERABLE
    alternatives = [part.strip() for part in re.split(r"[|\n]", cells["alternatives"])]
    golds = [cells["answer"], *alternatives]
    return Question(
        id=f"q-{_digest(cells['question'] + chr(0) + cells['answer'])[:12]}",
        text=cells["question"],
        golds=tuple(gold for gold in golds if gold),
        kind=QuestionKind(kind),
        document_id=documents.get(cells["document_id"], cells["document_id"]),
        fact=cells["fact"],
        evidence=cells["evidence"],
    )


def _question(example: Example, documents: Mapping[str, str], trained: bool = False) -> Question:
    return Question(
        id=example.id,
        text=example.question,
        golds=tuple(gold for gold in (example.answer, *example.alternatives) if gold.strip()),
        kind=example.kind,
        document_id=documents.get(example.document_id, example.document_id),
        fact=example.fact,
        evidence=example.evidence,
        trained_wording=trained,
    )


def asking_order(rows: Sequence[Asked]) -> list[Asked]:
    """A random order, the same every time, whose every beginning has its share of each kind.

    Within a kind, documents take turns by systematic sampling with a random start, so that a
    beginning has its share of each document, too. Chance comes from a digest of the ids.
    """
    by_kind: dict[str, list[Asked]] = {}
    for row in rows:
        by_kind.setdefault(_kind_of(row), []).append(row)
    return _shares([_shares(_by_document(group)) for group in by_kind.values()])


def _kind_of(row: Example | Question) -> str:
    apart = isinstance(row, Question) and row.trained_wording
    return f"{row.kind.value}, trained wording" if apart else row.kind.value


def _by_document(rows: Sequence[Asked]) -> list[list[Asked]]:
    """The questions of each document in a random order; one without a document stands alone."""
    groups: dict[str, list[Asked]] = {}
    for row in sorted(rows, key=lambda row: _digest(row.id)):
        groups.setdefault(row.document_id or row.id, []).append(row)
    return list(groups.values())


def _shares(groups: Sequence[Sequence[Asked]]) -> list[Asked]:
    """Puts groups together so that each is spread evenly, from a random start of its own."""
    placed = [
        ((place + int(_digest(group[0].id + "start")[:8], 16) / 16**8) / len(group), place, row)
        for group in groups
        for place, row in enumerate(group)
    ]
    return [row for _, _, row in sorted(placed, key=lambda item: (item[0], _digest(item[2].id)))]


def _labels(examples: Sequence[Example]) -> Labelling:
    found = {example.answer for example in examples if example.kind is QuestionKind.LABEL}
    return Labelling(tuple(sorted(found)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
