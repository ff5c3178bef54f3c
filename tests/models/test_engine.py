"""The engine gives each row what plain transformers gives it alone."""

from __future__ import annotations

import dataclasses
import math
import shutil
import threading
import time
from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.models.engine.engine import LocalGenerator
from ragft_core.models.factory import open_folder
from ragft_core.models.trial import try_model
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice, Sampling
from tests.conftest import TEMPLATE
from tests.models.helpers import Reference, ask, finder, make_adapter, make_family, prompts

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


def test_guesses_do_not_change_greedy_or_sampled_answers(
    engine: LocalGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying = "the red city price is blue " * 12
    requests = [ask(copying, n=48), ask(copying, n=48, temperature=0.7, top_p=0.9, seed=3)]
    guessed = [engine.submit(request).result(60).text for request in requests]
    monkeypatch.setattr("ragft_core.models.engine.prompt_lookup.NGRAMS", ())
    plain = [engine.submit(request).result(60).text for request in requests]
    assert guessed == plain


def test_a_row_leaves_while_others_go_on(engine: LocalGenerator, reference: Reference) -> None:
    long = ask("what is the price", n=80)
    running = engine.submit(long)
    short = [ask(text, "one", n=3) for text in prompts(5)]
    for request in short:
        assert reference.check(request, engine.submit(request).result(60).text) <= 1
    assert reference.check(long, running.result(60).text) <= 1


def test_cancelling_ends_one_row_and_keeps_its_text(engine: LocalGenerator) -> None:
    doomed = engine.submit(ask("how many days", n=900))
    other = engine.submit(ask("which city", n=30))
    while not doomed.text:
        time.sleep(0.001)
    doomed.cancel()
    done = doomed.result(30)
    assert done.finish == "cancelled"
    assert 0 < done.completion_tokens < 900
    assert other.result(30).text == engine.submit(ask("which city", n=30)).result(30).text


def test_an_endless_answer_ends_at_its_limit(engine: LocalGenerator) -> None:
    done = engine.submit(ask("hello", n=17)).result(30)
    assert (done.finish, done.completion_tokens) in {
        ("length", 17),
        ("stop", done.completion_tokens),
    }
    assert done.completion_tokens <= 17


def test_a_stop_text_ends_the_answer_before_it(engine: LocalGenerator) -> None:
    whole = engine.submit(ask("what is the price", n=40)).result(30).text
    stop = whole[len(whole) // 2 :][:4]
    generation = engine.submit(ask("what is the price", n=40, stop=(stop,)))
    done = generation.result(30)
    assert done.text == whole[: whole.index(stop)]
    assert done.finish == "stop"


def test_a_seed_gives_the_same_answer_beside_any_neighbours(engine: LocalGenerator) -> None:
    request = ask("which city", n=30, temperature=1.0, top_p=0.95, seed=11)
    alone = engine.submit(request).result(30).text
    crowd = [engine.submit(ask(text, ARMS[i % 4])) for i, text in enumerate(prompts(6))]
    assert engine.submit(request).result(60).text == alone
    assert [generation.result(60).finish for generation in crowd]


def test_a_follow_up_reuses_the_history(engine: LocalGenerator, reference: Reference) -> None:
    first = ask(prompts(9)[8], "one")
    engine.submit(first).result(60)
    text = first.messages[1].content
    longer = ask(f"{text} and how many days was it", "one")
    done = engine.submit(longer).result(60)
    assert done.cached_tokens > 0.7 * done.prompt_tokens
    assert reference.check(longer, done.text) <= 1


def test_keys_and_values_are_not_shared_between_adapters(engine: LocalGenerator) -> None:
    text = prompts(9)[8]
    engine.submit(ask(text, "one")).result(60)
    assert engine.submit(ask(text, "two")).result(60).cached_tokens == 0


def test_memory_grows_with_the_prompt_and_counts_the_adapter(engine: LocalGenerator) -> None:
    short, long = sorted(prompts(9), key=len)[:: len(prompts(9)) - 1]
    small, large, adapted = (
        engine.submit(ask(text, adapter, n=1)).result(60)
        for text, adapter in ((short, None), (long, None), (long, "one"))
    )
    # Keys and values take the same for every token, of the prompt and of the answer's limit.
    a_token = small.memory_bytes / (small.prompt_tokens + 1)
    assert large.memory_bytes == a_token * (large.prompt_tokens + 1)
    assert adapted.memory_bytes > large.memory_bytes


def test_base_logits_are_the_same_bits_before_and_after_adapters(
    tiny_model: Path, tiny_adapters: dict, settings: Settings
) -> None:
    import torch

    from ragft_core.models.engine.decoder import Segment

    engine = open_folder(tiny_model, settings, finder(tiny_adapters))
    decoder, ids = engine._decoder, list(range(5, 60))

    def logits() -> torch.Tensor:
        return decoder.forward([Segment(ids, decoder.new_cache(len(ids)), None, len(ids))])[0]

    before = logits()
    theirs = engine._model(torch.tensor([ids])).logits
    for adapter in tiny_adapters:
        engine.submit(ask("hello", adapter)).result(60)
    assert torch.equal(logits(), before)
    assert torch.equal(engine._model(torch.tensor([ids])).logits, theirs)
    engine.close()


def test_a_prompt_that_is_too_long_is_refused_with_its_length(engine: LocalGenerator) -> None:
    with pytest.raises(ModelError, match="room for 1024"):
        engine.submit(ask("city " * 2000))


def test_an_unknown_adapter_leaves_the_engine_at_work(engine: LocalGenerator) -> None:
    with pytest.raises(ModelError, match="no adapter 'none'"):
        engine.submit(ask("hello", "none"))
    assert engine.submit(ask("hello")).result(30).completion_tokens > 0


def test_closing_ends_what_runs(tiny_model: Path, settings: Settings) -> None:
    engine = open_folder(tiny_model, settings, finder({}))
    running = [engine.submit(ask("hello", n=900)) for _ in range(20)]
    engine.close()
    assert {generation.result(5).finish for generation in running} <= {
        "cancelled",
        "stop",
        "length",
    }
    with pytest.raises(ModelError, match="closed"):
        engine.submit(ask("hello"))


def test_a_model_may_think_before_it_answers_and_an_adapter_may_not(
    tiny_model: Path, tiny_adapters: dict, settings: Settings, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "thinking")
    told = "{% if enable_thinking %}<think>{% else %}<think></think>{% endif %}"
    for file in folder.glob("*template*"):
        file.write_text(told + TEMPLATE, encoding="utf-8")
    engine = open_folder(folder, settings, finder(tiny_adapters), thinking=True)
    alone = engine.submit(ask("hello", n=2)).result(60)
    labels = engine.submit(ask("hello", n=2, choices=("red", "blue"))).result(60)
    tuned = engine.submit(ask("hello", ARMS[1], n=2)).result(60)
    engine.close()
    assert alone.prompt.startswith("<think><|im_start|>")
    assert labels.prompt.startswith(tuned.prompt[:16])
    assert "</think>" in tuned.prompt[:16]
    # The thought has its own room: this model never ends one, and is not cut at two tokens.
    assert alone.completion_tokens > 2 >= tuned.completion_tokens


def test_a_model_that_cannot_think_is_not_asked_to(
    tiny_model: Path, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="cannot think"):
        try_model(ModelChoice("folder", str(tiny_model), thinking="on"), settings)
    folder = shutil.copytree(tiny_model, tmp_path / "thinking")
    for file in folder.glob("*template*"):
        file.write_text("{% if enable_thinking %}<think>{% endif %}" + TEMPLATE, encoding="utf-8")
    assert try_model(ModelChoice("folder", str(folder), thinking="on"), settings).seconds > 0


def test_any_architecture_works_with_adapters(
    tiny_model: Path, tiny_adapters: dict, settings: Settings, monkeypatch, reference: Reference
) -> None:
    monkeypatch.setattr("ragft_core.models.engine.llama.LLAMA_FAMILY", ())
    engine = open_folder(tiny_model, settings, finder(tiny_adapters))
    requests = [ask(text, ARMS[i % 4]) for i, text in enumerate(prompts(4))]
    running = [engine.submit(request) for request in requests]
    ties = [reference.check(q, g.result(60).text) for q, g in zip(requests, running, strict=True)]
    engine.close()
    assert sum(ties) <= 1


@pytest.mark.parametrize("digested", [True, False])
def test_new_weights_under_an_old_name_are_used(
    tiny_model: Path, tiny_adapters: dict, settings: Settings, tmp_path: Path, digested: bool
) -> None:
    folder = tmp_path / "run"
    adapters: dict = {}

    def put(source: str) -> None:
        found = tiny_adapters[source]
        shutil.copytree(found.path, folder, dirs_exist_ok=True)
        digest = source if digested else ""
        adapters["run"] = dataclasses.replace(found, id="run", path=str(folder), digest=digest)

    names = list(tiny_adapters)[:2]
    engine = open_folder(tiny_model, settings, finder(adapters | tiny_adapters))
    engine._adapters = lambda name: (adapters | tiny_adapters)[name]
    for name in names:
        put(name)
        renamed = engine.submit(ask("how many days in the city", "run", n=24)).result(60).text
        assert (
            renamed == engine.submit(ask("how many days in the city", name, n=24)).result(60).text
        )
    engine.close()


def test_closing_may_wait_for_what_runs(tiny_model: Path, settings: Settings) -> None:
    engine = open_folder(tiny_model, settings, finder({}))
    alone = engine.submit(ask("hello", n=40)).result(60).text
    running = [engine.submit(ask("hello", n=40)) for _ in range(12)]
    engine.close(wait=True)
    assert {generation.result(5).text for generation in running} == {alone}
    with pytest.raises(ModelError, match="closed"):
        engine.submit(ask("hello"))


def test_only_the_choices_can_be_answered(engine: LocalGenerator) -> None:
    choices = ("red", "red city", "blue", "twelve days")
    requests = [
        dataclasses.replace(
            ask(text, ARMS[place % 4]),
            sampling=Sampling(32, temperature=place % 3, seed=place, choices=choices),
        )
        for place, text in enumerate(prompts(24))
    ]
    done = [engine.submit(request) for request in requests]
    free = engine.submit(ask("which city")).result(60).text
    answers = [generation.result(60) for generation in done]
    assert {answer.text for answer in answers} <= set(choices)
    assert len({answer.text for answer in answers}) > 1
    assert {answer.finish for answer in answers} == {"stop"}
    assert free not in choices


@pytest.mark.parametrize("family", ["Llama", "GPT2"])
def test_a_forced_answer_tells_its_probability_and_branches_begin_otherwise(
    family: str, tiny_model: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = tiny_model if family == "Llama" else make_family(family, tiny_model, tmp_path / "m")
    adapters = {"one": make_adapter(folder, tmp_path / "one", 1)} if family == "Llama" else {}
    name = next(iter(adapters), None)
    engine = open_folder(folder, settings, finder(adapters))
    reference = Reference(folder, adapters)
    text = "the price is blue"
    request = ask("what is the price of the city", name, forced=text)
    beside = engine.submit(ask("how many days", n=12))
    told = engine.submit(request).result(60)
    ids, expected = reference.log_probabilities(request, text)
    assert (told.text, told.finish, told.completion_tokens) == (text, "stop", len(ids))
    assert len(ids) * math.log(told.confidence or 0) == pytest.approx(sum(expected), rel=1e-3)
    assert beside.result(60).text == engine.submit(ask("how many days", n=12)).result(60).text
    short = engine.submit(ask("what is the price of the city", name, n=2, forced=text)).result(60)
    assert (short.completion_tokens, short.finish) == (2, "length")
    ways = [ask("what is the price of the city", name, n=1, branch=place) for place in range(3)]
    first = [engine.submit(way).result(60) for way in ways]
    sure = [one.confidence or 0 for one in first]
    assert sure == sorted(sure, reverse=True), "the likeliest first"
    assert len(set(sure)) == 3, "each its own"
    engine.close()


def test_more_than_fit_stand_in_line_and_are_all_answered(engine: LocalGenerator) -> None:
    running = [engine.submit(ask(text, n=48)) for text in prompts(12) * 4]
    assert max(generation.place for generation in running) > 8
    assert all(generation.result(120).text for generation in running)
    assert {generation.place for generation in running} == {0}
