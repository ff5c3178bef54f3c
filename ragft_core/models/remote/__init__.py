"""Models behind OpenAI-compatible endpoints."""

from ragft_core.models.remote.chat_api import ChatClient
from ragft_core.models.remote.connection import (
    PRESETS,
    SERVED,
    Preset,
    ServedModel,
    check_served,
    served_models,
    served_name,
)
from ragft_core.models.remote.endpoints import EndpointGenerator
from ragft_core.models.remote.publish import publish_adapter

__all__ = [
    "PRESETS",
    "SERVED",
    "ChatClient",
    "EndpointGenerator",
    "Preset",
    "ServedModel",
    "check_served",
    "publish_adapter",
    "served_models",
    "served_name",
]
