"""The chat page with a scripted generator in place of the language model."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.compare.parts import asking
from pages.ui import resources
from ragft_core.errors import ModelError
from ragft_core.evaluation import load_results, make_report
from ragft_core.evaluation.store.plans import REPORT_FILE, folder_of
from ragft_core.finetuning import save_examples
from ragft_core.knowledge import KnowledgeBase, Version, delete_version, name_version
from ragft_core.strategies import Lab, Turn, arm_states, list_conversations, load_votes, save_turn
from ragft_core.types import Example, Request, Split, Strategy
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json
from tests.evaluation.conftest import make_questions, stored_run
from tests.fakes import ScriptedGenerator
from tests.knowledge.hashing import HashEmbedder

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"
PAGE = "compare/chat.py"


@pytest.fixture(autouse=True)
def _models(generator_folder: Path, embedder_folder: Path) -> None:
    """The frame shows no page before they are there."""


def say(request: Request) -> str:
    if "[1]" in request.messages[-1].content:
        return "24 months ![x](http://evil.example/x.png) <b>bold</b>"
    return "I *guess* 10 years"


@pytest.fixture
def ready(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a document, whose lab answers by ``say``."""
    st.cache_resource.clear()
    base = KnowledgeBase(workspace, HashEmbedder())
    (tmp_path / "w.md").write_text("# Warranty\n\nIt lasts 24 months.", encoding="utf-8")
    base.add_files([("w.md", tmp_path / "w.md")])
    monkeypatch.setattr(resources, "knowledge", lambda _: base)
    monkeypatch.setattr(resources, "lab", lambda _: Lab(workspace, ScriptedGenerator(say), base))
    return workspace


def open_page(workspace: Workspace, **parameters: str) -> AppTest:
    page = AppTest.from_file(FRAME, default_timeout=90)
    page.session_state["workspace"] = workspace.id
    page.run().switch_page(PAGE)
    for name, value in parameters.items():
        page.query_params[name] = value
    return page.run()


def ask(page: AppTest, question: str = "How long is the warranty?") -> AppTest:
    return page.chat_input[0].set_value(question).run()


def said(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption])


