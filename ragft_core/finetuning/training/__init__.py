"""The training run: configuration, estimate, packed rows, the loop, checkpoints, adapters."""

from ragft_core.finetuning.config import (
    PRESET_TEXTS,
    PRESETS,
    RunConfig,
    preset_config,
    with_passages,
)
from ragft_core.finetuning.rows.rows import rendered_example
from ragft_core.finetuning.training.base_model import load_tokenizer, present_folder
from ragft_core.finetuning.training.estimate import Estimate, estimate_run
from ragft_core.finetuning.training.runs import curve, list_runs, run_facts, start_run

__all__ = [
    "PRESETS",
    "PRESET_TEXTS",
    "Estimate",
    "RunConfig",
    "curve",
    "estimate_run",
    "list_runs",
    "load_tokenizer",
    "present_folder",
    "preset_config",
    "rendered_example",
    "run_facts",
    "start_run",
    "with_passages",
]
