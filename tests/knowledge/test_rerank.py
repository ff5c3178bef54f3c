"""A cross-encoder sorts anew what was found: a real, tiny one that the test builds and saves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragft_core.errors import ModelError
from ragft_core.knowledge import KnowledgeBase
from ragft_core.knowledge.rerank import CrossEncoderReranker
from ragft_core.types import SearchMode
from tests.documents import files

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dogs", "clay", "the", "kiln", "may", "hall"]


def tiny_cross_encoder(folder: Path, n_labels: int = 1) -> Path:
    """A BERT of one layer with random weights, saved as sentence-transformers saves one."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    plain = folder / "plain"
    plain.mkdir(parents=True)
    (plain / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=n_labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(plain)
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    CrossEncoder(str(plain), device="cpu").save_pretrained(str(folder / "saved"))
    return folder / "saved"


@pytest.mark.slow
def test_passages_come_in_the_rerankers_order(base: KnowledgeBase, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    texts = ["dogs may", "the clay kiln", "hall dogs clay", "kiln hall", "may the hall"]
    paths = [files.text(tmp_path / f"{n}.txt", text) for n, text in enumerate(texts)]
    base.add_files([(path.name, path) for path in paths])
    folder = tiny_cross_encoder(tmp_path / "model")
    plain = base.search("may dogs", SearchMode.DENSE)
    found = base.search("may dogs", SearchMode.DENSE, reranker=str(folder))
    indexed = [f"{passage.document_title}\n{passage.chunk.text}" for passage in found]
    judged = CrossEncoder(str(folder), device="cpu").predict([("may dogs", t) for t in indexed])
    assert np.allclose([passage.score for passage in found], judged, atol=1e-5)
    assert list(judged) == sorted(judged, reverse=True)
    assert {p.chunk.id: p.similarity for p in plain} == {p.chunk.id: p.similarity for p in found}
    assert [p.chunk.id for p in plain] != [p.chunk.id for p in found]


@pytest.mark.slow
def test_a_classifier_is_refused(tmp_path: Path) -> None:
    folder = tiny_cross_encoder(tmp_path / "model", n_labels=3)
    with pytest.raises(ModelError, match="has 3 outputs"):
        CrossEncoderReranker(str(folder)).score("a", ["b"])


@pytest.mark.slow
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        CrossEncoderReranker(str(tmp_path)).score("a", ["b"])
