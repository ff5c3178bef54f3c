"""Starting and listing fine-tuning runs. A run is a job of kind ``train``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ragft_core.approval import require_approval
from ragft_core.errors import ModelError, SettingsError, TrainingDataError
from ragft_core.finetuning.config import Origin, RunConfig, check_config
from ragft_core.finetuning.examples.check import Finding, Same, check_examples
from ragft_core.finetuning.examples.facts import label_counts
from ragft_core.finetuning.examples.store import Division, divide, load_examples
from ragft_core.finetuning.rows.batches import CAPACITY
from ragft_core.finetuning.rows.general import general_questions
from ragft_core.finetuning.rows.rows import TrainingRow, find_gold, rendered_example
from ragft_core.finetuning.rows.unanswerable import unanswerable_questions
from ragft_core.finetuning.training.answering import LiveAnswer
from ragft_core.finetuning.training.base_model import load_tokenizer, present_folder
from ragft_core.finetuning.training.estimate import LIBRARIES_MB, estimate_run
from ragft_core.finetuning.writing.reworded import with_sources
from ragft_core.jobs import Job, Needs, list_jobs, start_job
from ragft_core.models.prompts import with_labels
from ragft_core.models.weights.folders import check_folder
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
# More than a chat template adds to a row, and less than any model reads, in bytes and tokens.
TEMPLATE_BYTES, SHORT = 400, 1000
MOST_MINUTES = 24 * 60


# The numbers in a row of a run's measurements.
MEASURED = (
    "loss", "val_loss", "general_loss", "learning_rate", "tokens", "tokens_per_s", "steps",
)  # fmt: skip


@dataclass(frozen=True)
class HeldOut:
    """How many of the watched questions were answered rightly at the best step."""

    right: int = 0
    asked: int = 0


@dataclass(frozen=True)
class RunResult:
    """What a run left, as far as people read it: losses in nats a token, seconds of training."""

    adapter: str = ""
    steps: int | None = None
    best_step: int | None = None
    first_val_loss: float | None = None
    val_loss: float | None = None
    first_general_loss: float | None = None
    general_loss: float | None = None
    train_loss: float | None = None
    held_out: HeldOut = HeldOut()
    seconds: float | None = None
    ended: str = ""
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


def run_metrics(job: Job) -> list[dict[str, Any]]:
    """What a run measured on its way; rows that are not what they should be are left out."""
    return [row for row in job.metrics() if _sound(row)]


def _sound(row: Mapping[str, Any]) -> bool:
    answers = row.get("answers", [])
    return (
        type(row.get("step")) is int
        and all(type(row[key]) in (int, float) for key in MEASURED if key in row)
        and isinstance(answers, list)
        and len(readable(answers, lambda data: from_dict(LiveAnswer, data))) == len(answers)
    )


def curve(metrics: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    """A measurement by step; rows without it are left out."""
    return [(row["step"], float(row[name])) for row in metrics if name in row]


def start_run(
    workspace: Workspace,
    config: RunConfig,
    passages: Passages | None = None,
    texts: Sequence[str] = (),
) -> Job:
    """Starts a fine-tuning run in the background; the same one that still waits or runs is returned.

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
    spec, rows = _order(workspace, config, passages, texts)
    return start_job(workspace, "train", spec, _writer(rows), _needs(workspace, config), once=True)


def start_sweep(
    workspace: Workspace,
    config: RunConfig,
    minutes: float,
    passages: Passages | None = None,
    texts: Sequence[str] = (),
) -> Job:
    """Starts a search over learning rate, rank and steps in the background.

    Args:
        workspace: Whose examples and whose model.
        config: The settings to begin with.
        minutes: Of wall time that the trials may take.
        passages: As for ``start_run``.
        texts: As for ``start_run``.

    Raises:
        TrainingDataError: There are too few examples, or no passages to train with.
        ModelError: The workspace's model cannot be fine-tuned here.
        SettingsError: The config or the minutes cannot be used.
    """
    if not 1 <= minutes <= MOST_MINUTES:
        raise SettingsError(
            f"A search of {minutes:g} minutes cannot be made.",
            f"Take between 1 and {MOST_MINUTES} minutes.",
        )
    spec, rows = _order(workspace, config, passages, texts)
    order = spec | {"minutes": minutes}
    return start_job(workspace, "sweep", order, _writer(rows), _needs(workspace, config), once=True)


