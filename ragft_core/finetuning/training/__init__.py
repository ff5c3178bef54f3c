"""The training run: configuration, estimate, packed rows, the loop, checkpoints, adapters."""

from ragft_core.finetuning.config import MOST_SEEDS, RunConfig, with_seeds
from ragft_core.finetuning.presets import PRESET_TEXTS, PRESETS, preset_config, with_passages
from ragft_core.finetuning.rows.rows import rendered_example
from ragft_core.finetuning.training.base_model import load_tokenizer, present_folder
from ragft_core.finetuning.training.comparing import (
    ComparedRun,
    Comparison,
    SeedSpread,
    compare_runs,
    rename_run,
    run_note,
    run_title,
    seed_spreads,
    spread_text,
)
from ragft_core.finetuning.training.estimate import Estimate, estimate_run
from ragft_core.finetuning.training.runs import (
    RunResult,
    curve,
    list_runs,
    list_sweeps,
    look_over,
    run_facts,
    run_metrics,
    start_run,
    start_sweep,
)
from ragft_core.finetuning.training.signs import right_answers, signs
from ragft_core.finetuning.training.sweeps import Trial, best_config, best_trial, trials_of

__all__ = [
    "MOST_SEEDS",
    "PRESETS",
    "PRESET_TEXTS",
    "ComparedRun",
    "Comparison",
    "Estimate",
    "RunConfig",
    "RunResult",
    "SeedSpread",
    "Trial",
    "best_config",
    "best_trial",
    "compare_runs",
    "curve",
    "estimate_run",
    "list_runs",
    "list_sweeps",
    "load_tokenizer",
    "look_over",
    "present_folder",
    "preset_config",
    "rename_run",
    "rendered_example",
    "right_answers",
    "run_facts",
    "run_metrics",
    "run_note",
    "run_title",
    "seed_spreads",
    "signs",
    "spread_text",
    "start_run",
    "start_sweep",
    "trials_of",
    "with_passages",
    "with_seeds",
]
