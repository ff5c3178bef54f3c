"""One loaded model for several workspaces, each with its own adapters."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ragft_core.access import rights
from ragft_core.finetuning import get_adapter
from ragft_core.models import open_generator
from ragft_core.models.generator import Generation, Generator
from ragft_core.settings import Settings
from ragft_core.types import Adapter, ModelChoice, Request
from ragft_core.workspace import Workspace


class WorkspaceGenerator:
    """A generator that workspaces share, with the adapters of one of them. See ``Generator``."""

    def __init__(self, shared: Generator, workspace: Workspace) -> None:
        self._shared = shared
        self._workspace = workspace
        self.name, self.weights = shared.name, shared.weights
        self.context_tokens = shared.context_tokens
        self.supports_adapters = shared.supports_adapters
        self.render, self.count_tokens = shared.render, shared.count_tokens

    def submit(self, request: Request, *, priority: int = 0) -> Generation:
        """Starts a generation; the request's adapter is one of the workspace.

        Raises:
            ModelError: The request cannot be served.
        """
        folder = self._workspace.path
        if request.adapter and self.supports_adapters:
            place = f"{folder}\n{request.adapter}"
            request = dataclasses.replace(request, adapter=place)
        return self._shared.submit(request, priority=priority)

    def close(self, *, wait: bool = False) -> None:
        """Does nothing: others go on with it."""


def open_shared_generator(choice: ModelChoice, settings: Settings) -> Generator:
    """Loads a model for several workspaces; each uses it through a ``WorkspaceGenerator``.

    Raises:
        ModelError: It cannot be loaded.
    """

    def find(place: str) -> Adapter:
        folder, _, adapter = place.rpartition("\n")
        with rights.as_the_lab():  # the engine's thread; who asks had the right to the adapter
            return get_adapter(Workspace(Path(folder)), adapter)

    return open_generator(choice, settings, find)
