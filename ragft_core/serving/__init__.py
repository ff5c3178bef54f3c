"""An API of the lab's own: every arm that can run is a model on an OpenAI-compatible endpoint.

So that promptfoo, ragas, Open WebUI or a customer's code can ask the very arm that was measured.
The base model and its adapters are served beside them, as vLLM serves a model and its adapters.
"""

from ragft_core.serving.api import make_api
from ragft_core.serving.names import served_models
from ragft_core.serving.server import ApiServer

__all__ = ["ApiServer", "make_api", "served_models"]
