"""A search over settings, bounded by minutes: many short runs, and the hopeless ones end early.

Learning rate, rank and steps are searched with Optuna (a tree-structured Parzen estimator, and the
median rule to reject a trial early). A trial is judged by the right answers to the questions that
are only watched; the validation loss decides between equals. The settings that were there come
first, so that the best is never worse than they are, on these questions: few questions are a rough
measure, and the best of many trials looks better than it is.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.training.answering import Interview
from ragft_core.finetuning.training.checkpoints import put_weights
from ragft_core.finetuning.training.trainer import FOLDERS, SEARCH, Phase, Trainer
from ragft_core.jobs import Job, JobContext
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import append_jsonl, read_values

if TYPE_CHECKING:
    import optuna
    import torch

    from ragft_core.finetuning.rows.batches import Batches

TRIALS = "trials.jsonl"
RATES = (1e-4, 3e-3)
RANKS = (8, 16, 32)
# Shares of the steps that the settings ask for.
LENGTHS = (0.5, 1.0, 1.5)
# So many trials run to their end before any is rejected.
BEFORE_REJECTING = 2
MOST_TRIALS = 60


@dataclass(frozen=True)
class Trial:
    """One short run of a search. ``state`` is ``finished``, ``rejected`` or ``cut short``.

    ``right`` of ``asked`` watched questions were answered rightly at its best step; of a rejected
    trial, of those few that are asked on the way. ``seconds`` is wall time.
    """

    number: int
    learning_rate: float
    rank: int
    steps: int
    state: str
    right: int
    asked: int
    val_loss: float | None
    seconds: float

    @property
    def score(self) -> float:
        """Between 0 and 1: the share of right answers, and between equals the lower loss."""
        return score(self.right, self.asked, self.val_loss)


def score(right: int, asked: int, val_loss: float | None) -> float:
    """Right answers first; a loss never outweighs one."""
    loss = val_loss if val_loss is not None and math.isfinite(val_loss) else math.inf
    return (right + 1 / (1 + max(0.0, loss))) / (asked + 1)


def trials_of(job: Job | Path) -> list[Trial]:
    """The trials of a search so far, in the order in which they ended."""
    folder = job if isinstance(job, Path) else job.folder
    file = folder / TRIALS
    return read_values(file, Trial) if file.exists() else []


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The best of the trials that ran to their end; the earlier one of equals."""
    ended = [trial for trial in trials if trial.state == "finished"]
    return max(ended, key=lambda trial: trial.score, default=None)


def best_config(job: Job) -> RunConfig | None:
    """The settings of a search's best trial, to train with on all rows; None before there is one."""
    best = best_trial(trials_of(job))
    if best is None:
        return None
    config = from_dict(RunConfig, job.spec.get("config", {}), "spec.json")
    return with_trial(config, best.learning_rate, best.rank, best.steps)


def with_trial(config: RunConfig, learning_rate: float, rank: int, steps: int) -> RunConfig:
    """The settings with what a trial varies; alpha keeps its ratio to the rank."""
    return dataclasses.replace(
        config,
        learning_rate=learning_rate,
        rank=rank,
        alpha=max(1, round(config.alpha / config.rank * rank)),
        steps=steps,
        epochs=0.0,  # the steps alone decide
    )


class _TrialContext(JobContext):
    """The context of one trial: its files in a folder of its own, its end by the search's clock."""

    def __init__(
        self, parent: JobContext, folder: Path, until: float, said: str, trial: optuna.Trial
    ) -> None:
        super().__init__(parent.workspace, folder, parent.spec)
        self._parent, self._until, self._said, self._trial = parent, until, said, trial
        self.rejected = False
        self.rows: list[dict[str, Any]] = []

    @property
    def out_of_time(self) -> bool:
        return time.monotonic() > self._until

    @property
    def stopping(self) -> bool:
        return self.rejected or self.out_of_time or self._parent.stopping

    @property
    def stop_asked(self) -> bool:
        return self.stopping

    def progress(self, share: float, message: str, eta_s: float | None = None) -> None:
        self._parent.progress(self._share(), f"{self._said}: {message}", self._left())

    def metric(self, row: dict[str, Any]) -> None:
        super().metric(row)
        answers = row.get("answers", [])
        if "val_loss" not in row or not row["step"] or not answers:
            return
        self.rows.append(row)
        right = sum(answer["right"] for answer in answers)
        # By evaluations, not steps: trials of different lengths are evaluated equally often.
        self._trial.report(score(right, len(answers), row["val_loss"]), len(self.rows))
        self.rejected = not self.out_of_time and self._trial.should_prune()

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def _share(self) -> float:
        whole = 60 * float(self.spec["minutes"])
        return 1 - min(1.0, self._left() / whole)


