"""An adapter and its base as one model, for programs that know no adapters."""

from ragft_core.finetuning.exporting.merged import FORMATS, ExportReport, export_model

__all__ = ["FORMATS", "ExportReport", "export_model"]
