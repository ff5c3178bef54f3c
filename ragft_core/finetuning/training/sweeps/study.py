"""Which trials a search makes, by Optuna.

Learning rate, rank and steps are searched with a tree-structured Parzen estimator, and the median
rule rejects a trial early. The settings that were there come first, so that the best is never worse than they are, on these
questions: few questions are a rough measure, and the best of many trials looks better than it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.training.sweeps.trials import (
    TRIALS,
    Trial,
    best_trial,
    score,
    trials_of,
    with_trial,
)
from ragft_core.jobs import JobContext
from ragft_core.values import to_dict
from ragft_core.workspace import append_jsonl

if TYPE_CHECKING:
    import optuna

RATES = (1e-4, 3e-3)
RANKS = (8, 16, 32)
# Shares of the steps that the settings ask for.
LENGTHS = (0.5, 1.0, 1.5)
# So many trials run to their end before any is rejected.
BEFORE_REJECTING = 2
MOST_TRIALS = 60


@dataclass(frozen=True)
class Asked:
    """A trial that is to be run: its number, its settings, and what Optuna knows it by."""

    number: int
    config: RunConfig
    known: optuna.Trial


def judged(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measurements by which a trial is compared with others on its way."""
    return [row for row in rows if "val_loss" in row and row["step"] and row.get("answers")]


class Study:
    """What a search has tried, what it tries next, and how much of its time is left.

    Trials that a run of before finished are told to Optuna again, and their time is spent.

    Args:
        context: Of the job; its spec has ``minutes``.
        config: The settings to begin with.
        steps: What they come to.
        together: Whether several trials are at work at once.
    """

    def __init__(
        self, context: JobContext, config: RunConfig, steps: int, *, together: bool = False
    ) -> None:
        import optuna

        done = trials_of(context.folder)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._context, self._config = context, config
        self._study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(
                # A search that goes on would else draw what it has drawn before.
                seed=config.seed + len(done),
                n_startup_trials=4,
                constant_liar=together,
            ),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=BEFORE_REJECTING, n_warmup_steps=1),
        )
        lengths = sorted({max(1, round(share * steps)) for share in LENGTHS})
        ranks = sorted({*RANKS, config.rank})
        rates = (min(RATES[0], config.learning_rate), max(RATES[1], config.learning_rate))
        self._space: dict[str, Any] = {
            "learning_rate": optuna.distributions.FloatDistribution(*rates, log=True),
            "rank": optuna.distributions.CategoricalDistribution(ranks),
            "steps": optuna.distributions.CategoricalDistribution(lengths),
        }
        for trial in done:
            finished = trial.state == "finished"
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=_state(trial), params={n: getattr(trial, n) for n in self._space},
                    distributions=self._space, value=trial.score if finished else None,
                )
            )  # fmt: skip
        taken = {trial.number for trial in done}
        if 0 not in taken:
            self._study.enqueue_trial(
                {"learning_rate": config.learning_rate, "rank": config.rank, "steps": steps}
            )
        self._free = (number for number in range(MOST_TRIALS) if number not in taken)
        self._whole = 60 * float(context.spec["minutes"])
        spent = max((trial.began + trial.seconds for trial in done), default=0.0)
        self._began = time.monotonic() - spent

    @property
    def passed_s(self) -> float:
        """Seconds since the search began, without those in which it did not run."""
        return time.monotonic() - self._began

    @property
    def left_s(self) -> float:
        """Seconds that are left, at least 0."""
        return max(0.0, self._whole - self.passed_s)

    @property
    def share(self) -> float:
        """How much of the time is over, between 0 and 1."""
        return 1 - self.left_s / self._whole

    def ask(self) -> Asked | None:
        """The next trial; None where time or numbers are used up, or the end was asked for."""
        number = None if self._context.stopping or not self.left_s else next(self._free, None)
        if number is None:
            return None
        known = self._study.ask(self._space)
        return Asked(number, with_trial(self._config, **known.params), known)

    def rejects(self, asked: Asked, nth: int, row: dict[str, Any]) -> bool:
        """Takes in a trial's ``nth`` (1-based) judged measurement, and says whether it is hopeless.

        Counted by evaluations, not steps: trials of different lengths are evaluated equally often.
        """
        right = sum(answer["right"] for answer in row["answers"])
        asked.known.report(score(right, len(row["answers"]), row["val_loss"]), nth)
        return bool(self.left_s) and asked.known.should_prune()

    def keep(self, asked: Asked, ended: Trial) -> None:
        """Writes a trial down and tells Optuna how it ended."""
        append_jsonl(self._context.folder / TRIALS, [to_dict(ended)])
        finished = ended.state == "finished"
        self._study.tell(asked.known, ended.score if finished else None, state=_state(ended))

    def finish(self) -> None:
        """Writes the job's result."""
        trials = trials_of(self._context.folder)
        best = best_trial(trials)
        self._context.finish({"best": to_dict(best) if best else None, "trials": len(trials)})


def _state(trial: Trial) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    return TrialState.COMPLETE if trial.state == "finished" else TrialState.PRUNED
