"""Fine-tuning: examples in, a LoRA adapter out.

Examples come from tables (``read_table``, ``import_examples``) or are edited; a run
(``start_run``) is a background job that trains an adapter on a fresh copy of the base model;
``list_adapters`` finds what came of it.
"""

from ragft_core.finetuning.adapters import (
    check_adapter,
    choose_adapter,
    delete_adapter,
    get_adapter,
    list_adapters,
)
from ragft_core.finetuning.config import RunConfig
from ragft_core.finetuning.examples.importing import (
    ImportReport,
    guess_mapping,
    import_examples,
    import_file,
    preview_import,
)
from ragft_core.finetuning.examples.store import assign_splits, load_examples, save_examples
from ragft_core.finetuning.examples.tables import read_table
from ragft_core.finetuning.exporting.merged import ExportReport, export_model
from ragft_core.finetuning.presets import PRESETS, preset_config, with_passages
from ragft_core.finetuning.rows.rows import rendered_example
from ragft_core.finetuning.training.estimate import Estimate, estimate_run
from ragft_core.finetuning.training.runs import list_runs, start_run
from ragft_core.finetuning.transfer import export_adapter, import_adapter, rename_adapter

__all__ = [
    "PRESETS",
    "Estimate",
    "ExportReport",
    "ImportReport",
    "RunConfig",
    "assign_splits",
    "check_adapter",
    "choose_adapter",
    "delete_adapter",
    "estimate_run",
    "export_adapter",
    "export_model",
    "get_adapter",
    "guess_mapping",
    "import_adapter",
    "import_examples",
    "import_file",
    "list_adapters",
    "list_runs",
    "load_examples",
    "preset_config",
    "preview_import",
    "read_table",
    "rename_adapter",
    "rendered_example",
    "save_examples",
    "start_run",
    "with_passages",
]
