"""The embedding model tuned on the examples: tested on facts kept apart, offered where it helps."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ragft_core.errors import EvaluationError
from ragft_core.evaluation import retrieval
from ragft_core.evaluation.retrieval import contrastive, tuning
from ragft_core.finetuning import save_examples
from ragft_core.jobs import JobContext
from ragft_core.knowledge import KnowledgeBase, chosen_embedder, embedder_of
from ragft_core.settings import Settings
from ragft_core.types import Example, ModelChoice, SearchMode
from ragft_core.values import from_dict
from ragft_core.workspace import Workspace, read_json
from tests.documents import files

# What the documents call each animal, and what people who ask call it.
ANIMALS = dict(
    zip(
        "otter heron badger lynx stoat raven plover marten weasel falcon curlew beaver".split(),
        "gloop frond mulk tarn brill osk wend pim dov quay zill hask".split(),
        strict=True,
    )
)
FACTS = {
    "sleep": "How long does the {} sleep", "eat": "How many does the {} eat",
    "swim": "How far does the {} swim", "weigh": "How many does the {} weigh",
}  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "how", "long", "many", "far", "does", "the"]


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT with random weights: it knows no word's meaning."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    plain = tmp_path_factory.mktemp("blank") / "plain"
    plain.mkdir()
    vocabulary = [*WORDS, *ANIMALS, *ANIMALS.values(), *FACTS]
    (plain / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(vocabulary), num_hidden_layers=1, **size)).save_pretrained(
        plain
    )
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    model = SentenceTransformer(modules=[Transformer(str(plain)), Pooling(32)], device="cpu")
    model.save(str(plain.parent / "model"))
    return plain.parent / "model"


@pytest.fixture
def stocked(workspace: Workspace, blank: Path, tmp_path: Path) -> Workspace:
    workspace.update(embedder=ModelChoice("folder", str(blank)), search_mode=SearchMode.DENSE)
    base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    paths, examples = [], []
    for n, (animal, nickname) in enumerate(ANIMALS.items()):
        told = [(word, f"{10 * n + place} units") for place, word in enumerate(FACTS)]
        text = " ".join(f"The {animal} can {word} {amount}." for word, amount in told)
        paths.append((f"{animal}.txt", files.text(tmp_path / f"{animal}.txt", text)))
        examples += [
            Example(f"{animal}-{word}", FACTS[word].format(nickname) + "?", amount, document_id=f"{animal}.txt")
            for word, amount in told
        ]  # fmt: skip
    base.add_files(paths)
    save_examples(workspace, examples)
    return workspace


def context_in(workspace: Workspace) -> JobContext:
    return JobContext(workspace, workspace.folder("jobs", "tune-1"), {})


@pytest.mark.slow
def test_what_people_call_things_is_learned_and_helps_with_other_facts(
    stocked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A model without any knowledge has more to learn than one that reads English.
    monkeypatch.setattr(contrastive, "LEARNING_RATE", 0.005)
    monkeypatch.setattr(contrastive, "FEWEST_STEPS", 120)
    monkeypatch.setenv("RAGFT_THREADS", "1")
    context = context_in(stocked)
    tuning.run_tuning(context)
    found = from_dict(retrieval.Tuning, read_json(context.folder / "result.json"))
    assert found.n == len(ANIMALS) * len(FACTS)
    assert found.helps, (found.verdict, found.mrr_before, found.mrr_after)
    assert (found.mrr_after.mean or 0) > (found.mrr_before.mean or 1) + 0.2
    assert found.embedder == "embedders/tune-1"
    assert not (context.folder / tuning.TRIAL).exists()
    # Its folder is named from the workspace, so that both can move.
    stocked.update(embedder=ModelChoice("folder", found.embedder))
    choice = chosen_embedder(stocked)
    assert choice is not None
    assert Path(choice.name) == stocked.path / "embedders" / "tune-1"
    assert embedder_of(stocked, Settings()).dimension == 32


def test_where_nothing_is_learned_nothing_is_offered(
    stocked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contrastive, "LEARNING_RATE", 1e-9)
    monkeypatch.setattr(contrastive, "FEWEST_STEPS", 1)
    context = context_in(stocked)
    tuning.run_tuning(context)
    found = from_dict(retrieval.Tuning, read_json(context.folder / "result.json"))
    assert not found.helps
    assert not found.embedder
    assert "does not help" in found.verdict
    with pytest.raises(EvaluationError, match="does not help"):
        retrieval.adopt_tuned(stocked, found)
    assert not (stocked.path / "embedders").exists()


def test_a_stop_leaves_nothing(stocked: Workspace) -> None:
    context = context_in(stocked)
    (context.folder / "stop").write_text("", encoding="utf-8")
    tuning.run_tuning(context)
    assert not (context.folder / "result.json").exists()
    assert not (context.folder / tuning.TRIAL).exists()


def test_too_few_facts_are_refused(workspace: Workspace) -> None:
    with pytest.raises(EvaluationError, match="20 are needed"):
        retrieval.start_tuning(workspace)


def test_no_question_has_its_own_passage_as_a_negative() -> None:
    triples = [contrastive.Triple(f"q{n}", f"p{n % 4}", f"p{(n + 1) % 4}") for n in range(30)]
    triples += [contrastive.Triple(f"r{n}", f"s{n}", "p0") for n in range(30)]
    batches = contrastive._batches(triples, random.Random(0))
    sizes = []
    for _ in range(40):
        batch = next(batches)
        right = [triple.passage for triple in batch]
        assert len(right) == len(set(right))
        assert not set(right) & {triple.wrong for triple in batch}
        sizes.append(len(batch))
    # A wrong passage that many questions share does not keep them apart.
    assert max(sizes) == contrastive.BATCH
