"""The tiny model with adapters, behind the engine and alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragft_core.models.engine.engine import LocalGenerator
from ragft_core.models.factory import open_folder
from ragft_core.settings import Settings
from ragft_core.types import Adapter
from tests.models.helpers import Reference, finder, make_adapter


@pytest.fixture(scope="session")
def tiny_adapters(tiny_model: Path, tmp_path_factory) -> dict[str, Adapter]:
    """Adapters of different ranks and targets."""
    home = tmp_path_factory.mktemp("adapters")
    return {
        "one": make_adapter(tiny_model, home / "one", 1),
        "two": make_adapter(tiny_model, home / "two", 2, rank=8, use_rslora=True),
        "part": make_adapter(tiny_model, home / "part", 3, target_modules=["q_proj", "down_proj"]),
    }


@pytest.fixture
def engine(
    tiny_model: Path, tiny_adapters: dict[str, Adapter], settings: Settings
) -> Iterator[LocalGenerator]:
    """The tiny model behind the engine."""
    generator = open_folder(tiny_model, settings, finder(tiny_adapters))
    yield generator
    generator.close()


@pytest.fixture(scope="session")
def reference(tiny_model: Path, tiny_adapters: dict[str, Adapter]) -> Reference:
    """What transformers alone answers."""
    return Reference(tiny_model, tiny_adapters)
