"""The kinds of jobs: what runs each, and in which queue it takes its turn."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.errors import JobError


@dataclass(frozen=True)
class Kind:
    """A kind of job: what runs it, in which queue it takes its turn, what people call it.

    ``entry`` is ``module:function``, called with a ``JobContext``. Jobs of one ``queue`` run one
    after the other on this machine; without a queue they run at once. On a cluster one that
    ``spreads`` hands its work to others, so that its own process needs next to nothing; one that is
    ``shared`` does so where several workers are wanted.
    """

    entry: str
    queue: str = ""
    title: str = "A job"
    spreads: bool = False
    shared: bool = False


# Entry points are named, not imported: this package knows no other, and a job's folder, which may
# come from elsewhere, never says what code to run.
KINDS: dict[str, Kind] = {
    "ingest": Kind(
        "ragft_core.knowledge.job:run_ingest",
        queue="documents",
        title="Adding documents",
        spreads=True,
    ),
    "embed": Kind(
        "ragft_core.knowledge.job:run_embedding",
        queue="documents",
        title="Embedding anew",
        spreads=True,
    ),
    "tune": Kind(
        "ragft_core.evaluation.retrieval.tuning:run_tuning",
        queue="model",
        title="Tuning the search",
    ),
    "train": Kind(
        "ragft_core.evaluation.running.training:run_training",
        queue="model",
        title="Fine-tuning",
        shared=True,
    ),
    "sweep": Kind(
        "ragft_core.evaluation.running.training:run_sweep",
        queue="model",
        title="Searching settings",
        spreads=True,
    ),
    "generate": Kind(
        "ragft_core.finetuning.writing.job:run_generation", queue="model", title="Writing examples"
    ),
    "evaluate": Kind(
        "ragft_core.evaluation.running.job:run_evaluation",
        queue="model",
        title="Evaluation",
        spreads=True,
    ),
}


def kind_of(name: str) -> Kind:
    """Finds a kind by its name.

    Raises:
        JobError: There is none.
    """
    if name not in KINDS:
        raise JobError(f"There is no kind of job {name!r}.", f"Known: {', '.join(sorted(KINDS))}.")
    return KINDS[name]
