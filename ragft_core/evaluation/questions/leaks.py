"""The leak check: test questions that were trained on, or nearly, and documents in both splits.

An arm that saw a test question in training is measured on its memory. Near-copies are found by
the overlap of words (Jaccard), which is blind to rewording: two wordings of one fact are no leak
(law 6 asks for them), and are not reported unless their words are nearly the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.overlap import as_spelled, normalise
from ragft_core.types import Example, Split


@dataclass(frozen=True)
class Leak:
    """A test question beside the training question it copies; ``similarity`` 1 is the same."""

    question_id: str
    question: str
    trained_id: str
    trained: str
    similarity: float

    @property
    def same(self) -> bool:
        """Whether the wording is the same after normalisation."""
        return self.similarity == 1.0


@dataclass(frozen=True)
class LeakReport:
    """What test and training share, and what that means for the numbers."""

    leaks: tuple[Leak, ...]
    shared_documents: tuple[str, ...]
    checked: int

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if not self.leaks:
            text = f"None of the {self.checked} questions is a copy of a training question."
        else:
            same = sum(leak.same for leak in self.leaks)
            text = (
                f"{len({leak.question_id for leak in self.leaks})} of {self.checked} questions "
                f"were trained on ({same} word for word): for the arms with an adapter they "
                "measure memory."
            )
        if self.shared_documents:
            text += (
                f" Documents in training and in test: {len(self.shared_documents)}; questions "
                "about their trained facts measure what was learned, not how well it carries over."
            )
        return text


def find_leaks(
    questions: Sequence[Question],
    examples: Sequence[Example],
    *,
    documents: Mapping[str, str] | None = None,
    threshold: float = 0.8,
) -> LeakReport:
    """Compares test questions with the training and validation examples.

    Args:
        questions: The test questions; those asked in trained wording on purpose are left out.
        examples: All examples; test rows are ignored.
        documents: From file name to document id, as for the questions.
        threshold: Share of common words from which two questions count as near-copies.
    """
    trained = [example for example in examples if example.split is not Split.TEST]
    sets = [frozenset(normalise(example.question).split()) for example in trained]
    by_word: dict[str, list[int]] = defaultdict(list)
    for place, tokens in enumerate(sets):
        for token in tokens:
            by_word[token].append(place)
    tested = [question for question in questions if not question.trained_wording]
    leaks: list[Leak] = []
    for question in tested:
        tokens = frozenset(normalise(question.text).split())
        shared: dict[int, int] = defaultdict(int)
        for token in tokens:
            for place in by_word[token]:
                shared[place] += 1
        for place, common in shared.items():
            likeness = common / (len(tokens) + len(sets[place]) - common)
            if likeness >= threshold:
                leaks.append(_leak(question, trained[place], likeness))
    ids = documents or {}
    asked = {question.document_id for question in tested if question.document_id}
    seen = {ids.get(example.document_id, example.document_id) for example in trained}
    order = sorted(leaks, key=lambda leak: (-leak.similarity, leak.question_id, leak.trained_id))
    return LeakReport(tuple(order), tuple(sorted(asked & seen)), len(tested))


def _leak(question: Question, example: Example, likeness: float) -> Leak:
    same = as_spelled(question.text) == as_spelled(example.question)
    # The same words in another order are a near-copy, not a copy.
    similarity = 1.0 if same else min(likeness, 0.999)
    return Leak(question.id, question.text, example.id, example.question, similarity)
