"""Model folders: the bundled ones, their checks, loading, and the choice among them."""

from ragft_core.models.weights.bundled import (
    BUNDLED,
    EMBEDDER,
    GENERATOR,
    fetch,
    is_ready,
)
from ragft_core.models.weights.device import FP32, Device, Memory, choose_device, reckon
from ragft_core.models.weights.folders import ModelFacts, check_folder
from ragft_core.models.weights.hub import HubModel, hub_folder, search_hub
from ragft_core.models.weights.loading import FALLBACK_TEMPLATE, load_base, weights_digest
from ragft_core.models.weights.picker import (
    SUGGESTED,
    ModelReport,
    Suggestion,
    check_model,
    suggestions,
)

__all__ = [
    "BUNDLED",
    "EMBEDDER",
    "FALLBACK_TEMPLATE",
    "FP32",
    "GENERATOR",
    "SUGGESTED",
    "Device",
    "HubModel",
    "Memory",
    "ModelFacts",
    "ModelReport",
    "Suggestion",
    "check_folder",
    "check_model",
    "choose_device",
    "fetch",
    "hub_folder",
    "is_ready",
    "load_base",
    "reckon",
    "search_hub",
    "suggestions",
    "weights_digest",
]
