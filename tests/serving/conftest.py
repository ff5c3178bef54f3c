"""A workspace with every arm: a tiny real model, two documents, two adapters with random weights."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragft_core.finetuning import import_adapter
from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.serving import ApiServer
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, open_lab
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace
from tests.models.helpers import make_adapter

TEXTS = {
    "warranty.md": "# Warranty\n\nThe kiln has a warranty of 24 months.",
    "delivery.md": "# Delivery\n\nDelivery to the island takes nine days.",
}


@pytest.fixture(scope="session")
def zipped_adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    made = []
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp("peft")
        make_adapter(tiny_model, folder, seed)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for path in folder.iterdir():
                archive.writestr(path.name, path.read_bytes())
        made.append(data.getvalue())
    return made


@pytest.fixture
def full(
    workspace: Workspace,
    settings: Settings,
    tiny_model: Path,
    zipped_adapters: list[bytes],
    embedder_folder: Path,
    tmp_path: Path,
) -> Workspace:
    workspace.update(model=ModelChoice("folder", str(tiny_model)), max_new_tokens=12)
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    KnowledgeBase(workspace, Embedder(embedder_folder)).add_files(
        [(name, tmp_path / name) for name in TEXTS]
    )
    for data, with_context in zip(zipped_adapters, (False, True), strict=True):
        import_adapter(workspace, "made", data, settings, with_context=with_context)
    return workspace


@pytest.fixture
def lab(full: Workspace, settings: Settings) -> Iterator[Lab]:
    opened = open_lab(full, settings)
    yield opened
    opened.close()


@contextmanager
def serving(lab: Lab, **options: object) -> Iterator[str]:
    """The address of a server over a lab, for as long as the block lasts."""
    server = ApiServer(lab, "127.0.0.1", 0, **options)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join()
