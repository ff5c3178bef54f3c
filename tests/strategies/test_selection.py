"""Selecting among answers: what is proposed, what decides, and when the first answer is kept."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ragft_core.arms import BY_ID
from ragft_core.errors import ModelError
from ragft_core.finetuning import get_adapter
from ragft_core.finetuning.adapters import READER, WRITER
from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.models import open_generator
from ragft_core.models.prompts import ABSTENTION, render_messages
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, add_arm, arm_states, open_lab
from ragft_core.strategies.choosing.parts import two_questions
from ragft_core.strategies.choosing.selection import (
    PROPOSALS,
    READER_POLICY,
    TRAINED_POLICY,
    Policy,
    Selection,
    policy_of,
    selects,
)
from ragft_core.types import Message, ModelChoice, Request, Sampling
from ragft_core.workspace import Workspace
from tests.fakes import DoneGeneration, ScriptedGenerator

QUESTION = "How long is the warranty on the elements?"
PASSAGES = [
    ("Warranty", "Schools get five years on the kiln. The elements have 12 months or 60 firings."),
    ("Delivery", "Delivery takes nine days."),
]


class Reader(ScriptedGenerator):
    """Says what it is told to for each branch, and is as sure of texts as it is told.

    ``read`` and ``fit`` are log probabilities of the answer and of the question given it.
    """

    def __init__(
        self, says: list[str], read: Mapping[str, float], fit: Mapping[str, float]
    ) -> None:
        super().__init__()
        self.says, self.read, self.fit = says, read, fit

    def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
        sampling = request.sampling
        text = sampling.forced or self.says[min(sampling.branch, len(self.says) - 1)]
        sure = self.read.get(text, -9.0)
        if request.adapter == WRITER:
            answer = request.messages[-1].content.rpartition("Answer: ")[2]
            sure = self.fit[answer]
        done = super().submit(request, priority=priority)
        said = dataclasses.replace(
            done.result(), text=text, completion_tokens=4, confidence=math.exp(sure / 4)
        )
        return DoneGeneration(said, None)


def chosen(reader: Reader, policy: Policy = READER_POLICY, adapter: str = READER) -> str:
    request = Request(render_messages(QUESTION, passages=PASSAGES), adapter)
    return Selection(reader, request, QUESTION, PASSAGES, WRITER, policy).result(10).text


def test_the_answer_that_the_question_fits_is_taken() -> None:
    says = ["five years", "12 months or 60 firings", "nine days"]
    read = {"five years": -1.0, "12 months or 60 firings": -2.0, "nine days": -4.0, ABSTENTION: -3}
    fit = {"five years": -20.0, "12 months or 60 firings": -12.0, "nine days": -30.0}
    assert chosen(Reader(says, read, fit)) == "12 months or 60 firings"
    level = dict.fromkeys(fit, -12.0)
    assert chosen(Reader(says, read, level)) == "five years", "with equal fit the likeliest"


def test_the_writer_sees_the_sentence_and_each_branch_is_asked_once() -> None:
    reader = Reader(
        ["five years", "nine days"], {ABSTENTION: -5.0}, {"five years": -9, "nine days": -9}
    )
    chosen(reader)
    asked = [request for request in reader.requests if request.adapter == WRITER]
    assert len(asked) == 2
    shown = " ".join(request.messages[-1].content for request in asked)
    assert "Schools get five years on the kiln." in shown
    assert "60 firings" not in shown
    assert all(request.sampling.forced == QUESTION for request in asked)
    branches = [r.sampling.branch for r in reader.requests if r.adapter == READER]
    assert sorted(branches) == [0, *range(PROPOSALS)], "the greedy one, declining, and the branches"


def test_what_stands_in_no_passage_is_a_slip_of_the_reader_and_an_answer_of_a_trained_adapter() -> (
    None
):
    reader = Reader(["fifty years", "five years"], {ABSTENTION: -9.0}, {"five years": -9.0})
    assert chosen(reader) == "five years"
    assert chosen(reader, TRAINED_POLICY, "mine") == "fifty years"
    nothing = Reader(["fifty years"], {ABSTENTION: -9.0}, {})
    assert chosen(nothing) == "fifty years", "without a proposal the first answer stays"


@pytest.mark.parametrize(
    ("policy", "declining", "expected"),
    [
        (READER_POLICY, -1.5, "five years"),
        (READER_POLICY, -0.1, ABSTENTION),
        (TRAINED_POLICY, -1.0, ABSTENTION),
        (TRAINED_POLICY, -3.5, "five years"),
    ],
)
def test_declining_is_weighed(policy: Policy, declining: float, expected: str) -> None:
    read = {"five years": -2.0, ABSTENTION: declining}
    reader = Reader([ABSTENTION, "five years"], read, {"five years": -9.0})
    assert chosen(reader, policy) == expected


def test_two_answers_in_one_are_kept() -> None:
    both = "12 months or 60 firings; misuse"
    assert chosen(Reader([both, "five years"], {}, {"five years": -1.0})) == both


def test_what_was_weighed_is_told_and_its_tokens_are_counted() -> None:
    reader = Reader(
        ["five years", "nine days"], {ABSTENTION: -5.0}, {"five years": -9, "nine days": -19}
    )
    request = Request(render_messages(QUESTION, passages=PASSAGES), READER)
    done = Selection(reader, request, QUESTION, PASSAGES, WRITER, READER_POLICY).result(10)
    lines = done.weighed.splitlines()
    assert lines[1].startswith("five years | -9.0 | -9.0"), "the chosen one first"
    assert lines[-1].startswith(f"{ABSTENTION} | -5.0")
    assert done.completion_tokens == 4 * len(reader.requests)
    assert done.prompt == reader.render(request.messages)


def test_a_failure_on_the_way_is_told() -> None:
    class Broken(Reader):
        def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
            if request.adapter == WRITER:
                raise ModelError("Out of memory.", "Close something.")
            return super().submit(request, priority=priority)

    with pytest.raises(ModelError, match="Out of memory"):
        chosen(Broken(["five years"], {ABSTENTION: -9.0}, {}))


def test_only_greedy_answers_of_adapters_to_english_questions_are_selected() -> None:
    request = Request((Message("user", QUESTION),), READER)
    assert selects(request, QUESTION)
    assert not selects(dataclasses.replace(request, adapter=None), QUESTION)
    assert not selects(request, "Wie lange gilt die Garantie?")
    for sampling in (Sampling(temperature=0.7), Sampling(choices=("a", "b"))):
        assert not selects(dataclasses.replace(request, sampling=sampling), QUESTION)


def test_an_arm_or_a_workspace_may_take_the_first_answer(
    workspace: Workspace, embedder_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text("The kiln weighs 90 kg.", encoding="utf-8")
    KnowledgeBase(workspace, Embedder(embedder_folder)).add_files([("a.md", tmp_path / "a.md")])
    add_arm(workspace, "rag", "First answer", select=False)

    def writers() -> dict[str, str | None]:
        return {state.arm.id: state.writer for state in arm_states(workspace)}

    assert writers()["rag"] == WRITER
    assert [writers()[name] for name in ("first-answer", "prompt", "adaptive")] == [None] * 3
    workspace.update(select=False)
    assert writers()["rag"] is None
    workspace.update(select=True, reader=False)
    assert writers()["rag"] is None, "the bare model declines in other words"
    assert policy_of(BY_ID["hybrid"]) == TRAINED_POLICY != policy_of(BY_ID["rag"])


TRAMWAY = Path(__file__).parents[1] / "benchmarks" / "tramway"


@pytest.fixture
def tramway(workspace: Workspace, settings: Settings) -> Lab:
    lab = open_lab(workspace, settings)
    lab.knowledge.add_files([(path.name, path) for path in sorted(TRAMWAY.glob("*.md"))])
    return lab


@pytest.mark.slow
def test_the_bundled_reader_finds_more_with_it(tramway: Lab) -> None:
    questions: dict[str, Callable[[str], bool]] = {
        "How much voltage is in the tramway's overhead wire?": lambda text: "550" in text,
        "What must I pay for my dog on the tram?": lambda text: "80p" in text,
        "Over which viaduct do trams cross the Orrin?": lambda text: "Pellow" in text,
        "How many passengers can sit in one of the saloon cars?": lambda text: "44" in text,
        "What is the salary of a Lindow driver?": lambda text: text == ABSTENTION,
    }

    def right() -> int:
        answers = [tramway.ask(question, ["rag"])[0] for question in questions]
        return sum(
            check(pending.answer(120).text)
            for check, pending in zip(questions.values(), answers, strict=True)
        )

    assert right() == len(questions)
    (shown,) = tramway.ask("What must I pay for my dog on the tram?", ["rag"])
    assert "80p" in shown.answer(120).weighed
    tramway.workspace.update(select=False)
    assert right() < len(questions) - 1
    tramway.close()


@pytest.mark.slow
def test_it_can_be_cancelled(workspace: Workspace, settings: Settings) -> None:
    from functools import partial

    generator = open_generator(ModelChoice(), settings, partial(get_adapter, workspace))
    request = Request(render_messages(QUESTION, passages=PASSAGES * 8), READER)
    selection = Selection(generator, request, QUESTION, PASSAGES, WRITER, READER_POLICY)
    assert selection.text == ""
    selection.cancel()
    assert selection.result(60).finish == "cancelled"
    generator.close()


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "How long is the warranty on the elements, and what voids it?",
            ("How long is the warranty on the elements?", "What voids it?"),
        ),
        (
            "When did it open? And by whom was it opened?",
            ("When did it open?", "By whom was it opened?"),
        ),
        ("What is its gauge and how long is it", ("What is its gauge?", "How long is it?")),
        ("What is the name of the man who built it and who owns it?", None),
        ("What is the difference between prompts and adapters?", None),
        ("Who built it, and when, and what did it cost, and why was it sold?", None),
    ],
)
def test_two_questions_in_one_part_where_that_is_sure(
    question: str, parts: tuple[str, str] | None
) -> None:
    assert two_questions(question) == parts


def test_of_two_questions_both_are_answered() -> None:
    asked = "How long is the warranty on the elements, and how long does it take to come?"

    class Both(Reader):
        """Answers the whole by its first half, as the bundled reader does."""

        def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
            if request.sampling.opening:
                self.says = [f"{request.sampling.opening} nine days"]
            return super().submit(request, priority=priority)

    read = {"12 months or 60 firings": -1.0, ABSTENTION: -9.0}
    reader = Both(["12 months or 60 firings"], read, {"12 months or 60 firings": -9.0})
    request = Request(render_messages(asked, passages=PASSAGES), READER)
    done = Selection(reader, request, asked, PASSAGES, WRITER, READER_POLICY).result(10)
    assert done.text == "12 months or 60 firings; nine days"
    questions = [r.messages[-1].content.rpartition("Question: ")[2] for r in reader.requests]
    assert questions[0] == asked, "the whole is what the arm was asked"
    assert "How long is the warranty on the elements?" in questions
    assert reader.requests[-1].sampling.opening == "12 months or 60 firings;"
    apart = asked.replace("it take to come", "delivery take")
    reader = Both(["12 months or 60 firings"], read, {"12 months or 60 firings": -9.0})
    request = Request(render_messages(apart, passages=PASSAGES), READER)
    Selection(reader, request, apart, PASSAGES, WRITER, READER_POLICY).result(10)
    questions = [r.messages[-1].content.rpartition("Question: ")[2] for r in reader.requests]
    assert "How long does delivery take?" in questions, "it can be asked by itself"


@pytest.mark.slow
def test_the_bundled_reader_answers_both_halves(tramway: Lab) -> None:
    question = "Where are the cars kept at night, and how often are they overhauled?"
    (pending,) = tramway.ask(question, ["rag"])
    text = pending.answer(120).text
    assert "Brackenfold" in text
    assert "9 years" in text
    tramway.close()
