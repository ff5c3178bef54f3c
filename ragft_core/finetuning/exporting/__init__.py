"""An adapter and its base as one model, for programs that know no adapters; and adapters cut small."""

from ragft_core.finetuning.exporting.merged import (
    FORMATS,
    GGUF,
    MERGED,
    ExportReport,
    export_model,
)
from ragft_core.finetuning.exporting.small import (
    DIFFERENCE,
    cut_adapter,
    halve_adapter,
    join_adapter,
)

__all__ = [
    "DIFFERENCE",
    "FORMATS",
    "GGUF",
    "MERGED",
    "ExportReport",
    "cut_adapter",
    "export_model",
    "halve_adapter",
    "join_adapter",
]
