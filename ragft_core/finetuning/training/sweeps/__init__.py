"""The search over settings: what a trial is, the study that says what is tried, and who runs it."""

from ragft_core.finetuning.training.sweeps.here import run_sweep
from ragft_core.finetuning.training.sweeps.spread import search_on_cluster
from ragft_core.finetuning.training.sweeps.trials import Trial, best_config, best_trial, trials_of

__all__ = ["Trial", "best_config", "best_trial", "run_sweep", "search_on_cluster", "trials_of"]
