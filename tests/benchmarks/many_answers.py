"""An evaluation of 10,000 answers against a served model: time, refusals, and memory on the way.

    python -m tests.benchmarks.many_answers [--tables] [QUESTIONS [PLACES [ARM...]]]

The server is a stub in a process of its own that answers after 10 ms, PLACES requests at a time, and
refuses what comes beyond (429, Retry-After). The evaluation is the real job; its memory is what its
own sign of life tells. Two arms, prompt only and RAG, are asked every question, or those that are named.
With --tables 50 questions are asked, and their answers stand on the disk for those of a run over all, so
that only its tables are left to work out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

from ragft_core.arms import BY_ID
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.running.job import start_evaluation
from ragft_core.evaluation.store.answers import answer_tasks
from ragft_core.evaluation.store.plans import ANSWERS_FILE, Entrant, Plan, folder_of, save_plan
from ragft_core.jobs import Job
from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice, QuestionKind
from ragft_core.workspace import Workspace, create_workspace, now, read_jsonl

DOCUMENTS = Path(__file__).resolve().parents[2] / "ragft_core/samples/knowledge/documents"
ANSWER_S = 0.01
ASKED = 50


class Stub(BaseHTTPRequestHandler):
    """Says the question's number."""

    places = 12
    busy = seen = refused = 0
    lock = threading.Lock()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        counts = {"seen": Stub.seen, "refused": Stub.refused}
        self._say(200, json.dumps(counts).encode(), {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with Stub.lock:
            Stub.busy += 1
            Stub.seen += 1
            full = Stub.busy > Stub.places
            Stub.refused += full
        try:
            if full:
                self._say(429, b"{}", {"Retry-After": "0.05"})
                return
            time.sleep(ANSWER_S)
            number = body["messages"][-1]["content"].rstrip("?").split()[-1]
            events = (
                {"choices": [{"delta": {"content": number}}]},
                {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            )
            lines = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
            self._say(200, lines + b"data: [DONE]\n\n", {"Content-Type": "text/event-stream"})
        finally:
            with Stub.lock:
                Stub.busy -= 1

    def _say(self, code: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


def serve(places: int) -> None:
    Stub.places = places
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


def memory_mb(job: Job) -> float:
    try:
        return float(json.loads((job.folder / "heartbeat").read_text())["rss_mb"])
    except (OSError, ValueError, KeyError):
        return 0.0


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
        return
    given = [word for word in sys.argv[1:] if word != "--tables"]
    n = int(given[0]) if given else 5000
    places = given[1] if len(given) > 1 else "12"
    command = [sys.executable, "-m", "tests.benchmarks.many_answers", "--serve", places]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
    try:
        with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, {"RAGFT_HOME": home}):
            run(n, url, given[2:] or ["prompt", "rag"], tables="--tables" in sys.argv)
    finally:
        server.kill()
        server.wait()


def run(n: int, url: str, arms: list[str], *, tables: bool) -> None:
    settings = Settings()
    workspace = create_workspace(settings, "Many")
    base = KnowledgeBase(workspace, Embedder(fetch(EMBEDDER, settings.models)))
    base.add_files([(path.name, path) for path in sorted(DOCUMENTS.iterdir())])
    workspace.update(model=ModelChoice("endpoint", "stub", url), max_new_tokens=16)
    entrants = tuple(Entrant(BY_ID[arm]) for arm in arms)
    few = Plan("eval-1", "many", now(), entrants, latency_questions=0, similarity=False)
    watch(workspace, few, set_of(ASKED if tables else n), url)
    if tables:
        every = replace(few, id="eval-2")
        repeat(workspace, few, every, set_of(n))
        watch(workspace, every, set_of(n), url)


def set_of(n: int) -> QuestionSet:
    rows = (Question(f"q{i}", f"What is {i}?", (str(i),), QuestionKind.GENERAL) for i in range(n))
    return QuestionSet("many", tuple(rows))


def repeat(workspace: Workspace, few: Plan, every: Plan, questions: QuestionSet) -> None:
    """Writes the answers of one plan as those of another, each to its own question."""
    rows = {row["arm"]: row for row in read_jsonl(folder_of(workspace, few.id) / ANSWERS_FILE)}
    save_plan(workspace, every, questions)
    file = folder_of(workspace, every.id) / ANSWERS_FILE
    with file.open("w", encoding="utf-8") as out:
        for task in answer_tasks(workspace, Settings(), every, questions):
            row = rows[task.entrant.name]
            answer = row["answer"] | {"text": task.question.golds[0]}
            row |= {"key": task.key, "question_id": task.question.id, "answer": answer}
            out.write(json.dumps(row) + "\n")


def watch(workspace: Workspace, plan: Plan, questions: QuestionSet, url: str) -> None:
    """Runs an evaluation and tells how it went."""
    import httpx

    n, arms = len(questions.questions), plan.arms
    began = time.monotonic()
    job = start_evaluation(workspace, plan, questions)
    file = folder_of(workspace, plan.id) / ANSWERS_FILE
    shown, asked_s, peak = 0, 0.0, 0.0
    while job.status().active:
        memory = memory_mb(job)
        peak = max(peak, memory)
        done = round(job.status().share * 100) // 10
        if done > shown:
            shown = done
            print(f"{10 * done:3} %: {memory:.0f} MB, {time.monotonic() - began:.0f} s", flush=True)
        if not asked_s and "tables" in job.status().message:
            asked_s = time.monotonic() - began
        time.sleep(0.5)
    whole = time.monotonic() - began
    told = httpx.get(url).json()
    found, failed, wrong = set(), 0, 0
    for row in read_jsonl(file):
        found.add((row["arm"], row["question_id"]))
        failed += bool(row["answer"]["error"])
        wrong += row["answer"]["text"] != row["question_id"].removeprefix("q")
    print(
        f"{job.status().state}: {len(found)} of {len(arms) * n} answers, {failed} failed, {wrong} not to their "
        f"own question, {file.stat().st_size / 1e6:.0f} MB on disk; asked in {asked_s:.0f} s, all in "
        f"{whole:.0f} s; {told['refused']} of {told['seen']} requests were refused; at most {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
