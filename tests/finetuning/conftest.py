"""A workspace whose model is the tiny one, with examples that it can learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.finetuning import RunConfig, save_examples
from ragft_core.types import Example, ModelChoice
from ragft_core.workspace import Workspace

COLOURS = ("red", "blue")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models gain nothing from threads, and other tests run at the same time."""
    monkeypatch.setenv("RAGFT_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def colour_examples(n: int = 48) -> list[Example]:
    return [
        Example(
            id=f"e{i}",
            question=f"which price for city {i % 24} on {'days' if i % 2 else 'the day'}",
            answer=COLOURS[i % 2],
        )
        for i in range(n)
    ]


@pytest.fixture
def trainable(workspace: Workspace, tiny_model: Path) -> Workspace:
    workspace.update(model=ModelChoice(kind="folder", name=str(tiny_model)))
    save_examples(workspace, colour_examples())
    return workspace


@pytest.fixture
def short() -> RunConfig:
    return RunConfig(
        name="Short", steps=60, epochs=0, learning_rate=1e-2, rank=16, eval_every=10, patience=0
    )
