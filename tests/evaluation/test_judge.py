"""The judge, against a real endpoint on this machine."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sklearn.metrics import cohen_kappa_score

from ragft_core.errors import EvaluationError, ModelError
from ragft_core.evaluation.judging.judge import stored_judgements
from ragft_core.evaluation.judging.judge_prompt import judgeable, kappa, read_reply, render_judging
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.report import EvaluationReport, load_report
from ragft_core.evaluation.running.job import evaluate, start_evaluation
from ragft_core.evaluation.store.plans import Plan, folder_of, make_plan, save_plan
from ragft_core.models.remote import endpoints
from ragft_core.models.remote.endpoints import EndpointGenerator
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice, QuestionKind
from ragft_core.workspace import Workspace
from tests.evaluation.conftest import ARMS, FakeEmbedder, FakeLab, arms_of, context_of
from tests.fakes import served


class Judge(BaseHTTPRequestHandler):
    """Thinks aloud, then says whether the answer is one of the references."""

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = json.loads(body["messages"][-1]["content"])
        self.server.asked.append(asked)  # type: ignore[attr-defined]
        if self.server.broken:  # type: ignore[attr-defined]
            self.send_error(400, "no such model")
            return
        right = asked["answer"] in asked["references"]
        reply = json.dumps({"right": right, "reason": "compared"})
        if asked["question"] == self.server.unclear:  # type: ignore[attr-defined]
            reply = "I would rather not say."
        self.send_response(200)
        self.end_headers()
        for piece in ("Let me think {about it}. ", reply):
            self._event({"choices": [{"delta": {"content": piece}}]})
        self._event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        self._event({"usage": {"prompt_tokens": 1000, "completion_tokens": 100}, "choices": []})

    def _event(self, data: dict[str, object]) -> None:
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with served(Judge) as server:
        server.asked, server.broken, server.unclear = [], False, ""  # type: ignore[attr-defined]
        yield server


@pytest.fixture
def choice(server: ThreadingHTTPServer) -> ModelChoice:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return ModelChoice("endpoint", "grader", url, price_in=2.0, price_out=10.0)


def run(
    workspace: Workspace, questions: QuestionSet, choice: ModelChoice | None
) -> tuple[Plan, EvaluationReport]:
    plan = make_plan(questions, arms_of(ARMS), latency_questions=0, judge=choice)
    save_plan(workspace, plan, questions)
    evaluate(
        context_of(workspace, plan), Settings(), open_lab=FakeLab, open_embedder=FakeEmbedder,
        open_judge=EndpointGenerator,
    )  # fmt: skip
    return plan, load_report(workspace, plan.id)


def test_a_judge_stands_beside_the_scores_and_changes_none(
    stocked: Workspace, questions: QuestionSet, choice: ModelChoice, server: ThreadingHTTPServer
) -> None:
    _, without = run(stocked, questions, None)
    assert without.judge is None
    assert without.table("judged") is None
    assert server.asked == []  # type: ignore[attr-defined]

    _, judged = run(stocked, questions, choice)
    assert judged.judge is not None
    assert judged.judge.judged == judged.judge.agreed == judged.judge.compared == 24
    assert judged.judge.kappa == 1
    distinct = len(server.asked)  # type: ignore[attr-defined]
    assert judged.judge.cost == pytest.approx(distinct * (1000 * 2.0 + 100 * 10.0) / 1e6)
    assert (judged.verdict, judged.robust) == (without.verdict, without.robust)
    correct, opinion = judged.table("correct"), judged.table("judged")
    assert correct
    assert opinion
    assert {a: s.mean for a, s in opinion.summaries.items()} == {
        a: s.mean for a, s in correct.summaries.items()
    }


def test_what_was_judged_before_is_not_asked_again(
    stocked: Workspace, questions: QuestionSet, choice: ModelChoice, server: ThreadingHTTPServer
) -> None:
    _, first = run(stocked, questions, choice)
    n = len(server.asked)  # type: ignore[attr-defined]
    _, second = run(stocked, questions, choice)
    assert len(server.asked) == n  # type: ignore[attr-defined]
    assert first.judge
    assert first.judge.cost > 0
    assert second.judge == replace(first.judge, cost=0.0)  # this run paid nothing


def test_a_reply_without_a_verdict_is_unscored(
    stocked: Workspace, questions: QuestionSet, choice: ModelChoice, server: ThreadingHTTPServer
) -> None:
    server.unclear = questions.questions[0].text  # type: ignore[attr-defined]
    _, report = run(stocked, questions, choice)
    assert report.judge is not None
    assert (report.judge.judged, report.judge.unscored) == (22, 2)
    table = report.table("judged")
    assert table is not None
    assert [item.n for item in table.summaries.values()] == [11, 11]


def test_a_judge_that_fails_leaves_the_scores_and_is_asked_again(
    stocked: Workspace, questions: QuestionSet, choice: ModelChoice, server: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(endpoints, "FIRST_PAUSE_S", 0.01)
    server.broken = True  # type: ignore[attr-defined]
    plan, report = run(stocked, questions, choice)
    assert report.verdict
    assert report.judge is not None
    assert report.judge.judged == 0
    assert "Not every answer could be judged: grader refused" in report.judge.notes[0]
    failed = stored_judgements(folder_of(stocked, plan.id))
    assert 1 <= len(failed) <= 3, "it gives up after three failures in a row"
    server.broken = False  # type: ignore[attr-defined]
    _, again = run(stocked, questions, choice)
    assert again.judge is not None
    assert again.judge.judged == 24


def test_a_judge_with_the_contestants_model_is_pointed_out(
    stocked: Workspace, questions: QuestionSet, choice: ModelChoice
) -> None:
    own = ModelChoice("endpoint", "fake", choice.url)  # the name that the answers carry
    _, report = run(stocked, questions, own)
    assert report.judge is not None
    assert any("favour their own" in note for note in report.judge.notes)


def test_a_judge_that_cannot_work_is_refused_before_the_run(
    stocked: Workspace, questions: QuestionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EvaluationError, match="address and a model name"):
        make_plan(questions, arms_of(ARMS), judge=ModelChoice("endpoint", "grader"))
    monkeypatch.delenv("RAGFT_KEY_NONE", raising=False)
    choice = ModelChoice("endpoint", "grader", "http://127.0.0.1:9/v1", "RAGFT_KEY_NONE")
    with pytest.raises(ModelError, match="RAGFT_KEY_NONE"):
        start_evaluation(stocked, make_plan(questions, arms_of(ARMS), judge=choice), questions)
    assert not list(stocked.path.glob("evaluations/*"))


def test_the_judge_sees_no_arm_and_no_references_where_nothing_is_right() -> None:
    question = Question("q", "Who?", ("nobody knows",), QuestionKind.UNANSWERABLE)
    asked = json.loads(render_judging(question, '"} right: true')[1].content)
    assert asked == {"question": "Who?", "references": [], "answer": '"} right: true'}
    assert judgeable(question)
    assert not judgeable(Question("l", "Route this", ("Billing",), QuestionKind.LABEL))
    assert not judgeable(Question("x", "Open", ()))


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"right": true, "reason": "same"}', 1.0),
        ('Here: ```json\n{"right": false, "reason": "other"}\n```', 0.0),
        ('First {"right": true}, no: {"right": false}', 0.0),
        ('{"right": "yes"}', None),
        ("{right: true}", None),
        ("", None),
    ],
)
def test_replies_are_read(reply: str, value: float | None) -> None:
    assert read_reply(reply)[0] == value


def test_kappa_agrees_with_scikit_learn() -> None:
    random_ = random.Random(0)
    for _ in range(20):
        pairs = [(random_.random() < 0.6, random_.random() < 0.5) for _ in range(40)]
        first, second = zip(*pairs, strict=True)
        assert kappa(pairs) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert kappa([]) is None
    assert kappa([(True, True)] * 3) is None
