"""The lab's endpoint, asked with OpenAI's own client: the arms answer as they do in the lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from ragft_core.arms import ARMS
from ragft_core.errors import ModelError, SettingsError
from ragft_core.finetuning import list_adapters
from ragft_core.samples import load_sample, read_sample, sample_examples
from ragft_core.serving import ApiServer, api
from ragft_core.serving.names import INSTRUCTED, Asker
from ragft_core.serving.protocol import read_request
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, add_arm, open_lab
from ragft_core.types import Completion, Message, ModelChoice, Request, Split
from ragft_core.workspace import Workspace
from tests.conftest import ROOT
from tests.fakes import DoneGeneration, ScriptedGenerator
from tests.serving.conftest import serving

QUESTION = "How long is the warranty of the kiln?"
KEY = "sk-canary-0815"


def client_of(url: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=60)


@pytest.fixture
def client(lab: Lab) -> Iterator[openai.OpenAI]:
    with serving(lab) as url, client_of(url) as made:
        yield made


def said(text: str = QUESTION) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_arms_the_base_and_its_adapters_are_names(client: openai.OpenAI, lab: Lab) -> None:
    names = [model.id for model in client.models.list()]
    ready = [arm.id for arm in ARMS if not arm.settings.shots]  # there are no examples
    own = [adapter.id for adapter in list_adapters(lab.workspace) if not adapter.bundled]
    assert names == [*ready, lab.generator.name, *own]
    assert client.models.retrieve("rag").owned_by == "ragft-arm"


@pytest.mark.parametrize("arm", ["prompt", "rag", "fine-tuned", "hybrid", "long-context"])
def test_an_arm_answers_as_in_the_lab(client: openai.OpenAI, lab: Lab, arm: str) -> None:
    (pending,) = lab.ask(QUESTION, [arm])
    wanted = pending.answer(60)
    found = client.chat.completions.create(model=arm, messages=said())
    choice, more = found.choices[0], found.model_extra["ragft"]
    assert wanted.completion_tokens
    assert not wanted.error
    assert (choice.message.content, choice.finish_reason) == (wanted.text, wanted.finish)
    counts = (wanted.prompt_tokens, wanted.completion_tokens)
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == counts
    assert [p["text"] for p in more["passages"]] == [p.chunk.text for p in wanted.passages]
    assert (more["adapter"], more["index_version"]) == (wanted.adapter, wanted.index_version)


def test_a_stream_gives_the_same_answer_in_pieces(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="hybrid", messages=said(), max_tokens=40)
    pieces = list(
        client.chat.completions.create(
            model="hybrid",
            messages=said(),
            max_tokens=40,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [c.delta.content or "" for piece in pieces for c in piece.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert pieces[-1].usage == whole.usage
    assert pieces[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    passages = [p["title"] for p in whole.model_extra["ragft"]["passages"]]
    assert [p["title"] for p in pieces[-2].model_extra["ragft"]["passages"]] == passages


def test_the_base_and_an_adapter_see_the_messages_as_sent(client: openai.OpenAI, lab: Lab) -> None:
    adapter = next(a for a in list_adapters(lab.workspace) if not a.bundled)
    messages = [{"role": "system", "content": "Say yes."}, *said()]
    prompt = lab.generator.render([Message("system", "Say yes."), Message("user", QUESTION)])
    tokens = lab.generator.count_tokens([Message("system", "Say yes."), Message("user", QUESTION)])
    answers = []
    for model in (lab.generator.name, adapter.id):
        found = client.chat.completions.create(model=model, messages=messages, max_tokens=12)
        assert found.usage.prompt_tokens == tokens, prompt
        answers.append(found.choices[0].message.content)
    assert answers[0] != answers[1]


def test_earlier_turns_are_the_arms_history_and_its_instruction_stays(lab: Lab) -> None:
    generator = ScriptedGenerator(lambda request: "24 months")
    scripted = Lab(lab.workspace, generator, lab.knowledge)
    turns = [
        {"role": "system", "content": "Talk like a pirate."},
        {"role": "user", "content": [{"type": "text", "text": "Is there a kiln?"}]},
        {"role": "assistant", "content": "Yes."},
        *said("How long is its warranty?"),
    ]
    with serving(scripted) as url, client_of(url) as client:
        found = client.chat.completions.create(model="rag", messages=turns, temperature=0.5, seed=3)
    (request,) = generator.requests
    texts = [message.content for message in request.messages]
    assert texts[1:3] == ["Is there a kiln?", "Yes."]
    assert "pirate" not in texts[0]
    assert lab.workspace.settings().instruction in texts[0]
    assert (request.sampling.temperature, request.sampling.seed) == (0.5, 3)
    assert request.sampling.max_new_tokens == 12
    note = found.model_extra["ragft"]["note"]
    assert note == f"Searched together with the question before. {INSTRUCTED}"


def test_a_choice_can_be_demanded(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(
        model="prompt", messages=said(), extra_body={"guided_choice": ["red", "blue"]}
    )
    assert found.choices[0].message.content in ("red", "blue")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "rag"}, "messages"),
        ({"model": "rag", "messages": [{"role": "robot", "content": "x"}]}, "messages[0]"),
        ({"model": "rag", "messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": said()}, "model"),
        ({"model": "rag", "messages": said(), "n": 2}, "n"),
        ({"model": "rag", "messages": said(), "tools": [{"type": "function"}]}, "tools"),
        ({"model": "rag", "messages": said(), "temperature": "hot"}, "temperature"),
        ({"model": "rag", "messages": said(), "max_tokens": 0}, "max_tokens"),
        ({"model": "rag", "messages": said(), "stop": ["a"] * 5}, "stop"),
        (
            {"model": "rag", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0]",
        ),
        ([], None),
    ],
)
def test_what_is_wrong_is_named(client: openai.OpenAI, body: object, param: str | None) -> None:
    response = httpx.post(f"{client.base_url}chat/completions", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_a_name_that_is_not_there_and_one_that_cannot_run(client: openai.OpenAI) -> None:
    for name in ("gpt-5", "few-shot-rag"):
        with pytest.raises(openai.NotFoundError, match="hybrid"):
            client.chat.completions.create(model=name, messages=said())


def test_a_question_that_does_not_fit_is_refused_in_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="too long"):
        client.chat.completions.create(model="rag", messages=said("kiln " * 3000))
    base = next(model.id for model in client.models.list() if model.owned_by == "ragft-model")
    with pytest.raises(openai.BadRequestError, match="has room for"):
        client.chat.completions.create(model=base, messages=said("kiln " * 3000))


def test_a_failing_model_is_an_error_not_an_answer(lab: Lab) -> None:
    def say(request: object) -> str:
        raise ModelError("Out of memory.", "Close something.")

    with serving(Lab(lab.workspace, ScriptedGenerator(say), lab.knowledge)) as url:
        with client_of(url) as client, pytest.raises(openai.APIStatusError, match="Out of memory"):
            client.chat.completions.create(model="rag", messages=said())


class Unending(DoneGeneration):
    """A generation that hears of its cancellation late."""

    def __init__(self, completion: Completion, end: threading.Event) -> None:
        super().__init__(completion)
        self._end = end

    @property
    def done(self) -> bool:
        return self._end.is_set()

    def result(self, timeout: float | None = None) -> Completion:
        self._end.wait(timeout)
        return super().result()


class Slow(ScriptedGenerator):
    """Its answers end with an event; ``asked`` tells that one was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.end = threading.Event(), threading.Event()

    def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
        done = super().submit(request).result()
        self.asked.set()
        return Unending(done, self.end)