def test_an_arm_on_a_named_version_is_made_asked_and_missed(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = resources.knowledge(ready)
    version = name_version(base, "Spring")
    for document in base.documents():
        base.remove(document.id)
    monkeypatch.setattr(resources, "_embedder", HashEmbedder)

    def lab(workspace: Workspace) -> Lab:
        def open_base(named: Version) -> KnowledgeBase:
            return resources._version(str(workspace.path), named)

        return Lab(workspace, ScriptedGenerator(say), base, open_base=open_base)

    monkeypatch.setattr(resources, "lab", lab)
    page = open_page(ready)
    page.text_input(key="arms.name").input("RAG then").run()
    page.selectbox(key="arms.version").select("Spring").run()
    page.button(key="arms.add").click().run()
    assert "documents of the version Spring" in said(page)
    # AppTest cannot choose an own arm: it looks its name up where nobody has a workspace.
    answers = [p.answer() for p in lab(ready).ask("How long?", ["prompt", "rag-then"])]
    assert [(a.named_version, a.error) for a in answers] == [("", ""), ("Spring", "")]
    save_turn(ready, "chat-1", Turn("t1", "How long?", tuple(answers), "2026-12-01"))
    page = open_page(ready, chat="chat-1")
    assert not page.exception
    page.button(key="turn.t1.1.saw").click().run()
    assert "the named version Spring" in str([table.value for table in page.table])
    page.button(key="turn.t1.1.sources").click().run()
    assert "It lasts 24 months." in said(page)
    assert "deleted since" not in said(page)  # its text is the version's
    delete_version(ready, version)
    page = page.run()
    assert not page.exception
    assert "The named version “Spring” that it reads is not there any more." in said(page)


def test_arms_that_cannot_run_say_why(workspace: Workspace) -> None:
    page = open_page(workspace)
    assert not page.exception
    assert "No adapter was trained" in said(page)
    assert "There are no documents to read from yet." in said(page)


def test_every_chosen_arm_answers_in_its_column(ready: Workspace) -> None:
    page = ask(open_page(ready))
    assert not page.exception
    (conversation,) = list_conversations(ready)
    assert [a.arm for a in conversation.turns[0].answers] == [Strategy.PROMPT, Strategy.RAG]
    assert "24 months" in said(page)


def test_what_a_model_says_is_shown_as_text(ready: Workspace) -> None:
    page = ask(open_page(ready))
    shown = said(page)
    assert "\\!\\[x\\]" in shown
    assert "\\<b\\>" in shown
    assert "I \\*guess\\* 10 years" in shown


def test_a_vote_is_kept(ready: Workspace) -> None:
    page = ask(open_page(ready))
    next(button for button in page.button if button.label == "All bad").click().run()
    assert [vote.choice for vote in load_votes(ready)] == ["all-bad"]
    assert "Your vote: all bad" in said(page)


def test_blind_columns_tell_nothing_before_the_vote(ready: Workspace) -> None:
    page = open_page(ready)
    page.toggle(key="chat.blind").set_value(True).run()
    ask(page)
    labels = {button.label for button in page.button}
    assert {"Answer A", "Answer B"} <= labels
    assert not any("source" in label for label in labels)
    assert "first token" not in said(page)
    next(button for button in page.button if button.label == "Answer A").click().run()
    assert any("source" in button.label for button in page.button)


def test_one_failing_arm_leaves_the_other(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: Request) -> str:
        if "[1]" in request.messages[-1].content:
            raise ModelError("Out of memory.")
        return "fine"

    lab = Lab(ready, ScriptedGenerator(fail), resources.knowledge(ready))
    monkeypatch.setattr(resources, "lab", lambda _: lab)
    page = ask(open_page(ready))
    assert not page.exception
    assert "Out of memory" in page.error[0].value
    assert "fine" in said(page)


def test_a_foreign_chat_id_in_the_url_is_refused(ready: Workspace) -> None:
    page = open_page(ready, chat="../../secret")
    assert not page.exception
    assert page.error


def test_where_the_arms_differ_is_walked_through(ready: Workspace) -> None:
    right = {"prompt": 0, "rag": 3}
    plan = stored_run(
        ready, make_questions(4),
        lambda arm, q, draw: q.golds[0] if int(q.id[1:]) < right[arm] else "no idea",
        ("prompt", "rag"),
    )  # fmt: skip
    page = open_page(ready)
    assert "chat.differ" not in {button.key for button in page.button}  # it is still running
    write_json(
        folder_of(ready, plan.id) / REPORT_FILE, to_dict(make_report(load_results(ready, plan.id)))
    )
    page = open_page(ready)
    page.button(key="chat.differ").click().run()
    assert "**1 of 3** questions on which they differ" in said(page)
    assert "**Right answer:** number 0" in said(page)
    assert said(page).count("check: right") == said(page).count("close: wrong") == 1
    assert "first token" not in said(page)  # they waited among many
    page.button(key="differ.next").click().run()
    page.button(key="differ.next").click().run()
    assert page.button(key="differ.next").disabled
    page.button(key="differ.leave").click().run()
    assert len(page.chat_input) == 1


def test_right_and_wrong_are_shown_where_the_answer_is_known(ready: Workspace) -> None:
    save_examples(ready, [Example("a", "How long is the warranty?", "24 months", Split.TRAIN)])
    page = ask(open_page(ready))
    assert "**Right answer:** 24 months" in said(page)
    assert "Prompt only]  \n:red-badge[:material/close: wrong]" in said(page)
    assert "answered at the same time, which slows each" in said(page)
    page = ask(page, "And who pays?")
    assert said(page).count("Right answer") == 1


def test_the_passage_that_holds_an_answer_is_one_hover_away(
    ready: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = resources.knowledge(ready)
    words = "The kiln stands in the yard, and the yard is dry. " * 20
    (tmp_path / "long.md").write_text(f"{words}It was built in 1999.", encoding="utf-8")
    base.add_files([("long.md", tmp_path / "long.md")])
    lab = Lab(ready, ScriptedGenerator(lambda request: "1999."), base)
    monkeypatch.setattr(resources, "lab", lambda _: lab)
    page = ask(open_page(ready), "When was the kiln in the dry yard built?")
    hovers = [element.help for element in page.markdown if element.help]
    assert any("built in **1999**." in text for text in hovers), hovers
    assert all(len(text) < 900 for text in hovers)


def test_a_question_stopped_while_a_model_loads_is_kept(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(workspace: Workspace) -> Lab:
        st.stop()  # where Stop is clicked meanwhile, Streamlit ends the script so

    with monkeypatch.context() as patch:
        patch.setattr(resources, "lab", stopped)
        page = ask(open_page(ready), "What is known?")
    page.run()
    assert "What is known?" in said(page)
    assert "*(stopped)*" in said(page)
    assert "Which is best?" not in said(page), "nothing was said that could be"
    assert "answered at the same time" not in said(page)
    assert not [button for button in page.button if button.label == "Prompt"]
    page = ask(page)
    assert "24 months" in said(page), "and the next one is answered"


def test_a_blind_turn_on_which_nobody_can_vote_tells_which_arm_is_which(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(workspace: Workspace) -> Lab:
        st.stop()

    page = open_page(ready)
    page.toggle(key="chat.blind").set_value(True).run()
    with monkeypatch.context() as patch:
        patch.setattr(resources, "lab", stopped)
        ask(page)
    page.run()
    assert "*(stopped)*" in said(page)
    assert "Answer A" not in said(page)
    assert "RAG" in said(page)


def test_a_question_that_cannot_be_asked_leaves_no_turn(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(workspace: Workspace) -> Lab:
        raise ModelError("The model is gone.", "Choose another.")

    monkeypatch.setattr(resources, "lab", broken)
    page = ask(open_page(ready))
    assert [element.value for element in page.error] == ["Choose another."]
    assert list_conversations(ready) == []


def test_a_click_while_arms_answer_draws_the_page_and_then_what_was_kept(ready: Workspace) -> None:
    """A click begins a new run at once, and the one that it ends keeps its turn a little later."""
    page = open_page(ready)
    page.session_state[asking.TURN] = "turn-1"
    asking._unfinished.add("turn-1")
    page.run()
    assert "Stopping" in said(page)
    assert len(page.chat_input) == 1
    asking._unfinished.discard("turn-1")
    page.run()
    assert "Stopping" not in said(page)


def test_a_click_does_not_take_back_what_another_tab_has_set(ready: Workspace) -> None:
    page = open_page(ready)
    ready.update(top_k=7, select=True)
    page.button(key="chat.new").click().run()
    page.run()
    assert (ready.settings().top_k, ready.settings().select) == (7, True)
    page.slider[0].set_value(5).run()
    assert (ready.settings().top_k, ready.settings().select) == (5, True)


def test_an_arm_is_added_by_the_click_that_ends_the_typing_of_its_name(ready: Workspace) -> None:
    page = open_page(ready)
    page.button(key="arms.add").click().run()
    assert "cannot be called" in page.error[0].proto.title
    page.text_input(key="arms.name").set_value("Mine")
    assert not page.button(key="arms.add").disabled
    page.button(key="arms.add").click().run()
    assert "mine" in [state.arm.id for state in arm_states(ready)]
