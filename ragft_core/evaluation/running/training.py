"""The training jobs with the scorer of the evaluation: what counts as right is the same in both."""

from __future__ import annotations

from functools import partial

from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.questions.sources import labelling_of
from ragft_core.evaluation.scoring.scorers import Subject, correct
from ragft_core.finetuning.rows.rows import Right
from ragft_core.finetuning.training import job, sweeps
from ragft_core.finetuning.training.workers import Peers, train_together
from ragft_core.jobs import JobContext
from ragft_core.settings import Settings
from ragft_core.types import Answer, Example


def run_training(context: JobContext) -> None:
    """Trains, and has the answers on the way scored; on several workers where that is set."""
    right = partial(is_right, labelling=labelling_of(context.workspace))
    settings = Settings()
    if settings.ray and settings.ray_workers > 1:
        train_together(context, partial(_train, right=right))
    else:
        job.run_training(context, right)


def _train(context: JobContext, peers: Peers, right: Right) -> None:
    """What each worker does."""
    job.run_training(context, right, peers)


def run_sweep(context: JobContext) -> None:
    """Searches for settings by right answers, on the cluster where one is set."""
    right = partial(is_right, labelling=labelling_of(context.workspace))
    search = sweeps.search_on_cluster if Settings().ray else sweeps.run_sweep
    search(context, right)


def is_right(example: Example, text: str, labelling: Labelling) -> bool:
    """Whether an answer to an example's question is right, as an evaluation would say."""
    golds = (example.answer, *example.alternatives)
    question = Question(example.id, example.question, golds, example.kind)
    answer = Answer("fine-tuned", example.question, text)
    return correct(Subject(question, answer, labelling)).value == 1.0
