"""The engine gives each row what plain transformers gives it alone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.models.engine import LocalGenerator
from ragft_core.models.opening import open_folder
from ragft_core.settings import Settings
from tests.models.helpers import Reference, ask, finder, prompts

ARMS = (None, "one", "two", "part")


def test_rows_of_mixed_length_and_adapter_equal_plain_generate(
    engine: LocalGenerator, reference: Reference
) -> None:
    requests = [ask(text, ARMS[i % 4], n=8 + 5 * i) for i, text in enumerate(prompts(12))]
    running = [engine.submit(request) for request in requests]
    ties = [
        reference.check(request, generation.result(60).text)
        for request, generation in zip(requests, running, strict=True)
    ]
    assert sum(ties) <= 2, f"{sum(ties)} of {len(ties)} answers met a tie"


def test_eight_threads_get_what_each_gets_alone(engine: LocalGenerator) -> None:
    requests = [ask(text, ARMS[i % 4]) for i, text in enumerate(prompts(8))]
    alone = [engine.submit(request).result(60).text for request in requests]
    together: dict[int, str] = {}

    def person(number: int) -> None:
        together[number] = engine.submit(requests[number]).result(60).text

    threads = [threading.Thread(target=person, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[n] for n in range(8)] == alone


def test_text_streams_as_a_growing_beginning_of_the_result(engine: LocalGenerator) -> None:
    generation = engine.submit(ask("what is the price", n=64))
    seen = {generation.text}
    while not generation.done:
        seen.add(generation.text)
    final = generation.result().text
    assert all(final.startswith(text) for text in seen)


def test_an_adapter_of_another_base_is_named_and_refused(
    tiny_model: Path, tiny_adapters: dict, settings: Settings
) -> None:
    import dataclasses

    foreign = dataclasses.replace(tiny_adapters["one"], base="f" * 64)
    engine = open_folder(tiny_model, settings, finder({"one": foreign}))
    try:
        with pytest.raises(ModelError, match="ffffffffffff.*" + engine.weights[:12]):
            engine.submit(ask("hello", "one"))
        assert engine.submit(ask("hello")).result(60).completion_tokens > 0
    finally:
        engine.close()
