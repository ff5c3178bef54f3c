"""A server with a base and tuned models gives every arm; the lab's own API is such a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ragft_core.__main__ import main
from ragft_core.advisor import gather_evidence
from ragft_core.approval import approve
from ragft_core.errors import ModelError, TrainingDataError
from ragft_core.evaluation import list_plans, load_report
from ragft_core.evaluation.store.cache_keys import arm_fingerprints
from ragft_core.finetuning import list_adapters, save_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.models.remote import SERVED, check_served, served_models
from ragft_core.settings import Settings
from ragft_core.strategies import (
    Lab,
    add_arm,
    arm_states,
    export_examples,
    open_lab,
)
from ragft_core.types import Example, ModelChoice, QuestionKind, Split, Strategy
from ragft_core.workspace import Workspace, create_workspace
from tests.fakes import served
from tests.models.test_endpoints import Handler
from tests.serving.conftest import TEXTS, serving

QUESTION = "How long is the warranty of the kiln?"


def own_adapters(lab: Lab) -> list[str]:
    return [adapter.id for adapter in list_adapters(lab.workspace) if not adapter.bundled]


@pytest.fixture
def connection(lab: Lab) -> Iterator[ModelChoice]:
    with serving(lab) as url:
        yield ModelChoice("endpoint", lab.generator.name, url)


@pytest.fixture
def elsewhere(settings: Settings, lab: Lab, tmp_path: Path) -> Workspace:
    """A workspace with the same documents, and neither a model nor an adapter of its own."""
    other = create_workspace(settings, "Elsewhere")
    other.update(max_new_tokens=12)
    KnowledgeBase(other, lab.knowledge.embedder).add_files(
        [(name, tmp_path / name) for name in TEXTS]
    )
    return other


def test_a_server_lists_what_it_has_and_what_it_says_of_it(
    lab: Lab, connection: ModelChoice
) -> None:
    found = {model.name: model.base for model in served_models(connection)}
    for adapter in own_adapters(lab):
        assert found[adapter] == lab.generator.name
        assert f"as tuned from {lab.generator.name}" in check_served(connection, adapter)
    assert "without saying" in check_served(connection, "rag")
    # The lab's own server knows its names, so that an unknown one is refused by both questions.
    with pytest.raises(ModelError, match="lists no model 'my-lora'"):
        check_served(connection, "my-lora")


@pytest.mark.parametrize("any_name", [False, True])
def test_a_name_that_is_not_listed_is_asked_and_one_that_means_nothing_is_told(
    any_name: bool,
) -> None:
    """transformers' server lists its cache only; llama.cpp answers whatever it is called."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(200, b'{"data": []}')

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = any_name or body["model"] in ("base", "tuned")
            event = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n'
            self.reply(200 if known else 404, event if known else b"{}")

        def reply(self, code: int, data: bytes) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    with served(Server) as server:
        choice = ModelChoice("endpoint", "base", f"http://127.0.0.1:{server.server_port}/v1")
        if any_name:
            with pytest.raises(ModelError, match="does not answer as it alone"):
                check_served(choice, "tuned")
        else:
            assert "answers as it and refuses names" in check_served(choice, "tuned")
            with pytest.raises(ModelError, match="lists no model"):
                check_served(choice, "other")


def test_every_arm_of_a_connection_answers_as_on_this_machine(
    lab: Lab, connection: ModelChoice, elsewhere: Workspace, settings: Settings
) -> None:
    plain, with_passages = own_adapters(lab)
    elsewhere.update(
        model=connection, adapter=SERVED + plain, hybrid_adapter=SERVED + with_passages
    )
    remote = open_lab(elsewhere, settings)
    arms = list(Strategy)
    wanted = [pending.answer(60) for pending in lab.ask(QUESTION, arms)]
    found = [pending.answer(60) for pending in remote.ask(QUESTION, arms)]
    remote.close()
    assert [answer.error for answer in found] == [""] * len(arms)
    assert [answer.text for answer in found] == [answer.text for answer in wanted]
    counts = [(answer.prompt_tokens, answer.completion_tokens) for answer in wanted]
    assert [(answer.prompt_tokens, answer.completion_tokens) for answer in found] == counts
    assert [answer.adapter for answer in found[-2:]] == [SERVED + plain, SERVED + with_passages]


def test_an_arm_of_ones_own_names_its_tuned_model(
    connection: ModelChoice, elsewhere: Workspace, settings: Settings
) -> None:
    elsewhere.update(model=connection)
    states = {state.arm.id: state for state in arm_states(elsewhere)}
    assert "tuned there" in states["fine-tuned"].reason
    arm = add_arm(elsewhere, "fine-tuned", "Tuned A", adapter=f"{SERVED}a")
    assert {s.arm.id: s.adapter for s in arm_states(elsewhere) if s.ready}[arm.id] == "served:a"
    before = arm_fingerprints(elsewhere, settings)
    other = add_arm(elsewhere, "fine-tuned", "Tuned B", adapter=f"{SERVED}b")
    after = arm_fingerprints(elsewhere, settings)
    assert after[arm.id] == before[arm.id] != after[other.id]


