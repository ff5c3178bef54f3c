"""Runs side by side: the settings in which they differ, and what came of each."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragft_core.errors import ModelError
from ragft_core.finetuning.adapters import CARD
from ragft_core.finetuning.training.runs import RunResult, curve, run_facts, run_metrics
from ragft_core.finetuning.training.signs import right_answers
from ragft_core.finetuning.transfer import rename_adapter
from ragft_core.jobs import Job, get_job
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_json, write_json

NOTE = "note.json"
# What two runs may differ in without being different runs.
_NAMES = {"name"}
# What a seed decides: which rows are watched besides, and how many.
_BY_SEED = {"name", "seed"}
_ROWS = ("train", "validation", "unanswerable", "general")


@dataclass(frozen=True)
class RunNote:
    """What people call a run, and what they wrote about it."""

    name: str = ""
    notes: str = ""


@dataclass(frozen=True)
class RunScores:
    """What came of a run; None where it was not measured.

    Losses are nats per trained token; ``right`` of ``asked`` watched questions were answered
    rightly at the best step; ``seconds`` is training time.
    """

    val_loss: float | None = None
    first_val_loss: float | None = None
    right: int | None = None
    asked: int | None = None
    general_loss: float | None = None
    first_general_loss: float | None = None
    train_loss: float | None = None
    steps: int | None = None
    best_step: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class ComparedRun:
    """One run of a comparison. Curves are (step, value) pairs."""

    id: str
    title: str
    state: str
    scores: RunScores
    loss: tuple[tuple[int, float], ...]
    val_loss: tuple[tuple[int, float], ...]
    right_share: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side. ``differing`` maps a setting to its value in each run, in order."""

    runs: tuple[ComparedRun, ...]
    differing: dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class SeedSpread:
    """Ended runs that differ by their seed alone: what another seed is worth.

    ``rights`` are the shares of the watched questions that were answered rightly, ``val_losses`` in
    nats a trained token, both in the order of ``runs``. Which rows are watched is drawn by the seed
    as well, so that the spread holds both.
    """

    title: str
    runs: tuple[str, ...]
    adapters: tuple[str, ...]
    seeds: tuple[int, ...]
    with_context: bool
    rights: tuple[float, ...]
    val_losses: tuple[float, ...]


def seed_spreads(runs: Sequence[Job]) -> list[SeedSpread]:
    """Runs that were made with the same settings and other seeds, the seeds in their order."""
    groups: dict[str, list[Job]] = {}
    for job in runs:
        if (run_facts(job).result or RunResult()).adapter:
            config = to_dict(run_facts(job).config)
            model = str(job.spec.get("model", {}).get("name", ""))
            same = {key: value for key, value in config.items() if key not in _BY_SEED}
            groups.setdefault(repr((model, same)), []).append(job)
    return [_spread(jobs) for jobs in groups.values() if len(_seeds(jobs)) > 1]


def _seeds(jobs: Sequence[Job]) -> dict[int, Job]:
    """The newest run of every seed; a run list begins with the newest."""
    return {run_facts(job).config.seed: job for job in reversed(jobs)}


def _spread(jobs: Sequence[Job]) -> SeedSpread:
    by_seed = dict(sorted(_seeds(jobs).items()))
    left = [run_facts(job).result or RunResult() for job in by_seed.values()]
    first = next(iter(by_seed.values()))
    seed = f", seed {min(by_seed)}"
    return SeedSpread(
        title=run_title(first).removesuffix(seed),
        runs=tuple(job.id for job in by_seed.values()),
        adapters=tuple(result.adapter for result in left),
        seeds=tuple(by_seed),
        with_context=run_facts(first).config.with_context,
        rights=tuple(r.held_out.right / r.held_out.asked for r in left if r.held_out.asked),
        val_losses=tuple(r.val_loss for r in left if r.val_loss is not None),
    )


def spread_text(spread: SeedSpread) -> str:
    """A spread in a sentence: the range, the mean and the standard deviation."""
    parts = [f"{spread.title}, {len(spread.seeds)} seeds"]
    if len(spread.rights) > 1:
        low, high = min(spread.rights), max(spread.rights)
        mean, deviation = statistics.mean(spread.rights), statistics.stdev(spread.rights)
        parts.append(
            f"{100 * low:.0f} to {100 * high:.0f} % of the watched questions right "
            f"(mean {100 * mean:.0f} %, standard deviation {100 * deviation:.0f} points)"
        )
    if len(spread.val_losses) > 1:
        parts.append(
            f"validation loss {min(spread.val_losses):.2f} to {max(spread.val_losses):.2f}"
        )
    return ": ".join([parts[0], "; ".join(parts[1:]) or "nothing was watched"]) + "."


def compare_runs(runs: Sequence[Job]) -> Comparison:
    """Puts runs side by side.

    Settings that a run of before did not know stand with their default: that is how it was made.
    """
    configs = [_settings(job) for job in runs]
    names = [name for name in configs[0] if name not in _NAMES] if configs else []
    differing = {name: tuple(config[name] for config in configs) for name in names}
    return Comparison(
        tuple(_compared(job) for job in runs),
        {name: values for name, values in differing.items() if len(set(map(repr, values))) > 1},
    )


def run_note(job: Job) -> RunNote:
    """A run's own name and notes; empty where it has none."""
    try:
        return from_dict(RunNote, read_json(job.folder / NOTE), NOTE)
    except FileNotFoundError:
        return RunNote()


def run_title(job: Job) -> str:
    """What a run is called: by its owner, by its settings, or by its preset."""
    config = run_facts(job).config
    return run_note(job).name or config.name or f"{config.preset} run".capitalize()


def rename_run(workspace: Workspace, run_id: str, name: str, notes: str = "") -> None:
    """Gives a run a name and notes, and its adapter the same name.

    Raises:
        JobError: There is no such run.
        ModelError: The name is empty.
    """
    job = get_job(workspace, run_id)
    name = " ".join(name.split())[:80]
    if not name:
        raise ModelError("A run needs a name.", "Write one.")
    write_json(job.folder / NOTE, to_dict(RunNote(name, notes.strip())))
    card = workspace.path / "adapters" / run_id / CARD
    if card.exists():
        rename_adapter(workspace, run_id, name, str(read_json(card).get("notes", "")))


def _settings(job: Job) -> dict[str, Any]:
    config = run_facts(job).config
    counted = job.spec.get("counts", {})
    rows = {f"rows ({name})": counted.get(name, 0) for name in _ROWS}
    return {"model": job.spec.get("model", {}).get("name", ""), **to_dict(config), **rows}


def _compared(job: Job) -> ComparedRun:
    metrics, result = run_metrics(job), run_facts(job).result or RunResult()
    of = result.held_out
    named = {
        key: getattr(result, key)
        for key in RunScores.__dataclass_fields__
        if key not in ("right", "asked")
    }
    return ComparedRun(
        id=job.id,
        title=run_title(job),
        state=job.status().state.value,
        scores=RunScores(**named, right=of.right if of.asked else None, asked=of.asked or None),
        loss=tuple(curve(metrics, "loss")),
        val_loss=tuple(curve(metrics, "val_loss")),
        right_share=tuple((step, n / asked) for step, n, asked in right_answers(metrics)),
    )
