"""Taking the decision home: one arm as a folder that runs without the lab."""

from ragft_core.finetuning.exporting import GGUF, MERGED
from ragft_core.shipping.ship import ADAPTER, FORMS, Shipment, ship

__all__ = ["ADAPTER", "FORMS", "GGUF", "MERGED", "Shipment", "ship"]
