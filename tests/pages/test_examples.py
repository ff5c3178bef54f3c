"""The examples page: import with its mapping and bad rows, edit, split, the trained text."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.build.parts.examples import editor_key
from ragft_core.finetuning import load_examples, save_examples
from ragft_core.settings import Settings
from ragft_core.types import Example, ModelChoice, Split
from ragft_core.workspace import Workspace, list_workspaces

PAGE = Path(__file__).resolve().parents[2] / "pages" / "build" / "examples.py"
TABLE = (
    "Prompt,Reply,Extra\n"
    "How long is the warranty?,three years,x\n"
    "Who leads the firm?,Tobias Renn,y\n"
    ",no question,z\n"
    "How long is the warranty?,four years,w\n"
)


@pytest.fixture(autouse=True)
def _no_cached_models() -> None:
    st.cache_resource.clear()


def open_page(_: Workspace | None = None) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=90)
    found = state_workspaces()
    if found:
        page.session_state["workspace"] = found[0]
    return page.run()


def state_workspaces() -> list[str]:
    return [item.id for item in list_workspaces(Settings())]


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.header]
    return "\n".join(str(element.value) for element in elements)


def errors(page: AppTest) -> str:
    return " ".join(f"{error.proto.title} {error.value}" for error in page.error).replace("\\", "")


def examples(n: int = 20) -> list[Example]:
    return [Example(f"e{i}", f"Question {i}?", f"answer {i}") for i in range(n)]


def button(page: AppTest, label: str):  # noqa: ANN202
    return next(item for item in page.button if item.label == label)


def test_without_a_workspace_it_leads_home() -> None:
    page = open_page()
    assert not page.exception
    assert "There is no workspace yet" in texts(page)


def test_without_examples_it_offers_to_bring_or_write_some(workspace: Workspace) -> None:
    page = open_page(workspace)
    assert not page.exception
    assert "There are no examples yet" in texts(page)
    assert page.get("file_uploader")


def test_a_table_is_mapped_previewed_and_added(workspace: Workspace) -> None:
    page = open_page(workspace)
    page.file_uploader(key="examples.file.0").upload("mine.csv", TABLE.encode()).run()
    assert not page.exception
    assert page.selectbox[0].value == "Prompt"
    assert page.selectbox[1].value == "Reply"
    assert "2 examples can be used; 2 rows are left out" in texts(page)
    left_out = page.dataframe[-1].value
    assert list(left_out["Row"]) == [4, 5]
    assert list(left_out["Why"])[0] == "It has no question."
    button(page, "Add 2 examples").click().run()
    assert not page.exception
    assert [e.answer for e in load_examples(workspace)] == ["three years", "Tobias Renn"]


def test_columns_that_names_do_not_tell_can_be_chosen(workspace: Workspace) -> None:
    page = open_page(workspace)
    page.file_uploader(key="examples.file.0").upload("mine.csv", b"one,two\nWhy?,so\n").run()
    assert "no column for question and answer; found: one, two" in errors(page)
    page.selectbox[0].select("one")
    page.selectbox[1].select("two").run()
    assert "1 examples can be used" in texts(page)


def test_a_file_that_is_no_table_is_refused_in_words(workspace: Workspace) -> None:
    page = open_page(workspace)
    page.file_uploader(key="examples.file.0").upload("mine.json", b"{").run()
    assert not page.exception
    assert "no valid JSON" in errors(page)


def test_it_counts_what_is_trained_watched_and_kept(workspace: Workspace) -> None:
    rows = [*examples(40), Example("t", "Test?", "yes", split=Split.TEST)]
    save_examples(workspace, rows)
    page = open_page(workspace)
    assert [metric.value for metric in page.metric] == ["36", "4", "1", "41"]


def edit(page: AppTest, workspace: Workspace, change: dict, wanted: str = "") -> AppTest:
    shown = [e for e in load_examples(workspace) if wanted in e.question]
    key = editor_key(workspace, shown)
    page.session_state[key] = {"edited_rows": {}, "added_rows": [], "deleted_rows": [], **change}
    return button(page, "Save changes").click().run()


def test_rows_are_edited_added_and_deleted(workspace: Workspace) -> None:
    save_examples(workspace, examples())
    page = edit(
        open_page(workspace),
        workspace,
        {
            "edited_rows": {0: {"answer": "changed"}},
            "added_rows": [{"question": "New?", "answer": "new", "split": "test"}],
            "deleted_rows": [1],
        },
    )
    assert not page.exception
    saved = load_examples(workspace)
    assert len(saved) == 20
    assert saved[0].answer == "changed"
    assert saved[0].id == "e0"
    assert "e1" not in {e.id for e in saved}
    assert (saved[-1].question, saved[-1].split) == ("New?", Split.TEST)


def test_other_forms_of_an_answer_that_is_corrected_are_none_of_the_new_one(
    workspace: Workspace,
) -> None:
    forms = ("3 years", "36 months", "five years")
    save_examples(workspace, [Example("e0", "How long?", "three years", alternatives=forms)])
    edit(open_page(), workspace, {"edited_rows": {0: {"question": "How long is it?"}}})
    assert load_examples(workspace)[0].alternatives == forms
    edit(open_page(), workspace, {"edited_rows": {0: {"answer": "5 years"}}})
    assert load_examples(workspace)[0].alternatives == ("five years",)


def test_changes_that_are_not_saved_are_not_lost_to_another_filter(workspace: Workspace) -> None:
    save_examples(workspace, examples())
    page = open_page()
    page.session_state[editor_key(workspace, examples())] = {"edited_rows": {0: {"answer": "new"}}}
    page.run()
    assert page.text_input(key="examples.find").disabled
    button(page, "Save changes").click().run()
    assert load_examples(workspace)[0].answer == "new"
    assert not page.error
    assert not page.text_input(key="examples.find").disabled


def test_changes_that_another_tab_overtook_are_not_said_to_be_saved(workspace: Workspace) -> None:
    save_examples(workspace, examples())
    page = open_page()
    page.session_state[editor_key(workspace, examples())] = {"edited_rows": {0: {"answer": "new"}}}
    save_examples(workspace, examples()[1:])
    button(page, "Save changes").click().run()
    assert not page.exception
    assert "were not saved" in page.error[0].proto.title
    assert load_examples(workspace) == examples()[1:]


def test_a_row_without_an_answer_is_not_saved(workspace: Workspace) -> None:
    save_examples(workspace, examples())
    page = edit(open_page(workspace), workspace, {"added_rows": [{"question": "New?"}]})
    assert not page.exception
    assert "has no answer" in errors(page)
    assert load_examples(workspace) == examples()


def test_editing_a_filtered_table_keeps_the_other_rows(workspace: Workspace) -> None:
    save_examples(workspace, examples())
    page = open_page(workspace)
    page.text_input(key="examples.find").input("Question 1?").run()
    page = edit(page, workspace, {"edited_rows": {0: {"answer": "changed"}}}, "Question 1?")
    saved = load_examples(workspace)
    assert [e.answer for e in saved if e.answer == "changed"] == ["changed"]
    assert len(saved) == 20


def test_splitting_again_holds_a_fifth_out(workspace: Workspace) -> None:
    save_examples(workspace, examples(50))
    page = open_page(workspace)
    button(page, "Replace the splits").click().run()
    assert sum(e.split is Split.TEST for e in load_examples(workspace)) == 10


def test_the_trained_text_is_shown_with_the_trained_part_marked(
    workspace: Workspace, tiny_model: Path
) -> None:
    workspace.update(model=ModelChoice(kind="folder", name=str(tiny_model)))
    save_examples(workspace, [Example("a", "How much *is* it?", "9 [euros](http://x)")])
    page = open_page(workspace)
    page.get_by_key("examples.view").set_value("What is trained").run()
    assert not page.exception
    shown = [str(m.value) for m in page.markdown]
    marked = next(text for text in shown if text.startswith(":green-background["))
    assert "9 \\[euros\\](http" in marked, "the answer must be shown as text, not as a link"
    assert "im\\_end" in marked, "the end token is trained and has to be seen"
    prompt = next(text for text in shown if "How much" in text and "user" in text)
    assert "Answer the question in a few words" in prompt


def test_a_damaged_file_is_named(workspace: Workspace) -> None:
    (workspace.path / "examples.jsonl").write_text('{"id": "a"}\n')
    page = open_page(workspace)
    assert not page.exception
    assert "Line 1 of examples.jsonl" in errors(page)
