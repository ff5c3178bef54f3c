"""A phase of a training run: evaluation on the way, checkpoints, early stopping, resumption.

A run has two phases. The first looks for the best step: the loss on the validation rows is
measured before the first step and at least five times on the way, and the best adapter is kept. The
second, the refit, goes on from there with all rows, those that were watched among them, because a
row that only told when to stop has taught nothing.

Every evaluation leaves a checkpoint, so does every minute, a stop and a SIGTERM; a run that is
resumed continues from the newest one that verifies and ends as if it had never been interrupted.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.rows.batches import Batches
from ragft_core.finetuning.training import checkpoints
from ragft_core.finetuning.training.answering import MOST_INTERVIEWS, Interview
from ragft_core.finetuning.training.checkpoints import Progress
from ragft_core.finetuning.training.optimise import (
    Schedule,
    Step,
    make_optimiser,
    mean_loss,
    optimise,
    watch,
)
from ragft_core.finetuning.training.workers.peers import ALONE, Peers
from ragft_core.jobs import JobContext
from ragft_core.threads import FreeProcessors, usual_threads
from ragft_core.types import ModelChoice
from ragft_core.values import to_dict
from ragft_core.workspace import read_jsonl, write_jsonl

if TYPE_CHECKING:
    import torch

SEARCH, REFIT = "search", "refit"
FOLDERS = {SEARCH: "checkpoints", REFIT: "checkpoints-refit"}
# The refit starts at this share of the learning rate: what was found is not to be unlearned.
REFIT_RATE = 0.5
SAVE_EVERY_S = 60.0
# Speed is told from this many steps, so that a passing load does not move the ETA for long.
SPEED_STEPS = 20


@dataclass(frozen=True)
class TrainingSpec:
    """What the submitting side wrote into the job's spec."""

    config: RunConfig
    model: ModelChoice
    instruction: str
    rewordings: bool = False
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """A part of a run: ``before`` steps were done, ``after`` are planned when it ends.

    ``tokens`` were trained before it, in ``seconds``.
    """

    name: str
    steps: int
    learning_rate: float
    before: int = 0
    after: int = 0
    tokens: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """The steps of the whole run."""
        return self.before + self.steps + self.after


def search_phase(config: RunConfig, batches: Batches) -> Phase:
    """The phase that looks for the best step."""
    steps = config.n_steps(batches.n_rows, batches.tokens_per_row)
    return Phase(SEARCH, steps, config.learning_rate, after=config.refit_steps(steps))


def refit_phase(config: RunConfig, search: Trainer) -> Phase:
    """The phase that goes on from the best step with all rows."""
    steps = config.refit_steps(search.progress.best_step)
    rate = REFIT_RATE * config.learning_rate
    done = search.progress
    return Phase(REFIT, steps, rate, before=done.step, tokens=done.tokens, seconds=done.seconds)


