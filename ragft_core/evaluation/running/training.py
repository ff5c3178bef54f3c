"""The training jobs with the scorer of the evaluation: what counts as right is the same in both."""

from __future__ import annotations

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.questions.sources import labelling_of
from ragft_core.evaluation.scoring.scorers import Subject, correct
from ragft_core.finetuning.training import job
from ragft_core.jobs import JobContext
from ragft_core.types import Answer, Example


def run_training(context: JobContext) -> None:
    """Trains, and has the answers on the way scored; see ``finetuning.training.job``."""
    labelling = labelling_of(context.workspace)
    job.run_training(context, lambda example, text: is_right(example, text, labelling))


def run_sweep(context: JobContext) -> None:
    """Searches for settings by right answers; see ``finetuning.training.sweep``."""
    labelling = labelling_of(context.workspace)
    job.run_sweep(context, lambda example, text: is_right(example, text, labelling))


def is_right(example: Example, text: str, labelling: Labelling) -> bool:
    """Whether an answer to an example's question is right, as an evaluation would say."""
    golds = (example.answer, *example.alternatives)
    question = Question(example.id, example.question, golds, example.kind)
    answer = Answer("fine-tuned", example.question, text)
    return correct(Subject(question, answer, labelling)).value == 1.0
