"""The bundled model: packed weights, guesses, prefixes and adapters give plain transformers' tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.models.factory import open_folder
from ragft_core.models.prompts import render_messages
from ragft_core.settings import Settings
from ragft_core.types import Request, Sampling
from tests.models.helpers import Reference, finder, make_adapter

PASSAGES = [
    ("Travel", "Employees may book a hotel of up to 140 euros a night. Trains come before planes."),
    ("Leave", "The company gives 28 days of leave a year. Five of them may be moved to March."),
    ("Depot", "The crane of the depot in Lind is checked every 90 days by Ms Abel."),
]
QUESTIONS = [
    ("How many days of leave does the company give?", PASSAGES, None),
    ("Who checks the crane in Lind, and how often?", PASSAGES, "mine"),
    ("Repeat the passage about hotels word for word.", PASSAGES[:1], None),
    ("What is the capital of France?", (), "mine"),
    ("Write one sentence about the sea.", (), None),
]


@pytest.mark.slow
def test_every_row_equals_plain_generate(
    generator_folder: Path, settings: Settings, tmp_path: Path
) -> None:
    adapters = {"mine": make_adapter(generator_folder, tmp_path / "mine", 1, rank=16, std=0.02)}
    engine = open_folder(generator_folder, settings, finder(adapters))
    reference = Reference(generator_folder, adapters)
    requests = [
        Request(render_messages(text, passages=passages), adapter, Sampling(32))
        for text, passages, adapter in QUESTIONS
    ]
    running = [engine.submit(request) for request in requests]
    ties = [reference.check(q, g.result(300).text) for q, g in zip(requests, running, strict=True)]
    engine.close()
    print(f"{sum(ties)} of {len(ties)} answers met a tie")
    assert sum(ties) <= 1
