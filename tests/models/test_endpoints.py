"""Endpoints against a real server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.models import open_generator
from ragft_core.models.remote import endpoints, publish_adapter
from ragft_core.models.remote.chat_api import wished_pause
from ragft_core.models.remote.connection import context_of_server
from ragft_core.models.remote.endpoints import EndpointGenerator
from ragft_core.models.remote.pace import FIRST, Pace
from ragft_core.settings import Settings
from ragft_core.types import Message, ModelChoice, Request, Sampling
from tests.fakes import served

KEY = "sk-canary-4711"
WORDS = ["Twelve", " days", ",", " says", " the", " handbook", "."]


class Handler(BaseHTTPRequestHandler):
    """Speaks the protocol; the model's name chooses how. ``faults`` counts down per server."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        pass

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.body = json.loads(self.rfile.read(size))
        self.server.seen.append((self.path, self.headers.get("Authorization"), self.body))
        mode = self.body["model"]
        faulty = self.server.faults > 0
        self.server.faults -= 1
        if mode == "unknown":
            return self.refuse(404, "The model 'unknown' does not exist")
        if self.headers.get("Authorization") not in (None, f"Bearer {KEY}"):
            return self.refuse(401, f"Incorrect key: {self.headers['Authorization']}")
        if faulty and mode in ("429", "500"):
            return self.refuse(int(mode), "try later")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if faulty and mode == "bad json":
            self.wfile.write(b"data: {not json\n\n")
            return None
        return self.answer(mode, faulty)

    def answer(self, mode: str, faulty: bool) -> None:
        words = WORDS * 1000 if mode == "endless" else WORDS
        self.wfile.write(b": keep-alive\n\n")
        for number, word in enumerate(words):
            if mode == "truncated" and faulty and number == 3:
                return
            if mode == "slow":
                time.sleep(0.15)
            if mode == "silent" and faulty:
                time.sleep(1.5)
            try:
                self.event({"choices": [{"index": 0, "delta": {"content": word}}]})
            except OSError:  # the reader has gone
                return
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 40, "completion_tokens": 7}
        self.event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, data: dict) -> None:
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")
        self.wfile.flush()

    def refuse(self, code: int, message: str) -> None:
        body = json.dumps({"error": {"message": message}}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with served(Handler) as server:
        server.faults, server.seen = 0, []
        yield server


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setenv("RAGFT_KEY_LAB", KEY)


@pytest.fixture
def connect(server: ThreadingHTTPServer) -> Iterator:
    opened = []

    def make(name: str, silence_s: float = 5.0, **options) -> EndpointGenerator:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        choice = ModelChoice("endpoint", name, url, "RAGFT_KEY_LAB", price_in=2.0, price_out=8.0)
        opened.append(EndpointGenerator(choice, silence_s=silence_s, **options))
        return opened[-1]

    yield make
    for generator in opened:
        generator.close()


def ask(n: int = 32, **options) -> Request:
    return Request((Message("user", "How many days?"),), None, Sampling(n, **options))


def test_an_answer_with_its_counts_and_cost(connect, server) -> None:
    done = connect("normal").submit(ask(stop=("\n",))).result(10)
    assert done.text == "".join(WORDS)
    assert (done.prompt_tokens, done.completion_tokens, done.finish) == (40, 7, "stop")
    assert done.cost == pytest.approx((40 * 2 + 7 * 8) / 1e6)
    path, key, body = server.seen[0]
    assert (path, key) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (32, 0.0, ["\n"])


def test_text_arrives_while_the_answer_grows(connect) -> None:
    generation = connect("slow").submit(ask())
    seen = set()
    while not generation.done:
        seen.add(generation.text)
        time.sleep(0.02)
    assert len(seen) > 3
    assert generation.result().first_token_s < generation.result().total_s / 2


@pytest.mark.parametrize("mode", ["429", "500", "truncated", "bad json", "silent"])
def test_a_fault_that_passes_is_tried_again(connect, server, mode: str) -> None:
    server.faults = 2
    done = connect(mode, silence_s=0.5).submit(ask()).result(20)
    assert done.text == "".join(WORDS), "the pieces of broken attempts are dropped"
    assert len(server.seen) == 3


@pytest.mark.parametrize("mode", ["429", "500", "truncated", "bad json"])
def test_a_fault_that_stays_is_reported_in_words(connect, server, mode: str) -> None:
    server.faults = 1000
    with pytest.raises(ModelError, match="failed 4 times"):
        connect(mode).submit(ask()).result(20)
    assert len(server.seen) == 4


def test_an_unknown_model_is_not_tried_again(connect, server) -> None:
    with pytest.raises(ModelError, match="404.*does not exist"):
        connect("unknown").submit(ask()).result(10)
    assert len(server.seen) == 1


def test_a_refused_key_is_not_shown(connect, monkeypatch, caplog) -> None:
    monkeypatch.setenv("RAGFT_KEY_LAB", "sk-wrong-0815")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ModelError, match="401") as caught:
        connect("normal").submit(ask()).result(10)
    assert "0815" not in str(caught.value) + caplog.text


