"""Models: the bundled ones, loading, prompts, the generation engine, endpoints.

``open_generator`` turns a workspace's choice of model into a ``Generator``; nothing else is
needed to get answers. Importing this package imports neither torch nor transformers.
"""

from ragft_core.models.factory import model_folder, open_generator
from ragft_core.models.generator import Generation, Generator
from ragft_core.models.prompts import with_labels
from ragft_core.models.trial import Trial, try_model
from ragft_core.models.weights.folders import ModelFacts, check_folder
from ragft_core.models.weights.hub import HubModel, search_hub
from ragft_core.models.weights.loading import load_base, weights_digest
from ragft_core.models.weights.picker import (
    SUGGESTED,
    ModelReport,
    Suggestion,
    check_model,
    suggestions,
)

__all__ = [
    "SUGGESTED",
    "Generation",
    "Generator",
    "HubModel",
    "ModelFacts",
    "ModelReport",
    "Suggestion",
    "Trial",
    "check_folder",
    "check_model",
    "load_base",
    "model_folder",
    "open_generator",
    "search_hub",
    "suggestions",
    "try_model",
    "weights_digest",
    "with_labels",
]