class Trainer:
    """A phase in progress: model, optimiser, and how far they are."""

    def __init__(
        self,
        context: JobContext,
        config: RunConfig,
        model: torch.nn.Module,
        batches: Batches,
        phase: Phase,
        interview: Interview | None = None,
        peers: Peers = ALONE,
    ) -> None:
        self.context = context
        self.config = config
        self.model = model
        self.batches = batches
        self.phase = phase
        self.interview = interview
        self.peers = peers
        self.schedule = Schedule(phase.steps, phase.learning_rate, lora_plus=config.lora_plus)
        self.optimiser = make_optimiser(model, self.schedule)
        self._processors = FreeProcessors(usual_threads())
        self.progress = Progress()
        self.best: dict[str, torch.Tensor] | None = None
        self._eval_every = config.evaluation_step(phase.steps)
        self._folder: Path = context.folder / FOLDERS[phase.name]
        self._recent: deque[tuple[int, float]] = deque(maxlen=SPEED_STEPS)
        self._last_step_at = self._last_saved_at = time.perf_counter()
        self._last_cpu_s = time.process_time()

    @property
    def finished(self) -> bool:
        """Whether no step is left, or more would harm."""
        return self.progress.step >= self.phase.steps or self._should_stop_early()

    def restore(self) -> None:
        """Continues from the newest checkpoint that verifies, if there is one."""
        found = self.peers.first(lambda: checkpoints.newest_checkpoint(self._folder))
        if found is not None:
            self.progress, self.best = checkpoints.load_checkpoint(
                found, self.model, self.optimiser
            )
        self.peers.same_weights(list(checkpoints.trained_parameters(self.model).values()))
        if not self.peers.leads:
            return
        # What came after the checkpoint is trained, and measured, again.
        last = self.phase.before + self.progress.step if found else -1
        rows = self.context_metrics()
        kept = [r for r in rows if r["step"] <= last or r.get("phase", SEARCH) != self.phase.name]
        write_jsonl(self.context.folder / "metrics.jsonl", kept)

    def context_metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics written so far."""
        return list(read_jsonl(self.context.folder / "metrics.jsonl"))

    def train(self) -> bool:
        """Trains to the end, or until somebody stops it.

        Returns:
            Whether an adapter should be made of it; not when the system interrupted the run.
        """
        if self.peers.leads:
            self._measure_base()
        self._last_step_at, self._last_cpu_s = time.perf_counter(), time.process_time()
        self._processors.adjust(wait_s=0.5)
        if not self._should_stop_early():  # a run that was killed after its last step
            optimise(
                self.model,
                self.optimiser,
                self.schedule,
                self._packs_of,
                start=self.progress.step,
                after_step=self._after_step,
                peers=self.peers,
            )
        self.progress, self.best, interrupted = self.peers.first(
            lambda: (
                self.progress,
                self.best,
                self.context.stopping and not self.context.stop_asked,
            )
        )
        return not interrupted or self.finished

    def _measure_base(self) -> None:
        """What the run starts from, unless it is known."""
        if self.progress.first_val_loss is None and self.batches.validation:
            self.context.progress(0.0, "Measuring the base model")
            self.progress.first_val_loss = mean_loss(self.model, self.batches.validation)
            row = {"step": self.phase.before, "val_loss": self.progress.first_val_loss}
            self.context.metric(row | self._watched() | {"phase": self.phase.name})

    def _should_stop_early(self) -> bool:
        """Whether the validation loss has not fallen for so long that more steps would harm."""
        return 0 < self.config.patience <= self.progress.evals_without_improvement

    def _packs_of(self, step: int) -> Any:
        import torch

        # Only dropout draws numbers while training; seeded by step, a resumed run draws the same.
        torch.manual_seed(self.config.seed * 1_000_003 + self.phase.before + step)
        return self.batches(step)

    def _after_step(self, step: Step) -> bool:
        self._processors.adjust()
        return self.peers.first(lambda: self._told(step))

    def _told(self, step: Step) -> bool:
        """Measures, reports and keeps what is due after a step, and says whether to go on."""
        progress = self.progress
        seconds = time.perf_counter() - self._last_step_at
        self._recent.append((step.n_tokens, seconds))
        progress.step, progress.tokens = step.number, progress.tokens + step.n_tokens
        progress.seconds += seconds
        progress.cpu_seconds += time.process_time() - self._last_cpu_s
        row = {
            "step": self.phase.before + step.number,
            "steps": self.phase.total,
            "phase": self.phase.name,
            "loss": step.loss,
            "learning_rate": step.learning_rate,
            "gradient_norm": step.gradient_norm,
            "tokens": self.phase.tokens + progress.tokens,
            "tokens_per_s": self._tokens_per_s(),
            "seconds": self.phase.seconds + progress.seconds,
            "eta_s": self._eta_s(),
        }
        stopping = self.context.stopping
        asked = stopping and self.context.stop_asked
        last = step.number == self.phase.steps
        due = last or asked or step.number % self._eval_every == 0
        if due and self.batches.validation:
            row |= self._evaluate()
        # In the refit nothing tells when to stop, so that looking once at its end is enough.
        if last or asked or (due and self.batches.validation):
            row |= self._watched()
        self.context.metric(row)
        self._report(row)
        early = self._should_stop_early()
        unsaved = time.perf_counter() - self._last_saved_at > SAVE_EVERY_S
        if "val_loss" in row or last or stopping or unsaved or early:
            self._save()
        self._last_step_at, self._last_cpu_s = time.perf_counter(), time.process_time()
        return not (stopping or early)

    def _evaluate(self) -> dict[str, Any]:
        """Measures the watched rows and keeps the adapter if it is the best so far.

        Best is what gives most watched answers word for word. The loss alone would end too soon: it
        rises again once the model gets sure of itself in the few that it has wrong, while more and
        more are right. Of steps with as many answers the last is taken, whose learning rate is the
        lowest; where none is given exactly, as with long answers, the least loss decides.
        """
        progress, found = self.progress, watch(self.model, self.batches.validation)
        row = {"val_loss": found.loss, "recited": found.recited, "watched": found.n_rows}
        if not math.isfinite(found.loss):
            progress.evals_without_improvement += 1
            return row
        falls = progress.least_val_loss is None or found.loss < progress.least_val_loss
        more = found.recited > progress.best_recited
        if falls:
            progress.least_val_loss = found.loss
        if more or (found.recited == progress.best_recited and (found.recited or falls)):
            progress.best_recited, progress.best_val_loss = found.recited, found.loss
            progress.best_step = progress.step
            self.best = checkpoints.copy_weights(self.model)
        if more or falls:
            progress.evals_without_improvement = 0
        else:
            progress.evals_without_improvement += 1
        return row

    def _watched(self) -> dict[str, Any]:
        """What is looked at besides the validation loss.

        The loss on general questions that are not trained rises with what is forgotten; answers to
        a few watched questions tell what a loss cannot.
        """
        packs = self.batches.general
        row: dict[str, Any] = {"general_loss": mean_loss(self.model, packs)} if packs else {}
        if self.interview and self._asks_now():
            row["answers"] = [to_dict(answer) for answer in self.interview.few(self.model)]
        return row

    def _asks_now(self) -> bool:
        """Whether this evaluation is one at which questions are asked: answers take their time."""
        n_evaluations = -(-self.phase.steps // self._eval_every)
        apart = self._eval_every * -(-n_evaluations // MOST_INTERVIEWS)
        return self.progress.step % apart == 0 or self.progress.step == self.phase.steps

    def _save(self) -> None:
        is_best = self.progress.best_step == self.progress.step
        best = None if is_best else self.best
        checkpoints.save_checkpoint(self._folder, self.model, self.optimiser, self.progress, best)
        self._last_saved_at = time.perf_counter()

    def _tokens_per_s(self) -> float:
        tokens = sum(n for n, _ in self._recent)
        return tokens / max(1e-9, sum(s for _, s in self._recent))

    def _eta_s(self) -> float:
        per_step = sum(s for _, s in self._recent) / len(self._recent)
        return per_step * (self.phase.total - self.phase.before - self.progress.step)

    def _report(self, row: dict[str, Any]) -> None:
        loss = f"loss {row['loss']:.3f}"
        if self.progress.best_val_loss is not None:
            loss += f", validation {self.progress.best_val_loss:.3f}"
        what = "Step" if self.phase.name == SEARCH else "Training on all rows: step"
        text = f"{what} {row['step']} of {row['steps']}, {loss}"
        self.context.progress(row["step"] / row["steps"], text, row["eta_s"])