def test_a_missing_key_is_named_before_the_first_question(settings: Settings, monkeypatch) -> None:
    monkeypatch.delenv("RAGFT_KEY_LAB")
    choice = ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1", "RAGFT_KEY_LAB")
    with pytest.raises(ModelError, match="RAGFT_KEY_LAB"):
        open_generator(choice, settings, lambda name: None)


def test_nobody_listening_is_reported(settings: Settings) -> None:
    choice = ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1")
    generator = open_generator(choice, settings, lambda name: None)
    with pytest.raises(ModelError, match="connection failed"):
        generator.submit(ask()).result(20)
    generator.close()


def test_cancelling_keeps_what_was_written(connect) -> None:
    generation = connect("slow").submit(ask())
    while not generation.text:
        time.sleep(0.01)
    generation.cancel()
    done = generation.result(5)
    assert done.finish == "cancelled"
    assert "".join(WORDS).startswith(done.text)


def test_an_endless_answer_is_cut(connect) -> None:
    done = connect("endless").submit(ask(n=20)).result(20)
    assert done.finish == "length"
    assert done.completion_tokens < 60


def test_an_adapter_is_refused(connect) -> None:
    request = Request((Message("user", "hi"),), adapter="mine")
    with pytest.raises(ModelError, match="adapter mine"):
        connect("normal").submit(request)


def test_closing_ends_what_runs(connect) -> None:
    generator = connect("slow")
    running = [generator.submit(ask()) for _ in range(12)]
    generator.close()
    assert {generation.result(5).finish for generation in running} <= {"cancelled", "stop"}