def list_sweeps(workspace: Workspace) -> list[Job]:
    """The workspace's searches over settings, newest first."""
    return list_jobs(workspace, "sweep")


def _order(
    workspace: Workspace, config: RunConfig, passages: Passages | None, texts: Sequence[str]
) -> tuple[dict[str, Any], list[TrainingRow]]:
    """A job's spec and its rows, checked."""
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
    own = _rows(division, retrieve)
    if config.rewordings and not label_counts(division.train):
        own = with_sources(own, texts)
    rows = own + mixed_rows(division.train, config, texts, retrieve)
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
        | Counter(
            row.origin.value
            for row in rows
            if row.origin is not Origin.OWN and row.split is Split.TRAIN
        ),
        "rows": hashlib.sha256(repr(rows).encode()).hexdigest()[:16],
    }
    return spec, rows


def _writer(rows: Sequence[TrainingRow]) -> Callable[[Path], None]:
    return lambda folder: write_jsonl(folder / ROWS, [to_dict(row) for row in rows])


def _needs(workspace: Workspace, config: RunConfig) -> Needs:
    """What the run will take; nothing is known of a model that has to be fetched first."""
    try:
        estimate = estimate_run(workspace, config, load_examples(workspace), Settings())
    except ModelError:
        return Needs()
    # A GPU's memory is looked at when the model is loaded; the machine's holds the libraries.
    memory = LIBRARIES_MB if estimate.device.is_gpu else estimate.memory_mb
    return Needs(memory, estimate.disk_mb)


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
    asked = len(train) * (2 if config.rewordings else 1)
    wanted = round(config.unanswerable * asked) - declining
    rows = []
    if wanted > 0:
        pool = max(FEWEST_MADE_UP, 2 * wanted)
        made_up = unanswerable_questions(train, texts, pool, config.seed)
        rows = [replace(_row(e, passages), origin=Origin.UNANSWERABLE) for e in made_up]
    if passages is None:
        trained, watched = general_questions(len(train) * 4, config.seed)
        if config.general:
            rows += [TrainingRow(e, origin=Origin.GENERAL) for e in trained]
        # Watched in any case: what is forgotten is to be seen where nothing is done against it.
        rows += [TrainingRow(e, Split.VALIDATION, origin=Origin.GENERAL) for e in watched]
    return rows


def look_over(
    workspace: Workspace,
    examples: Sequence[Example],
    settings: Settings,
    same: Same | None = None,
) -> tuple[Finding, ...]:
    """Checks a workspace's examples before they are trained on.

    Args:
        workspace: Whose model and instruction decide what is too long.
        examples: Its examples.
        settings: Where models lie.
        same: Whether two answers to a question say the same.

    Raises:
        ModelError: Rows are long, and the model that would say how long is not to be had.
    """
    chosen = workspace.settings()
    instruction = with_labels(chosen.instruction, chosen.labels, chosen.label_pattern)

    def n_bytes(example: Example) -> int:
        texts = (instruction, example.question, example.answer)
        return sum(len(text.encode()) for text in texts) + TEMPLATE_BYTES

    # No token is shorter than a byte; only what may be too long is worth a model's tokenizer.
    local = chosen.model.kind != "endpoint"
    if not local or all(n_bytes(example) <= SHORT for example in examples):
        return check_examples(examples, same)
    require_approval(workspace, chosen.model)
    folder = present_folder(chosen.model, settings)
    longest = min(check_folder(folder).context_tokens, CAPACITY)
    tokenizer = load_tokenizer(folder)

    def too_long(example: Example) -> bool:
        if n_bytes(example) <= longest:
            return False
        rendered = rendered_example(tokenizer, example, instruction)
        return rendered.prompt_tokens + rendered.answer_tokens > longest

    return check_examples(examples, same, too_long)


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
