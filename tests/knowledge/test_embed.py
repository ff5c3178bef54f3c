"""The embedder gives the vectors of sentence-transformers, offline, and refuses other models."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ragft_core.errors import ModelError
from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace
from tests.documents import files

TEXTS = [
    "short",
    "The kiln reaches its temperature after four hours.",
    "Größe: 5 €, „naïve“ café " * 20,
    "far longer than the model reads " * 200,
    "",
]


@pytest.fixture(scope="module")
def embedder(embedder_folder: Path) -> Embedder:
    return Embedder(embedder_folder)


@pytest.mark.slow
def test_vectors_are_those_of_sentence_transformers(
    embedder: Embedder, embedder_folder: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embedder_folder), device="cpu", local_files_only=True)
    expected = model.encode(TEXTS, normalize_embeddings=True)
    ours = embedder.embed_documents(TEXTS)
    assert ours.shape == (len(TEXTS), 384)
    assert ours.dtype == np.float32
    assert np.abs(ours - expected).max() < 1e-5
    assert np.abs(embedder.embed_query(TEXTS[1]) - expected[1]).max() < 1e-5


def test_order_does_not_matter(embedder: Embedder) -> None:
    forward, back = embedder.embed_documents(TEXTS), embedder.embed_documents(TEXTS[::-1])
    assert np.abs(forward - back[::-1]).max() < 1e-5


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_documents([]).shape == (0, 384)


def test_progress_ends_at_one(embedder: Embedder) -> None:
    seen: list[float] = []
    embedder.embed_documents(["a text " * 100] * 70, seen.append)
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_identity_names_model_weights_and_dimension(embedder: Embedder) -> None:
    assert embedder.identity == "all-MiniLM-L6-v2@53aa51172d142c89/384"


def test_nothing_is_asked_of_the_network(
    embedder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Embedder(embedder_folder).embed_query("hello").shape == (384,)


def test_identity_and_tokenizer_need_no_torch(embedder_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from ragft_core.knowledge import Embedder\n"
        f"e = Embedder(Path({str(embedder_folder)!r})); e.identity; e.tokenizer\n"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'lancedb')"
        " if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no embedding model: config.json"):
        Embedder(tmp_path)


@pytest.fixture
def copy(embedder_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(embedder_folder, folder, ignore=shutil.ignore_patterns("model.safetensors"))
    (folder / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    return folder


def test_model_of_other_parts_is_refused(copy: Path) -> None:
    modules = json.loads((copy / "modules.json").read_text())
    modules.append({"idx": 3, "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="Dense"):
        Embedder(copy)


def test_unknown_pooling_is_refused(copy: Path) -> None:
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode": "lasttoken"}')
    with pytest.raises(ModelError, match="pools by lasttoken"):
        Embedder(copy)


def test_damaged_weights_are_named(copy: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Embedder(copy).embed_query("hello")


@pytest.mark.slow
def test_meaning_finds_what_words_do_not(
    workspace: Workspace, embedder: Embedder, tmp_path: Path
) -> None:
    base = KnowledgeBase(workspace, embedder)
    texts = {
        "pets.txt": "Dogs and other animals have to wait outside the workshop.",
        "money.txt": "An invoice is due within thirty days of delivery.",
        "heat.txt": "The kiln must cool below eighty degrees before it is opened.",
    }
    base.add_files([(name, files.text(tmp_path / name, text)) for name, text in texts.items()])
    assert base.search("when do I have to pay", SearchMode.DENSE, 1)[0].document_title == "money"
    assert base.search("may I bring my puppy", SearchMode.HYBRID, 1)[0].document_title == "pets"
    assert base.search("puppy", SearchMode.TEXT) == []
