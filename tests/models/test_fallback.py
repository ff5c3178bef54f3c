"""Without a compiler that takes our code, answers come through torch, and are the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.models.engine.layers import compile_pass
from ragft_core.models.factory import open_folder
from ragft_core.models.kernels.matmul import compile_kernels
from ragft_core.settings import Settings
from ragft_core.types import Adapter, Message, Request, Sampling

QUESTIONS = ("What is the capital of France?", "Name three colours.")


def _no_adapter(name: str) -> Adapter:
    raise ModelError(f"There is no adapter {name}.")


def _answers(folder: Path, settings: Settings) -> list[str]:
    generator = open_folder(folder, settings, _no_adapter)
    try:
        sampling = Sampling(max_new_tokens=24)
        asked = [Request((Message("user", q),), sampling=sampling) for q in QUESTIONS]
        return [running.result(60).text for running in [generator.submit(r) for r in asked]]
    finally:
        generator.close()


@pytest.fixture
def _compiled_anew() -> Iterator[None]:
    """What was compiled before does not stand in, and what fails here does not stay."""
    for cached in (compile_pass, compile_kernels):
        cached.cache_clear()
    yield
    for cached in (compile_pass, compile_kernels):
        cached.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled_anew")
@pytest.mark.parametrize("broken", ["parse_assembly", "create_mcjit_compiler"])
def test_a_compiler_that_refuses_costs_speed_and_no_answer(
    generator_folder: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    binding = pytest.importorskip("llvmlite.binding")
    usual = _answers(generator_folder, settings)
    for cached in (compile_pass, compile_kernels):
        cached.cache_clear()

    def refuse(*_: object) -> None:
        raise RuntimeError("LLVM IR parsing error")

    monkeypatch.setattr(binding, broken, refuse)
    with caplog.at_level(logging.WARNING, "ragft_core"):
        assert _answers(generator_folder, settings) == usual
    assert "answers will be slower" in caplog.text