@pytest.mark.parametrize("url", ["", "ftp://host/v1", "file:///etc/passwd", "http://u:p@host/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ModelError, match="address"):
        EndpointGenerator(ModelChoice("endpoint", "m", url))


def _stream(handler: BaseHTTPRequestHandler, pieces: Iterator[bytes]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for piece in pieces:
        handler.wfile.write(piece)


def _event(delta: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


STREAMS = {
    "empty": lambda: itertools.repeat(_event({"content": ""}), 500),
    "thoughts": lambda: itertools.repeat(_event({"reasoning_content": "hm"}), 500),
    "list": lambda: iter([b'data: {"choices": [[1]]}\n\n']),
    "words": lambda: iter([b'data: {"choices": ["x"]}\n\n']),
    "usage": lambda: iter([b'data: {"choices": [], "usage": [1]}\n\n']),
    "line": lambda: itertools.repeat(b"x" * 4096, 100),
}


@pytest.mark.parametrize("kind", list(STREAMS))
def test_a_hostile_stream_ends_in_a_sentence(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "SILENT_EVENTS", 100)
    monkeypatch.setattr("ragft_core.models.remote.chat_api.LONGEST_LINE", 65_536)

    class Hostile(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                _stream(self, STREAMS[kind]())

        def log_message(self, *_: object) -> None: ...

    with served(Hostile) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        generator = EndpointGenerator(ModelChoice("endpoint", "m", url))
        with pytest.raises(ModelError, match="piece|form|line"):
            generator.submit(ask()).result(20)
        generator.close()


def test_huge_pieces_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    class Huge(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                _stream(self, itertools.repeat(_event({"content": "y" * 100_000}), 50))

        def log_message(self, *_: object) -> None: ...

    with served(Huge) as server:
        generator = EndpointGenerator(
            ModelChoice("endpoint", "m", f"http://127.0.0.1:{server.server_port}/v1")
        )
        done = generator.submit(ask(8)).result(20)
        generator.close()
    assert done.finish == "length"
    assert len(done.text) <= 8 * endpoints.LONGEST_TOKEN


def test_closing_lets_answers_end(connect) -> None:
    generator = connect("normal")
    running = generator.submit(ask(stop=("\n",)))
    generator.close(wait=True)
    assert running.result(1).text == "".join(WORDS)
    with pytest.raises(ModelError, match="closed"):
        generator.submit(ask())


def test_what_an_endpoint_refuses_is_left_out_and_remembered() -> None:
    seen: list[dict] = []

    class Picky(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(body)
            for name in ("max_tokens", "temperature"):
                if name in body:
                    said = {"error": {"message": f"Unsupported parameter: '{name}'."}}
                    self.send_response(400)
                    self.end_headers()
                    self.wfile.write(json.dumps(said).encode())
                    return
            end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
            _stream(self, iter([_event({"content": "yes"}), end]))

        def log_message(self, *_: object) -> None: ...

    with served(Picky) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        generator = EndpointGenerator(ModelChoice("endpoint", "m", url))
        assert generator.submit(ask(9)).result(20).text == "yes"
        assert len(seen) == 3
        assert generator.submit(ask(9)).result(20).text == "yes"
        generator.close()
    assert len(seen) == 4
    assert seen[-1]["max_completion_tokens"] == 9
    assert not {"max_tokens", "temperature"} & set(seen[-1])


SERVERS = {
    "vLLM": ("/v1/models", {"data": [{"id": "other"}, {"id": "m", "max_model_len": 2048}]}),
    "llama.cpp": ("/props", {"default_generation_settings": {"n_ctx": 2048}}),
    "Ollama": ("/api/ps", {"models": [{"name": "m", "model": "m", "context_length": 2048}]}),
    "LM Studio": ("/api/v0/models", {"data": [{"id": "m", "loaded_context_length": 2048}]}),
    "silent": ("/v1/models", {"data": [{"id": "m"}]}),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_what_fits_is_asked_of_each_kind_of_server(kind: str) -> None:
    place, said = SERVERS[kind]

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == place else 404)
            self.end_headers()
            self.wfile.write(json.dumps(said if self.path == place else {}).encode())

        def log_message(self, *_: object) -> None: ...

    with served(Server) as server:
        choice = ModelChoice("endpoint", "m", f"http://127.0.0.1:{server.server_port}/v1")
        assert context_of_server(choice) == (0 if kind == "silent" else 2048)


def test_the_estimate_of_tokens_follows_what_the_server_counts() -> None:
    generator = EndpointGenerator(
        ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1", context_tokens=2048)
    )
    assert generator.context_tokens == 2048
    long = (Message("user", "x" * 3000),)
    before = generator.count_tokens(long)
    generator.learn(long, 2000)
    assert before < generator.count_tokens(long) == pytest.approx(2000, abs=2)
    generator.learn(long, 500)  # once seen, dense text is reckoned with
    assert generator.count_tokens(long) == pytest.approx(2000, abs=2)
    generator.close()


def test_thoughts_are_kept_apart() -> None:
    pieces = [{"reasoning_content": "Let me "}, {"reasoning_content": "see."}, {"content": "Yes."}]
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    class Thinking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            _stream(self, iter([*map(_event, pieces), end]))

        def log_message(self, *_: object) -> None: ...

    with served(Thinking) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        generator = EndpointGenerator(ModelChoice("endpoint", "m", url))
        done = generator.submit(ask(9)).result(20)
        generator.close()
    assert (done.text, done.thought) == ("Yes.", "Let me see.")


@pytest.mark.parametrize(
    ("thinking", "told", "limit"), [("", None, 9), ("on", True, 9 + 1024), ("off", False, 9)]
)
def test_thinking_is_switched_in_the_request(thinking: str, told: bool | None, limit: int) -> None:
    seen: list[dict] = []
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            _stream(self, iter([_event({"content": "Yes."}), end]))

        def log_message(self, *_: object) -> None: ...

    with served(Asked) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        generator = EndpointGenerator(ModelChoice("endpoint", "m", url, thinking=thinking))
        generator.submit(ask(9)).result(20)
        generator.close()
    (body,) = seen
    assert body.get("chat_template_kwargs", {}).get("enable_thinking") == told
    assert body["max_tokens"] == limit


def test_a_servers_wish_to_wait_is_read_in_both_forms() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    assert wished_pause("7") == 7
    assert wished_pause("0.25") == 0.25
    assert 85 < wished_pause(format_datetime(at, usegmt=True)) <= 90
    for odd in ("", "soon", "-3", "nan-ish"):
        assert wished_pause(odd) == 0


class Narrow(BaseHTTPRequestHandler):
    """Answers so many at a time and refuses the others; echoes the last word of the question."""

    places, most, refused = 3, 0, 0
    lock = threading.Lock()
    busy = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = type(self)
        with kind.lock:
            kind.busy += 1
            kind.most = max(kind.most, kind.busy)
            full = kind.busy > kind.places
            kind.refused += full
        try:
            if full:
                self.send_response(429)
                self.send_header("Retry-After", "0.02")
                self.end_headers()
                return
            time.sleep(0.01)
            said = body["messages"][-1]["content"].split()[-1]
            end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
            _stream(self, iter([_event({"content": said}), end]))
        finally:
            with kind.lock:
                kind.busy -= 1

    def log_message(self, *_: object) -> None: ...


def test_a_server_with_few_places_answers_all_in_the_end_and_each_its_own() -> None:
    class Server(Narrow):
        lock = threading.Lock()

    with served(Server) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        generator = EndpointGenerator(ModelChoice("endpoint", "m", url))
        running = [
            generator.submit(Request((Message("user", f"Say {n}"),), None, Sampling(4)))
            for n in range(300)
        ]
        assert [one.result(60).text for one in running] == [str(n) for n in range(300)]
        limit = generator.pace.limit
        generator.close()
    assert limit < endpoints.MOST / 2, "it has found that the server takes few"
    assert Server.refused < 300, "and no longer asks in vain every time"


def test_a_server_with_many_places_gets_more_at_once() -> None:
    class Server(Narrow):
        places = 1000
        lock = threading.Lock()

    with served(Server) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        generator = EndpointGenerator(ModelChoice("endpoint", "m", url))
        running = [generator.submit(ask(4)) for _ in range(400)]
        for one in running:
            one.result(60)
        assert generator.pace.limit > FIRST
        generator.close()
    assert Server.most > FIRST
    assert Server.refused == 0


def test_the_pace_halves_once_for_an_overload_and_waits_as_long_as_the_server_wishes() -> None:
    pace = Pace(first=8)
    for _ in range(8):
        pace.enter()
    sent = time.monotonic()
    for _ in range(8):
        pace.refused(sent)
    assert pace.limit == 4
    pace.refused(time.monotonic())
    assert pace.limit == 2
    for _ in range(8):
        pace.leave()
    pace.refused(sent, pause=0.3)
    began = time.monotonic()
    pace.enter()
    assert time.monotonic() - began > 0.25
    pace.enter()
    for _ in range(2):
        pace.answered()
    assert pace.limit == 2
    pace.answered()
    assert pace.limit == 3
    alone = Pace(first=8)
    alone.enter()
    alone.answered()
    assert alone.limit == 8, "one at a time says nothing about nine"


class Loading(BaseHTTPRequestHandler):
    """vLLM's route for adapters, as its documentation and source describe it."""

    allowed = True
    loaded: dict[str, str] = {}

    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/load_lora_adapter" or not self.allowed:
            return self.say(404, {"detail": "Not Found"})
        name, path = order["lora_name"], Path(order["lora_path"])
        if name in self.loaded:
            return self.fail(400, f"The lora adapter '{name}' has already been loaded.")
        if not (path / "adapter_config.json").exists():
            return self.fail(404, f"Loading lora {name} failed: No adapter found for {path}")
        if json.loads((path / "adapter_config.json").read_text())["r"] > 16:
            return self.fail(400, "LoRA rank 64 is greater than max_lora_rank 16.")
        self.loaded[name] = str(path)
        return self.say(200, f"Success: LoRA adapter '{name}' added successfully.")

    def do_GET(self) -> None:
        rows = [{"id": "base"}, *({"id": name, "parent": "base"} for name in self.loaded)]
        self.say(200, {"data": rows})

    def fail(self, code: int, message: str) -> None:
        self.say(code, {"error": {"message": message, "code": code}})

    def say(self, code: int, body: object) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


def test_an_adapter_is_published_to_vllm_or_it_is_said_how_else(tmp_path: Path) -> None:
    class Server(Loading):
        loaded: dict[str, str] = {}

    def folder(name: str, rank: int) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "adapter_config.json").write_text(json.dumps({"r": rank}))
        return made

    good, large = folder("good", 16), folder("large", 64)
    with served(Server) as server:
        choice = ModelChoice("endpoint", "base", f"http://127.0.0.1:{server.server_port}/v1")
        assert publish_adapter(choice, "mine", good) == (
            "The server has loaded the adapter and lists it as mine, tuned from base."
        )
        assert "had an adapter of this name already" in publish_adapter(choice, "mine", good)
        with pytest.raises(ModelError, match="finds no adapter at /else.*share it.*--lora-modules"):
            publish_adapter(choice, "other", good, "/else")
        with pytest.raises(ModelError, match=r"did not take .*400.*rank 64.*--max-lora-rank"):
            publish_adapter(choice, "large", large)
        Server.allowed = False
        with pytest.raises(ModelError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.*third=.*good"):
            publish_adapter(choice, "third", good)
        with pytest.raises(ModelError, match="no name"):
            publish_adapter(choice, "../x", good)
    with pytest.raises(ModelError, match="No server answers"):
        publish_adapter(choice, "mine", good)