def test_a_tuned_model_elsewhere_makes_fine_tuning_possible(
    connection: ModelChoice, elsewhere: Workspace
) -> None:
    elsewhere.update(model=connection)
    assert gather_evidence(elsewhere).facts["tunable"] == 0.0
    elsewhere.update(adapter=f"{SERVED}ft:mine")
    assert gather_evidence(elsewhere).facts["tunable"] == 1.0
    elsewhere.update(model=ModelChoice())  # a name at a server is no adapter on this machine
    assert not {s.arm.id: s for s in arm_states(elsewhere)}["fine-tuned"].ready


def test_what_is_no_server_is_said_in_words() -> None:
    with pytest.raises(ModelError, match="No server answers"):
        served_models(ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1"))
    with served(Handler) as server, pytest.raises(ModelError, match="answered 501"):
        served_models(ModelChoice("endpoint", "m", f"http://127.0.0.1:{server.server_port}/v1"))


def colours(n: int, answer: str = "red") -> list[Example]:
    return [Example(f"e{k}", f"Which colour has box {k}?", answer) for k in range(n)]


def test_examples_are_exported_as_the_arm_will_ask(elsewhere: Workspace, lab: Lab) -> None:
    save_examples(elsewhere, colours(12))
    file = elsewhere.path.parent / "train.jsonl"
    assert export_examples(elsewhere, file) == 12
    first = json.loads(file.read_text().splitlines()[0])["messages"]
    assert [message["role"] for message in first] == ["system", "user", "assistant"]
    assert first[0]["content"] == elsewhere.settings().instruction
    knowledge = KnowledgeBase(elsewhere, lab.knowledge.embedder)
    assert export_examples(elsewhere, file, knowledge=knowledge) == 12
    first = json.loads(file.read_text().splitlines()[0])["messages"]
    assert first[1]["content"].startswith("[1] ")


def test_a_file_that_a_service_would_refuse_is_refused_here(elsewhere: Workspace) -> None:
    file = elsewhere.path.parent / "train.jsonl"
    save_examples(elsewhere, colours(3))
    with pytest.raises(TrainingDataError, match="ask for 10"):
        export_examples(elsewhere, file)
    with pytest.raises(TrainingDataError, match="No example is in the validation split"):
        export_examples(elsewhere, file, split=Split.VALIDATION)
    save_examples(elsewhere, colours(12))
    export_examples(elsewhere, file)
    before = file.read_bytes()
    elsewhere.update(instruction=" ")
    with pytest.raises(TrainingDataError, match="Line 1 of train.jsonl"):
        export_examples(elsewhere, file)
    assert file.read_bytes() == before


@pytest.mark.slow
def test_a_person_with_a_server_and_its_names_gets_arms_an_evaluation_and_a_record(
    lab: Lab,
    connection: ModelChoice,
    elsewhere: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["ragft_core", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, error = capsys.readouterr()
        assert not end.value.code, error
        return out

    rows = [
        Example(f"q{k}", f"{question} ({k})", gold, Split.TEST, QuestionKind.DOCUMENT_FACT)
        for k, (question, gold) in enumerate([(QUESTION, "24 months"), ("How fast?", "nine days")])
    ]
    save_examples(elsewhere, rows)
    plain, with_passages = own_adapters(lab)
    name = elsewhere.id
    place = ("--kind", "endpoint", "--name", connection.name, "--url", connection.url)
    run("model", name, *place, "--tuned", plain, "--tuned-hybrid", with_passages)
    assert plain in run("model", name, "--served")
    ready = {row["arm"] for row in json.loads(run("arms", name, "--json")) if row["ready"]}
    assert ready >= set(Strategy)
    run("evaluate", name, *(part for arm in Strategy for part in ("--arm", arm.value)), "--wait")
    report = load_report(elsewhere, list_plans(elsewhere)[0].id)
    assert [(r.arm, r.answered) for r in report.arms] == [(arm.value, 2) for arm in Strategy]
    record = run("report", name)
    assert connection.name in record


def test_the_models_command_says_what_the_server_claims(
    lab: Lab,
    connection: ModelChoice,
    elsewhere: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    approve(elsewhere, connection)
    tuned = own_adapters(lab)[0]
    arguments = ["model", elsewhere.id, "--kind", "endpoint", "--name", connection.name]
    arguments += ["--url", connection.url, "--tuned", tuned]
    monkeypatch.setattr(sys, "argv", ["ragft_core", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert "server's word" in capsys.readouterr().err
    assert elsewhere.settings().adapter == SERVED + tuned
