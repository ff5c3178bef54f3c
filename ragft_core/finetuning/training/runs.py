"""Starting and listing fine-tuning runs. A run is a job of kind ``train``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ragft_core.approval import require_approval
from ragft_core.errors import ModelError, TrainingDataError
from ragft_core.finetuning.config import Origin, RunConfig, check_config
from ragft_core.finetuning.examples.facts import label_counts
from ragft_core.finetuning.examples.store import Division, divide, load_examples
from ragft_core.finetuning.rows.general import general_questions
from ragft_core.finetuning.rows.rows import TrainingRow, find_gold
from ragft_core.finetuning.rows.unanswerable import unanswerable_questions
from ragft_core.finetuning.training.estimate import estimate_run
from ragft_core.jobs import Job, Needs, list_jobs, start_job
from ragft_core.models.prompts import with_labels
from ragft_core.settings import Settings
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import Workspace, write_jsonl

# For one example, the passages that retrieval gives with the right one among them, best first.
Passages = Callable[[Example], list[tuple[str, str]]]
ROWS = "rows.jsonl"
MOST_PASSAGES = 5
# Fewer made-up questions than this would be learned by heart.
FEWEST_MADE_UP = 48


@dataclass(frozen=True)
class RunResult:
    """What a run left, as far as people read it: losses in nats a token, seconds of training."""

    adapter: str = ""
    steps: int = 0
    best_step: int = 0
    first_val_loss: float | None = None
    val_loss: float | None = None
    seconds: float = 0.0
    warning: str = ""


@dataclass(frozen=True)
class RunFacts:
    """A run as it was asked for, and its result; what of it is damaged is left at its default."""

    config: RunConfig
    result: RunResult | None


def run_facts(job: Job) -> RunFacts:
    """Reads what a run was asked to do and what it left."""
    configs = readable([job.spec.get("config") or {}], lambda data: from_dict(RunConfig, data))
    left = job.result()
    results = readable([left] if left else [], lambda data: from_dict(RunResult, data))
    return RunFacts(configs[0] if configs else RunConfig(), results[0] if results else None)


def curve(metrics: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    """A measurement by step; rows without it, or with something else than numbers, are left out."""
    numbers = [(row.get("step"), row.get(name)) for row in metrics]
    return [
        (step, float(value))
        for step, value in numbers
        if type(step) is int and type(value) in (int, float)
    ]


def start_run(
    workspace: Workspace,
    config: RunConfig,
    passages: Passages | None = None,
    texts: Sequence[str] = (),
) -> Job:
    """Starts a fine-tuning run in the background.

    The rows are written into the job's folder, so later changes to the examples or the documents
    do not reach a run that has started.

    Args:
        workspace: Whose examples and whose model.
        config: How to train.
        passages: Gives an example's (title, text) passages; needed for training with passages.
        texts: Of the documents; unanswerable questions are made up about what they name.

    Raises:
        TrainingDataError: There are too few examples, or no passages to train with.
        ModelError: The workspace's model cannot be fine-tuned here.
        SettingsError: The config cannot be used.
    """
    check_config(config)
    settings = workspace.settings()
    require_approval(workspace, settings.model)
    if settings.model.kind == "endpoint":
        raise ModelError(
            f"The model {settings.model.name} is reached through an endpoint and cannot be "
            "fine-tuned here.",
            "Choose the bundled model or a local folder for this workspace.",
        )
    examples = load_examples(workspace)
    division = divide(examples, config.seed)
    retrieve = passages if config.with_context else None
    rows = _rows(division, retrieve) + mixed_rows(division.train, config, texts, retrieve)
    if config.with_context and not any(row.passages for row in rows):
        raise TrainingDataError(
            "An adapter for the hybrid arm is trained with retrieved passages, and there are none.",
            "Add documents first, or train for the fine-tuned arm.",
        )
    spec = {
        "config": to_dict(config),
        "model": to_dict(settings.model),
        "instruction": with_labels(settings.instruction, settings.labels, settings.label_pattern),
        "rewordings": division.rewordings,
        "counts": {"train": len(division.train), "validation": len(division.validation)}
        | Counter(row.origin.value for row in rows if row.origin is not Origin.OWN),
    }

    def prepare(folder: Path) -> None:
        write_jsonl(folder / ROWS, [to_dict(row) for row in rows])

    return start_job(workspace, "train", spec, prepare, _needs(workspace, config, examples))


def _needs(workspace: Workspace, config: RunConfig, examples: Sequence[Example]) -> Needs:
    """What the run will take; nothing is known of a model that has to be fetched first."""
    try:
        estimate = estimate_run(workspace, config, examples, Settings())
    except ModelError:
        return Needs()
    return Needs(estimate.memory_mb, estimate.disk_mb)


def mixed_rows(
    train: Sequence[Example],
    config: RunConfig,
    texts: Sequence[str] = (),
    passages: Passages | None = None,
) -> list[TrainingRow]:
    """What is trained on beside the user's rows, by the config's mixture.

    Labels get nothing mixed in: every message has one, and nothing is asked that could be
    declined. Rows of the user's own that decline count as such. An arm that reads passages answers
    from them alone, so it needs no general knowledge.
    """
    if label_counts(train):
        return []
    declining = sum(e.kind is QuestionKind.UNANSWERABLE for e in train)
    wanted = round(config.unanswerable * len(train)) - declining
    rows = []
    if wanted > 0:
        pool = max(FEWEST_MADE_UP, 2 * wanted)
        made_up = unanswerable_questions(train, texts, pool, config.seed)
        rows = [replace(_row(e, passages), origin=Origin.UNANSWERABLE) for e in made_up]
    if config.general and passages is None:
        trained, watched = general_questions(len(train) * 4, config.seed)
        rows += [TrainingRow(e, origin=Origin.GENERAL) for e in trained]
        rows += [TrainingRow(e, Split.VALIDATION, origin=Origin.GENERAL) for e in watched]
    return rows


def list_runs(workspace: Workspace) -> list[Job]:
    """The workspace's fine-tuning runs, newest first."""
    return list_jobs(workspace, "train")


def _rows(division: Division, passages: Passages | None) -> list[TrainingRow]:
    parts: Sequence[tuple[Split, Sequence[Example]]] = (
        (Split.TRAIN, division.train),
        (Split.VALIDATION, division.validation),
    )
    return [
        _row(replace(example, split=split), passages)
        for split, examples in parts
        for example in examples
    ]


def _row(example: Example, passages: Passages | None) -> TrainingRow:
    if passages is None:
        return TrainingRow(example, example.split)
    found = [(str(title), str(text)) for title, text in passages(example)]
    gold = find_gold(example, found)
    kept = found[:MOST_PASSAGES]
    if gold is not None and gold >= MOST_PASSAGES:  # never without the passage that answers
        kept, gold = [found[gold], *found[: MOST_PASSAGES - 1]], 0
    return TrainingRow(example, example.split, tuple(kept), gold)
