"""From one answer to its scores. A scorer looks at one answer; means are made in statistics.

A score that does not apply has no value but a reason: it is neither zero nor dropped quietly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragft_core.evaluation.equivalence import DOUBT, RIGHT, likelihood
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.scoring import measures
from ragft_core.evaluation.text import is_abstention
from ragft_core.overlap import exact_match, holds_most, numbers
from ragft_core.overlap import support as faithfulness
from ragft_core.types import Answer, Passage, QuestionKind

# Said of a right or wrong that stands near the threshold between the two.
NEAR = "near the threshold: check by hand"


class Family(StrEnum):
    """What a score is about, which is also where the page shows it."""

    ROBUST = "style-robust"
    SENSITIVE = "style-sensitive"
    ABSTENTION = "abstention"
    GROUNDING = "grounding"
    RETRIEVAL = "retrieval"
    JUDGED = "judged"
    COST = "cost"


@dataclass(frozen=True)
class Score:
    """The score of one answer; without a value, ``reason`` says why."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Subject:
    """What scorers look at: question, answer, labels, similarity, a judge's opinion, and whether the arm searches."""

    question: Question
    answer: Answer
    labelling: Labelling = Labelling()
    similarity: float | None = None
    judgement: Score | None = None
    retrieves: bool = True

    @property
    def answerable(self) -> bool:
        """Whether there is a right answer other than to abstain."""
        return self.question.kind is not QuestionKind.UNANSWERABLE

    @property
    def abstained(self) -> bool:
        """Whether the answer declines; a gold answer that reads so does not count as one."""
        text = self.answer.text
        matches = any(exact_match(text, gold) for gold in self.question.golds)
        return is_abstention(text) and not (self.answerable and matches)


@dataclass(frozen=True)
class Scorer:
    """A score by name. ``rate`` says that each value is 0 or 1; ``unit`` is empty for shares."""

    name: str
    label: str
    help: str
    family: Family
    score: Callable[[Subject], Score]
    rate: bool = False
    higher_is_better: bool = True
    unit: str = ""


def against_golds(measure: Callable[[str, str], float]) -> Callable[[Subject], Score]:
    """Scores an answer by the gold answer that fits best; questions without one by nothing."""

    def score(subject: Subject) -> Score:
        if not subject.answerable:
            return Score(None, "the question has no answer")
        if not subject.question.golds:
            return Score(None, "no gold answer is known")
        return Score(measures.best(measure, subject.answer.text, subject.question.golds))

    return score


def with_abstention(measure: Callable[[str, str], float]) -> Callable[[Subject], Score]:
    """As SQuAD 2.0: where there is no answer, abstaining scores 1 and anything else 0."""
    plain = against_golds(measure)

    def score(subject: Subject) -> Score:
        return plain(subject) if subject.answerable else Score(float(subject.abstained))

    return score


def correct(subject: Subject) -> Score:
    """Whether the answer is right, whatever its style; declining is right where nothing is."""
    if not subject.answerable:
        return Score(float(subject.abstained))
    if subject.question.kind is QuestionKind.LABEL and subject.labelling:
        return label_right(subject)
    if subject.abstained:
        return Score(0.0)
    asked, answer = subject.question.text, subject.answer.text
    if not subject.question.golds:
        return Score(None, "no gold answer is known")
    meaning = subject.similarity
    likely = max(likelihood(answer, gold, asked, meaning) for gold in subject.question.golds)
    near = DOUBT[0] <= likely <= DOUBT[1]
    return Score(float(likely >= RIGHT), NEAR if near else "")


def label_right(subject: Subject) -> Score:
    """Whether the one label that the answer names is a right one."""
    if subject.question.kind is not QuestionKind.LABEL or not subject.labelling:
        return Score(None, "the question asks for no label")
    given = subject.labelling.read(subject.answer.text)
    right = {subject.labelling.read(gold) for gold in subject.question.golds}
    return Score(float(given is not None and given in right))


def label_format(subject: Subject) -> Score:
    """Whether the answer has the agreed form: its pattern, or a label and nothing else."""
    if subject.question.kind is not QuestionKind.LABEL or not subject.labelling:
        return Score(None, "the question asks for no label")
    return Score(float(subject.labelling.in_format(subject.answer.text)))


def numeric(subject: Subject) -> Score:
    """Whether the gold answer's numbers are in the answer; nothing where it has none."""
    golds = [gold for gold in subject.question.golds if numbers(gold)]
    if not subject.answerable or not golds:
        return Score(None, "the gold answer holds no number")
    return Score(measures.best(measures.numeric_agreement, subject.answer.text, golds))


def similarity(subject: Subject) -> Score:
    """The similarity in meaning that was worked out beforehand."""
    if not subject.answerable:
        return Score(None, "the question has no answer")
    if subject.similarity is None:
        return Score(None, "no embedder was at hand")
    return Score(subject.similarity)


def judged(subject: Subject) -> Score:
    """The judge's opinion, where one was asked."""
    return subject.judgement or Score(None, "no judge was asked")


def abstains_rightly(subject: Subject) -> Score:
    """Whether a question without an answer is declined."""
    if subject.answerable:
        return Score(None, "the question has an answer")
    return Score(float(subject.abstained))


def answers_when_it_can(subject: Subject) -> Score:
    """Whether a question with an answer is not declined."""
    if not subject.answerable:
        return Score(None, "the question has no answer")
    return Score(float(not subject.abstained))


def support(subject: Subject) -> Score:
    """Share of the answer that its passages hold; nothing for arms that read none."""
    passages = subject.answer.passages
    if not passages:
        return Score(None, "the arm reads no passages")
    if subject.abstained:
        return Score(None, "it abstained: there is nothing to support")
    texts = [f"{passage.document_title}\n{passage.chunk.text}" for passage in passages]
    held = faithfulness(subject.answer.text, texts)
    # An answer without words or numbers claims nothing that could be unfaithful.
    return Score(1.0 if held is None else held)


def retrieval(measure: Callable[[list[bool]], float]) -> Callable[[Subject], Score]:
    """Scores the ranks at which an arm that searches found what the question needs."""

    def score(subject: Subject) -> Score:
        if not subject.question.document_id:
            return Score(None, "the document with the answer is not known")
        if not subject.retrieves:
            return Score(None, "the arm searches for nothing")
        return Score(measure(relevance(subject.question, subject.answer.passages)))

    return score


def relevance(question: Question, passages: Sequence[Passage]) -> list[bool]:
    """Which passages are the first to bring what the question needs, in rank order.

    A passage is relevant when it comes from the gold document and, where the evidence is known,
    holds 80 % of its words. Later ones that bring the same again count for nothing: there is one
    thing to find, so recall and gain stay within 1.
    """
    flags: list[bool] = []
    for passage in passages:
        from_gold = passage.chunk.document_id == question.document_id
        flags.append(
            from_gold and not any(flags) and holds_most(passage.chunk.text, question.evidence)
        )
    return flags


def cost(value: Callable[[Answer], float]) -> Callable[[Subject], Score]:
    """Takes a number from the answer's provenance as it is."""
    return lambda subject: Score(value(subject.answer))


def price(subject: Subject) -> Score:
    """What the endpoint charges for the answer, where a price list is known."""
    cost = subject.answer.cost
    return Score(cost) if cost else Score(None, "nothing is charged, or no price is known")


def least_word_errors(subject: Subject) -> Score:
    """Word error rate against the gold answer that fits best."""
    if not subject.answerable or not subject.question.golds:
        return Score(None, "the question has no gold answer")
    text = subject.answer.text
    return Score(min(measures.word_error_rate(text, gold) for gold in subject.question.golds))
