"""Model folders: the bundled ones, their checks, loading, and the choice among them."""

from ragft_core.models.weights.bundled import (
    BUNDLED,
    EMBEDDER,
    GENERATOR,
    fetch,
    is_ready,
)
from ragft_core.models.weights.loading import (
    FALLBACK_TEMPLATE,
    ModelFacts,
    check_folder,
    load_base,
    weights_digest,
)
from ragft_core.models.weights.picker import (
    SUGGESTED,
    ModelReport,
    Suggestion,
    check_model,
    hub_folder,
)

__all__ = [
    "BUNDLED",
    "EMBEDDER",
    "FALLBACK_TEMPLATE",
    "GENERATOR",
    "SUGGESTED",
    "ModelFacts",
    "ModelReport",
    "Suggestion",
    "check_folder",
    "check_model",
    "fetch",
    "hub_folder",
    "is_ready",
    "load_base",
    "weights_digest",
]
