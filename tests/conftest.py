"""Fixtures for all tests: an isolated home, the shared model cache, and a tiny real model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragft_core.access import rights
from ragft_core.jobs import list_jobs
from ragft_core.models.weights import bundled
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace, create_workspace, list_workspaces

ROOT = Path(__file__).resolve().parent.parent
# The cache outlives a test run: the models are fetched once for a machine, not once a session.
MODELS = Path(os.environ.get("RAGFT_MODELS") or Path.home() / ".ragft" / "models").resolve()

WORDS = "the a of to and in is was for on what which who how many days price city red blue".split()
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's workspaces, and no test may reach a model hub."""
    monkeypatch.setattr(rights, "_closed", False)
    for name in ("RAGFT_SIGN_IN", "RAGFT_ADMIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAGFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAGFT_MODELS", str(MODELS))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture
def settings(_isolated: None) -> Settings:
    """Settings with a home of this test's own."""
    return Settings()


@pytest.fixture(autouse=True)
def _no_job_outlives_its_test(settings: Settings) -> Iterator[None]:
    """A job would go on after a failed test, as jobs do."""
    yield
    for workspace in list_workspaces(settings):
        for job in list_jobs(workspace):
            job.stop(force=True)


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """An empty workspace."""
    return create_workspace(settings, "Test")


@pytest.fixture(scope="session")
def generator_folder() -> Path:
    """The bundled generator, fetched when it is not there yet."""
    return bundled.fetch(bundled.GENERATOR, MODELS)


@pytest.fixture(scope="session")
def embedder_folder() -> Path:
    """The bundled embedder, fetched when it is not there yet."""
    return bundled.fetch(bundled.EMBEDDER, MODELS)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer Llama and a byte-level tokenizer with a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-model")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=TEMPLATE,
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