def test_an_answer_that_nobody_waits_for_any_more_holds_no_other_up(lab: Lab) -> None:
    slow = Slow()
    body = {"model": "prompt", "messages": said()}
    with serving(Lab(lab.workspace, slow, lab.knowledge)) as url:
        try:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{url}/chat/completions", json=body, timeout=0.5)
            assert httpx.get(f"{url}/models", timeout=10).status_code == 200
        finally:
            slow.end.set()


def test_answers_that_are_being_started_count(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_AT_ONCE", 1)
    asked, go_on = threading.Event(), threading.Event()

    def say(request: Request) -> str:
        asked.set()
        go_on.wait(30)
        return "yes"

    def ask(url: str) -> int:
        body = {"model": "prompt", "messages": said()}
        return httpx.post(f"{url}/chat/completions", json=body, timeout=30).status_code

    busy = Lab(lab.workspace, ScriptedGenerator(say), lab.knowledge)
    with serving(busy) as url, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, url)
        assert asked.wait(30)
        second = pool.submit(ask, url)
        threading.Timer(2.0, go_on.set).start()
        assert (first.result(), second.result()) == (200, 429)


def test_an_arm_whose_model_is_being_loaded_holds_no_other_up(lab: Lab) -> None:
    loading, loaded, opened = threading.Event(), threading.Event(), []

    def open_model(choice: ModelChoice) -> ScriptedGenerator:
        opened.append(choice)
        loading.set()
        loaded.wait(30)
        return ScriptedGenerator()

    own = add_arm(lab.workspace, "prompt", "Other", model=ModelChoice("folder", "elsewhere"))
    asker = Asker(Lab(lab.workspace, ScriptedGenerator(), lab.knowledge, open_model))
    with ThreadPoolExecutor(3) as pool:
        try:
            body = {"model": own.id, "messages": said()}
            waiting = [pool.submit(asker.start, read_request(body, 12)) for _ in range(2)]
            assert loading.wait(30)
            other = pool.submit(asker.start, read_request({**body, "model": "prompt"}, 12))
            assert other.result(timeout=10)[0].answer().text == "yes"
        finally:
            loaded.set()
    assert [one.result()[0].answer().text for one in waiting] == ["yes", "yes"]
    assert len(opened) == 1


