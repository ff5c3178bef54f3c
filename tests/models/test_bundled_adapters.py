"""The adapters that come with the product: small, whole, without paths, and for the right base."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

import ragft_core
from ragft_core.finetuning import get_adapter, list_adapters
from ragft_core.models.weights.bundled import GENERATOR
from ragft_core.workspace import Workspace

FOLDER = Path(ragft_core.__file__).parent / "models" / "adapters"
ROLES = ("reader", "writer")
LARGEST_BYTES = 12_000_000


@pytest.mark.parametrize("role", ROLES)
def test_adapter_is_found_whole_and_for_the_bundled_generator(
    workspace: Workspace, role: str
) -> None:
    adapter = get_adapter(workspace, f"bundled:{role}")
    assert adapter in list_adapters(workspace)
    assert adapter.base == GENERATOR.sha256
    assert adapter.bundled


@pytest.mark.parametrize("role", ROLES)
def test_weights_are_half_precision_and_small(role: str) -> None:
    file = FOLDER / role / "adapter_model.safetensors"
    assert file.stat().st_size <= LARGEST_BYTES
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    assert {tensor["dtype"] for key, tensor in header.items() if key != "__metadata__"} == {"F16"}


@pytest.mark.parametrize("role", ROLES)
def test_configuration_names_no_path(role: str) -> None:
    config = (FOLDER / role / "adapter_config.json").read_text(encoding="utf-8")
    assert "/" not in config


@pytest.mark.parametrize(
    ("role", "sources"),
    [
        ("reader", ("SQuAD-shifts", "Natural Questions", "XQuAD", "COVID-QA", "PolicyQA")),
        ("writer", ("SQuAD-shifts", "XQuAD", "COVID-QA")),
    ],
)
def test_card_names_data_licences_and_limits(role: str, sources: tuple[str, ...]) -> None:
    card = (FOLDER / role / "README.md").read_text(encoding="utf-8")
    for word in (*sources, "CC BY-SA", "## Limits", "## Numbers"):
        assert word in card, f"the card of the {role} does not mention {word}"
