"""Models behind OpenAI-compatible endpoints."""

from ragft_core.models.remote.chat_api import ChatClient
from ragft_core.models.remote.endpoints import EndpointGenerator

__all__ = [
    "ChatClient",
    "EndpointGenerator",
]