def test_a_reader_who_goes_away_ends_the_generation(client: openai.OpenAI, lab: Lab) -> None:
    lab.generator._ends = frozenset()  # without an end of its own it would go on to the limit
    stream = client.chat.completions.create(
        model="prompt", messages=said(), max_tokens=900, stream=True
    )
    next(stream)
    stream.close()
    for _ in range(200):
        if not lab.generator._running and not lab.generator._waiting:
            return
        time.sleep(0.05)
    raise AssertionError("it still generates")


def test_only_names_of_this_machine_are_answered(client: openai.OpenAI) -> None:
    url = f"{client.base_url}models"
    for host in ("evil.example", "evil.example:8765", "localhost.evil.example", "[bad", ""):
        assert httpx.get(url, headers={"Host": host}).status_code in (400, 421), host
    for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert httpx.get(url, headers={"Host": host}).status_code == 200, host


def test_another_sites_page_cannot_ask(client: openai.OpenAI) -> None:
    body = json.dumps({"model": "rag", "messages": said()})
    url = f"{client.base_url}chat/completions"
    simple = httpx.post(url, content=body, headers={"Content-Type": "text/plain"})
    assert simple.status_code == 415
    asked = httpx.options(url, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in asked.headers


def test_with_a_key_whoever_holds_it_may_ask(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_KEY_SERVE", KEY)
    with serving(lab, key_variable="RAGFT_KEY_SERVE") as url:
        with client_of(url, "wrong") as client, pytest.raises(openai.AuthenticationError) as error:
            client.models.list()
        assert KEY not in str(error.value)
        with client_of(url, KEY) as client:
            assert client.models.retrieve("rag").id == "rag"
        named = {"Host": "lab.example", "Authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{url}/models", headers=named).status_code == 200


def test_other_machines_are_let_in_with_a_key_only(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="Without a key"):
        ApiServer(lab, "0.0.0.0", 0)
    with pytest.raises(SettingsError, match="not possible to listen"):
        ApiServer(lab, "127.0.0.1", 70_000)
    with pytest.raises(ModelError, match="is not set"):
        ApiServer(lab, "0.0.0.0", 0, "RAGFT_KEY_SERVE")


@pytest.mark.slow
def test_the_command_serves_the_sample_with_the_bundled_model(settings: Settings) -> None:
    workspace: Workspace = load_sample(settings, "knowledge", settings.workspaces / "kilns")
    questions = [
        e.question for e in sample_examples(read_sample("knowledge")) if e.split is Split.TEST
    ][:2]
    lab = open_lab(workspace, settings)
    arms = ["prompt", "rag"]
    pending = {q: lab.ask(q, arms) for q in questions}
    wanted = {(q, each.arm): each.answer(300).text for q in questions for each in pending[q]}
    lab.close()
    command = [sys.executable, "-m", "ragft_core", "serve", "kilns", "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            shown = "".join(iter(lambda: process.stdout.readline(), "}\n")) + "}"
            with client_of(json.loads(shown)["url"]) as client:
                for (question, arm), text in wanted.items():
                    found = client.chat.completions.create(model=arm, messages=said(question))
                    assert found.choices[0].message.content == text
        finally:
            process.terminate()
    assert process.returncode is not None