def search(
    context: JobContext,
    config: RunConfig,
    fresh: Callable[[RunConfig], torch.nn.Module],
    batches: Callable[[RunConfig], Batches],
    interview: Interview,
) -> None:
    """Runs trials until the minutes of the job's spec are over, or somebody stops it.

    Trials that a run of before finished are told to Optuna again, and their minutes are spent.

    Args:
        context: Of the job; its spec has ``minutes``.
        config: The settings to begin with.
        fresh: Makes the base with an empty adapter for settings.
        batches: Makes the packs for settings.
        interview: The watched questions.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=config.seed, n_startup_trials=4),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=BEFORE_REJECTING, n_warmup_steps=1),
    )
    first = batches(config)
    steps = config.n_steps(first.n_rows, first.tokens_per_row)
    lengths = sorted({max(1, round(share * steps)) for share in LENGTHS})
    ranks = sorted({*RANKS, config.rank})
    rates = (min(RATES[0], config.learning_rate), max(RATES[1], config.learning_rate))
    done = trials_of(context.folder)
    space = {
        "learning_rate": optuna.distributions.FloatDistribution(*rates, log=True),
        "rank": optuna.distributions.CategoricalDistribution(ranks),
        "steps": optuna.distributions.CategoricalDistribution(lengths),
    }
    for trial in done:
        chosen = {name: getattr(trial, name) for name in space}
        finished = trial.state == "finished"
        kind = optuna.trial.TrialState.COMPLETE if finished else optuna.trial.TrialState.PRUNED
        study.add_trial(
            optuna.trial.create_trial(
                state=kind, params=chosen, distributions=space,
                value=trial.score if finished else None,
            )
        )  # fmt: skip
    if not done:
        study.enqueue_trial(
            {"learning_rate": config.learning_rate, "rank": config.rank, "steps": steps}
        )
    spent = sum(trial.seconds for trial in done)
    until = time.monotonic() + 60 * float(context.spec["minutes"]) - spent
    for number in range(len(done), MOST_TRIALS):
        if context.stopping or time.monotonic() > until:
            break
        asked = study.ask(space)
        tried = with_trial(config, **asked.params)
        ended = _run(context, tried, asked, number, until, fresh, batches(tried), interview)
        if context.stopping and not context.stop_asked:
            return  # interrupted: the trial is made again when the job goes on
        append_jsonl(context.folder / TRIALS, [to_dict(ended)])
        if ended.state == "finished":
            study.tell(asked, ended.score)
        else:
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    best = best_trial(trials_of(context.folder))
    n_trials = len(trials_of(context.folder))
    context.finish({"best": to_dict(best) if best else None, "trials": n_trials})


def _run(
    context: JobContext,
    config: RunConfig,
    trial: optuna.Trial,
    number: int,
    until: float,
    fresh: Callable[[RunConfig], torch.nn.Module],
    packs: Batches,
    interview: Interview,
) -> Trial:
    """Trains one trial, without a refit, and asks all watched questions if it was not rejected."""
    began = time.monotonic()
    folder = context.folder / "trials" / f"{number:02d}"
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was interrupted
    folder.mkdir(parents=True)
    own = _TrialContext(context, folder, until, f"Trial {number + 1}", trial)
    phase = Phase(SEARCH, config.steps, config.learning_rate)
    run = Trainer(own, config, fresh(config), packs, phase, interview)
    run.train()
    state = "finished" if run.finished and not own.rejected else "cut short"
    state = "rejected" if own.rejected else state
    if state == "finished":
        put_weights(run.model, run.best or {})
        answers = [to_dict(answer) for answer in interview.all(run.model)]
    else:
        answers = own.rows[-1]["answers"] if own.rows else []
    shutil.rmtree(folder / FOLDERS[SEARCH], ignore_errors=True)  # its curve is enough
    return Trial(
        number=number,
        learning_rate=config.learning_rate,
        rank=config.rank,
        steps=config.steps,
        state=state,
        right=sum(answer["right"] for answer in answers),
        asked=len(answers),
        val_loss=run.progress.best_val_loss,
        seconds=round(time.monotonic() - began, 1),
    )
