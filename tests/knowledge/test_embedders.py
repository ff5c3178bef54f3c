"""The embedder is a choice: any model of sentence-transformers, here tiny ones the tests build."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ragft_core.approval import approve
from ragft_core.errors import ConsentError, ModelError
from ragft_core.jobs import start_job
from ragft_core.knowledge import Embedder, KnowledgeBase, embedder_choice, embedder_of
from ragft_core.knowledge.embedders import LibraryEmbedder
from ragft_core.knowledge.retrievers import MOST_MEANING, meaning_share, reading_warning
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] dogs clay the kiln may hall is not # . models".split()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer with random weights, saved as sentence-transformers saves one."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    plain = tmp_path_factory.mktemp("embedder") / "plain"
    plain.mkdir()
    (plain / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=1.0,
    )
    BertModel(config).save_pretrained(plain)
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    model = SentenceTransformer(modules=[Transformer(str(plain)), Pooling(16)], device="cpu")
    model.prompts = {"query": "dogs ", "document": ""}
    model.save(str(plain.parent / "tiny"))
    return plain.parent / "tiny"


@pytest.mark.slow
def test_vectors_are_the_librarys(tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer

    own = LibraryEmbedder(tiny, "tiny")
    model = SentenceTransformer(str(tiny), device="cpu")
    texts = ["the clay kiln", "dogs may not", "hall"]
    expected = model.encode_document(texts, normalize_embeddings=True)
    assert np.abs(own.embed_documents(texts) - expected).max() < 1e-6
    asked = model.encode_query("kiln", normalize_embeddings=True)
    assert np.abs(own.embed_query("kiln") - asked).max() < 1e-6
    plain = model.encode("kiln", normalize_embeddings=True)
    assert np.abs(asked - plain).max() > 1e-3  # the prompt for questions counts
    assert own.dimension == 16
    assert own.identity.startswith("tiny@")


@pytest.mark.slow
def test_identity_is_of_weights_and_parts_and_not_of_the_place(tiny: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny, copy)
    first = LibraryEmbedder(tiny, "tiny").identity
    assert LibraryEmbedder(copy, "tiny").identity == first
    weights = copy / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(bytes(changed))
    assert LibraryEmbedder(copy, "tiny").identity != first


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="modules.json is missing"):
        LibraryEmbedder(tmp_path, "empty")


def test_what_is_typed_becomes_a_choice(tmp_path: Path) -> None:
    assert embedder_choice("bundled") is None
    assert embedder_choice(" ") is None
    assert embedder_choice(str(tmp_path)) == ModelChoice("folder", str(tmp_path))
    assert embedder_choice("owner/model") == ModelChoice("hub", "owner/model")


def test_a_choice_from_elsewhere_is_asked_about_first(workspace: Workspace, tmp_path: Path) -> None:
    workspace.update(embedder=ModelChoice("folder", str(tmp_path)), approved=())
    with pytest.raises(ConsentError, match="loads the model"):
        embedder_of(workspace, Settings())


@pytest.mark.slow
def test_a_job_changes_the_embedder(
    workspace: Workspace, embedder_folder: Path, tiny: Path, tmp_path: Path
) -> None:
    old = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    old.add_files([("a.txt", files.text(tmp_path / "a.txt", "The clay kiln. Dogs may not."))])
    choice = ModelChoice("folder", str(tiny))
    approve(workspace, choice)
    job = start_job(workspace, "embed", {"embedder": to_dict(choice)})
    job.wait(240)
    assert job.status().state == "succeeded", job.log_tail(20)
    assert workspace.settings().embedder == choice
    new = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    assert new.embedder.identity == job.result()["embedder"]
    assert new.search("dogs")[0].document_title == "a"
    assert_searchable_exactly_once(new)


def test_the_old_index_serves_until_the_new_is_whole(
    base: KnowledgeBase, three_files: list[tuple[str, Path]]
) -> None:
    base.add_files(three_files)
    new = KnowledgeBase(base.workspace, HashEmbedder("other", 32))
    before = [passage.chunk.id for passage in base.search("kiln costs")]
    seen: list[list[str]] = []

    def told(name: str, stage: str, share: float) -> None:
        seen.append([passage.chunk.id for passage in base.search("kiln costs")])

    switched: list[bool] = []
    n_chunks = new.take_over(told, lambda: switched.append(True))
    assert switched == [True]
    assert len(seen) >= len(three_files)
    assert all(found == before for found in seen)
    assert n_chunks == sum(document.n_chunks for document in new.documents())
    assert_searchable_exactly_once(new)


def test_a_change_that_was_interrupted_goes_on_and_knows_what_changed_meanwhile(
    base: KnowledgeBase, three_files: list[tuple[str, Path]]
) -> None:
    base.add_files(three_files)
    new = KnowledgeBase(base.workspace, HashEmbedder("other", 32))
    told: list[str] = []

    def stop(name: str, stage: str, share: float) -> None:
        told.append(name)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        new.take_over(stop, lambda: None)
    assert base.search("dogs")  # still served
    base.remove(base.documents()[0].id)
    again = HashEmbedder("other", 32)
    KnowledgeBase(base.workspace, again).take_over(lambda *_: None, lambda: None)
    # The first two were embedded before the interruption, and one of them is gone.
    assert again.n_embedded == base.documents()[-1].n_chunks
    assert_searchable_exactly_once(KnowledgeBase(base.workspace, again))


def test_a_text_that_the_embedder_cannot_read_is_warned_of(
    base: KnowledgeBase, embedder_folder: Path, tmp_path: Path
) -> None:
    tokenizer = Embedder(embedder_folder).tokenizer
    chinese = "更换三号泵的密封圈。保修期为两年。" * 3
    russian = "Замените уплотнение третьего насоса. Гарантия составляет два года."
    english = "Replace the seal of pump three, made by 密封 in China; the warranty is two years."
    assert "does not know" in reading_warning(tokenizer, chinese)
    assert "single letters" in reading_warning(tokenizer, russian)
    assert reading_warning(tokenizer, english) == ""
    assert meaning_share(tokenizer, english) > MOST_MEANING - 0.2
    base.embedder.tokenizer = tokenizer  # type: ignore[misc]
    report = base.add_files([("p.txt", files.text(tmp_path / "p.txt", chinese))])[0]
    assert any("hardly by meaning" in warning for warning in report.warnings)
