"""The lab with a scripted generator, so that what each arm asks can be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.errors import ModelError
from ragft_core.finetuning.adapters import READER
from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.models.prompts import ABSTENTION
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, Need, WorkspaceGenerator, add_arm, arm_states
from ragft_core.strategies.followups import searched_for
from ragft_core.types import Message, ModelChoice, Request, Sampling, Strategy
from ragft_core.workspace import Workspace, create_workspace
from tests.fakes import DoneGeneration, ScriptedGenerator

TEXTS = {
    "warranty.md": "# Warranty\n\nThe kiln has a warranty of 24 months.",
    "delivery.md": "# Delivery\n\nDelivery to the island takes nine days.",
}


@pytest.fixture
def knowledge(workspace: Workspace, embedder_folder: Path, tmp_path: Path) -> KnowledgeBase:
    base = KnowledgeBase(workspace, Embedder(embedder_folder))
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    base.add_files([(name, tmp_path / name) for name in TEXTS])
    return base


def lab_of(knowledge: KnowledgeBase, generator: ScriptedGenerator) -> Lab:
    return Lab(knowledge.workspace, generator, knowledge)


def test_an_empty_workspace_has_the_prompt_arm_only(workspace: Workspace) -> None:
    states = {state.arm.id: state for state in arm_states(workspace)}
    assert [s for s, state in states.items() if state.ready] == [Strategy.PROMPT]
    assert states[Strategy.RAG].need is Need.DOCUMENTS
    assert states[Strategy.FINE_TUNED].need is Need.ADAPTER


def test_an_endpoint_has_no_trained_arms(workspace: Workspace) -> None:
    workspace.update(model=ModelChoice("endpoint", "some-model", "http://127.0.0.1:1/v1"))
    states = {state.arm.id: state for state in arm_states(workspace)}
    assert states[Strategy.FINE_TUNED].need is Need.LOCAL_MODEL
    assert states[Strategy.PROMPT].ready


def test_only_the_reading_arms_see_the_documents(knowledge: KnowledgeBase) -> None:
    generator = ScriptedGenerator()
    arms = [Strategy.PROMPT, Strategy.LONG_CONTEXT, Strategy.RAG]
    answers = [p.answer() for p in lab_of(knowledge, generator).ask("How long?", arms)]
    assert [answer.error for answer in answers] == ["", "", ""]
    assert ["24 months" in answer.prompt for answer in answers] == [False, True, True]


def test_an_answer_carries_its_provenance(knowledge: KnowledgeBase) -> None:
    lab = lab_of(knowledge, ScriptedGenerator(lambda request: "24 months"))
    (answer,) = [p.answer() for p in lab.ask("How long is the warranty?", [Strategy.RAG])]
    assert answer.model == "scripted"
    assert answer.weights == "scripted-1"
    assert answer.index_version == knowledge.version
    assert answer.passages[0].document_title == "Warranty"
    assert [citation.rank for citation in answer.citations] == [1]
    assert answer.total_s >= answer.retrieval_s > 0


def test_a_failing_arm_leaves_the_others_alone(knowledge: KnowledgeBase) -> None:
    def say(request: Request) -> str:
        if "[1]" in request.messages[-1].content:
            raise ModelError("Out of memory.", "Close something.")
        return "fine"

    lab = lab_of(knowledge, ScriptedGenerator(say))
    arms = [Strategy.RAG, Strategy.PROMPT, Strategy.FINE_TUNED]
    rag, prompt, tuned = [p.answer() for p in lab.ask("How long?", arms)]
    assert rag.error == "Out of memory. Close something."
    assert prompt.text == "fine"
    assert "No adapter" in tuned.error


def test_a_bug_in_one_arm_is_contained(knowledge: KnowledgeBase) -> None:
    def say(request: Request) -> str:
        if "[1]" in request.messages[-1].content:
            raise ZeroDivisionError("oops")
        return "fine"

    lab = lab_of(knowledge, ScriptedGenerator(say))
    rag, prompt = [p.answer() for p in lab.ask("How?", [Strategy.RAG, Strategy.PROMPT])]
    assert "Internal error" in rag.error
    assert prompt.text == "fine"


def test_passages_that_do_not_fit_are_left_out_and_named(knowledge: KnowledgeBase) -> None:
    generator = ScriptedGenerator()
    lab = lab_of(knowledge, generator)
    (roomy,) = [p.answer() for p in lab.ask("Why?", [Strategy.RAG])]
    generator.context_tokens = roomy.prompt_tokens + 96 - 1
    (answer,) = [p.answer() for p in lab.ask("Why?", [Strategy.RAG])]
    assert answer.note == "1 of 2 passages fit into the model's context."
    assert len(answer.passages) == 1


def test_documents_that_do_not_fit_are_named(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    lab = lab_of(knowledge, ScriptedGenerator())
    (whole,) = [p.answer() for p in lab.ask("Why?", ["long-context"])]
    assert (len(whole.passages), whole.note) == (2, "")
    knowledge.workspace.update(long_context_tokens=64)
    path = tmp_path / "long.md"
    path.write_text("# Long\n\n" + "The kiln is red. " * 40, encoding="utf-8")
    knowledge.add_files([(path.name, path)])
    history = {"long-context": (Message("user", "How long?"), Message("assistant", "Long."))}
    (answer,) = [p.answer() for p in lab.ask("And why is it?", ["long-context"], history)]
    assert len(answer.passages) < 3
    assert f"{len(answer.passages)} of 3 documents fit" in answer.note
    assert "question before" in answer.note


def test_a_question_that_cannot_fit_says_so(knowledge: KnowledgeBase) -> None:
    lab = lab_of(knowledge, ScriptedGenerator(context_tokens=120))
    (answer,) = [p.answer() for p in lab.ask("why " * 200, [Strategy.PROMPT])]
    assert "too long" in answer.error


def test_each_arm_gets_its_own_history(knowledge: KnowledgeBase) -> None:
    generator = ScriptedGenerator()
    history = {Strategy.PROMPT: (Message("user", "before"), Message("assistant", "yes"))}
    lab_of(knowledge, generator).ask("And?", [Strategy.PROMPT, Strategy.RAG], history)
    assert [message.content for message in generator.requests[0].messages[1:3]] == ["before", "yes"]
    assert len(generator.requests[1].messages) == 2


def test_a_follow_up_is_searched_with_the_question_before(knowledge: KnowledgeBase) -> None:
    generator = ScriptedGenerator()
    knowledge.workspace.update(top_k=1)
    asked = "How long does delivery to the island take?"
    history = {Strategy.RAG: (Message("user", asked), Message("assistant", "Nine days."))}
    (answer,) = (
        p.answer()
        for p in lab_of(knowledge, generator).ask("And what is it for?", [Strategy.RAG], history)
    )
    assert [passage.document_title for passage in answer.passages] == ["Delivery"]
    assert "question before" in answer.note
    assert generator.requests[0].messages[-1].content.count(asked) == 0, (
        "what is read stays as typed"
    )


@pytest.mark.parametrize(
    ("question", "goes_on"),
    [
        ("What does it cost?", True), ("And for schools?", True), ("Why?", True),
        ("What about the wheel?", True), ("The price?", True), ("When is that due?", True),
        ("How long is the warranty on the kiln?", False), ("Who is the general manager?", False),
        ("窯の保証期間は何年ですか", False),
    ],
)  # fmt: skip
def test_what_goes_on_is_told_from_what_stands_alone(question: str, goes_on: bool) -> None:
    before = (Message("user", "How heavy is the Wren?"), Message("assistant", "41 kg"))
    assert (searched_for(question, before) != question) == goes_on
    assert searched_for(question, ()) == question


def test_an_abstention_has_no_citation(knowledge: KnowledgeBase) -> None:
    lab = lab_of(knowledge, ScriptedGenerator(lambda request: ABSTENTION))
    (answer,) = [p.answer() for p in lab.ask("Who?", [Strategy.RAG])]
    assert answer.citations == ()


def test_an_answer_that_does_not_end_in_time_says_so(knowledge: KnowledgeBase) -> None:
    class Late(ScriptedGenerator):
        def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
            generation = super().submit(request, priority=priority)
            generation.late = True
            return generation

    lab = lab_of(knowledge, Late())
    (answer,) = [p.answer(timeout=3) for p in lab.ask("How long?", [Strategy.PROMPT])]
    assert answer.error == "There was no end within 3 s. Ask again."


def test_workspaces_share_a_base_and_keep_their_adapters(
    knowledge: KnowledgeBase, settings: Settings
) -> None:
    shared = ScriptedGenerator()
    one, other = knowledge.workspace, create_workspace(settings, "Other")
    for workspace in (one, other):
        WorkspaceGenerator(shared, workspace).submit(
            Request((Message("user", "Hi"),), "run", Sampling())
        ).result(5)
    names = [request.adapter for request in shared.requests]
    assert names == [f"{one.path}\nrun", f"{other.path}\nrun"]
    WorkspaceGenerator(shared, one).close()
    assert shared.closed == 0


def test_an_arm_with_a_model_of_its_own_never_answers_with_another(
    knowledge: KnowledgeBase,
) -> None:
    add_arm(knowledge.workspace, "prompt", "Bigger", model=ModelChoice("folder", "/bigger"))
    arm = knowledge.workspace.settings().arms[0].id
    answer = lab_of(knowledge, ScriptedGenerator()).ask("How long?", [arm])[0].answer()
    assert "not loaded" in answer.error


def test_the_adaptive_arm_asks_with_passages_and_without(knowledge: KnowledgeBase) -> None:
    def say(request: Request) -> str:
        reads = "[1]" in request.messages[-1].content
        warranty = "warranty" in request.messages[-1].content.rsplit("Question:")[-1]
        return ("24 months" if warranty else ABSTENTION) if reads else "Paris"

    generator = ScriptedGenerator(say)
    lab = lab_of(knowledge, generator)
    (told,) = [p.answer() for p in lab.ask("How long is the warranty of the kiln?", ["adaptive"])]
    assert (told.arm, told.text, told.error) == ("adaptive", "24 months", "")
    assert "From the passages" in told.note
    assert ["[1]" in r.messages[-1].content for r in generator.requests] == [True, False]
    knowledge.workspace.update(caution=0.0)
    (known,) = [p.answer() for p in lab.ask("What is the capital of France?", ["adaptive"])]
    assert known.text == "Paris"
    assert "Without the passages" in known.note
    knowledge.workspace.update(caution=1.0)
    (silent,) = [p.answer() for p in lab.ask("What is the capital of France?", ["adaptive"])]
    assert silent.text == ABSTENTION


def test_every_arm_that_reads_keeps_to_the_documents_that_are_asked_for(
    knowledge: KnowledgeBase,
) -> None:
    lab = lab_of(knowledge, ScriptedGenerator())
    arms = [Strategy.RAG, "long-context", Strategy.PROMPT]
    rag, long, prompt = (p.answer() for p in lab.ask("How long?", arms, only="delivery*"))
    assert {passage.document_title for passage in (*rag.passages, *long.passages)} == {"Delivery"}
    assert rag.note == "Read only: delivery*."
    assert prompt.note == ""
    (nothing,) = (p.answer() for p in lab.ask("How long?", [Strategy.RAG], only="type:zip"))
    assert "No document fits 'type:zip'" in nothing.error
    tried = [p.answer() for p in lab.try_adapter("How long?", READER, only="delivery*")]
    assert [one.error for one in tried] == ["", ""]
    assert [{passage.document_title for passage in one.passages} for one in tried] == [
        {"Delivery"}, {"Delivery"},
    ]  # fmt: skip
