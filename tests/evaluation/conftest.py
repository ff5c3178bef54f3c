"""A workspace with a document and a question set, and a lab that answers without a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from ragft_core.arms import BY_ID, Arm
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.store.answers import StoredAnswer, Timing, keep
from ragft_core.evaluation.store.plans import (
    ANSWERS_FILE,
    LATENCY_FILE,
    Plan,
    make_plan,
    save_plan,
)
from ragft_core.jobs import JobContext
from ragft_core.types import Answer, Chunk, Document, Passage, QuestionKind, Sampling, Strategy
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json

DOCUMENT = "ab" * 10
ARMS = (Strategy.PROMPT, Strategy.RAG)


@dataclass
class Done:
    """An answer that is complete at once."""

    value: Answer
    done: bool = True

    def cancel(self) -> None:
        """Nothing to end."""

    def answer(self) -> Answer:
        return self.value


@dataclass
class FakeLab:
    """Answers from a table: RAG knows the answer to two of three questions, the prompt to one."""

    on_ask: Callable[[], None] = lambda: None
    fail: frozenset[str] = frozenset()
    asked: list[tuple[str, str]] = field(default_factory=list)
    closed: bool = False
    in_flight: int = 0

    def ask(
        self,
        question: str,
        arms: Sequence[str],
        *,
        sampling: Sampling | None = None,
        priority: int = 0,
    ) -> list[Done]:
        self.on_ask()
        self.asked += [(arm, question) for arm in arms]
        return [Done(self._answer(question, arm, sampling)) for arm in arms]

    def _answer(self, question: str, arm: str, sampling: Sampling | None) -> Answer:
        if question in self.fail:
            return Answer(arm, question, "", error="The endpoint did not answer.", finish="error")
        seed = sampling.seed if sampling and sampling.temperature else 0
        mark = hashlib.sha256(f"{question}/{arm}/{seed}".encode()).digest()[0]
        number = question.removeprefix("What is thing ").rstrip("?")
        right = mark % 3 < (2 if arm == "rag" else 1)
        passages = (passage(f"Thing {number} is number {number}."),) if arm == "rag" else ()
        text = f"number {number}" if right else "something else"
        return Answer(
            arm, question, text, passages=passages, prompt=f"{arm}: {question}", model="fake",
            weights="f" * 8, index_version=7 if passages else None, prompt_tokens=40,
            completion_tokens=5, first_token_s=0.1, total_s=0.2,
        )  # fmt: skip

    def close(self) -> None:
        self.closed = True


class FakeEmbedder:
    """One direction per text: the same texts have cosine 1, others 0 or nearly."""

    calls = 0

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        FakeEmbedder.calls += 1
        rows = [
            np.random.default_rng(
                int.from_bytes(hashlib.sha256(t.encode()).digest()[:4], "big")
            ).normal(size=64)
            for t in texts
        ]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


def passage(text: str) -> Passage:
    return Passage(Chunk("c1", DOCUMENT, 0, text, 0, len(text)), "Things", 1.0, 1)


def make_questions(n: int = 12) -> QuestionSet:
    facts = [
        Question(
            f"q{i}", f"What is thing {i}?", (f"number {i}",),
            QuestionKind.TRAINED_FACT if i % 2 else QuestionKind.DOCUMENT_FACT, DOCUMENT,
        )
        for i in range(n)
    ]  # fmt: skip
    return QuestionSet("Things", tuple(facts))


@pytest.fixture
def stocked(workspace: Workspace) -> Workspace:
    """A workspace with one document, so that RAG can run."""
    document = Document(
        DOCUMENT, "Things", "things.md", "md", "ab" * 32, 10, None, 10, 1, 3, "2026-11-22T09:00:00"
    )
    folder = workspace.folder("documents", DOCUMENT)
    write_json(folder / "document.json", to_dict(document))
    return workspace


@pytest.fixture
def questions() -> QuestionSet:
    return make_questions()


def arms_of(ids: Sequence[str]) -> list[Arm]:
    return [BY_ID[arm] for arm in ids]


def planned(workspace: Workspace, questions: QuestionSet, **options: int) -> Plan:
    plan = make_plan(questions, arms_of(ARMS), **{"latency_questions": 2, **options})  # type: ignore[arg-type]
    save_plan(workspace, plan, questions)
    return plan


def context_of(workspace: Workspace, plan: Plan) -> JobContext:
    folder = workspace.folder("jobs", f"job-{plan.id}")
    return JobContext(workspace, folder, {"evaluation": plan.id})


def stored_run(
    workspace: Workspace,
    questions: QuestionSet,
    say: Callable[[str, Question, int], str],
    arms: Sequence[str] = (Strategy.PROMPT, Strategy.RAG, Strategy.FINE_TUNED),
    *,
    draws: int = 0,
    seconds: dict[str, float] | None = None,
) -> Plan:
    """A run as it lies on disk, with the answers that ``say(arm, question, draw)`` gives."""
    plan = make_plan(questions, arms_of(arms))
    folder = save_plan(workspace, plan, questions)
    rows = []
    for arm in plan.arms:
        for question in questions.questions:
            for draw in range(draws + 1):
                searched = BY_ID[arm].retrieves
                answer = Answer(
                    arm, question.text, say(arm, question, draw),
                    passages=(passage("all there is"),) if searched else (),
                    prompt_tokens=50, completion_tokens=5,
                )  # fmt: skip
                rows.append(
                    StoredAnswer(f"{arm}{question.id}{draw}", arm, question.id, draw, answer)
                )
    keep(folder / ANSWERS_FILE, rows)
    times = [
        Timing(f"t{arm}{i}", arm, f"q{i}", value / 2, value + 0.01 * i, 5)
        for arm, value in (seconds or {}).items()
        for i in range(5)
    ]
    keep(folder / LATENCY_FILE, times)
    return plan
