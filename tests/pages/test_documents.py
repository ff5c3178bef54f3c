"""The documents page: upload, outcome, look inside, search, delete, rebuild."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.build.parts import uploads
from pages.build.parts.documents import lines, marked
from pages.ui import resources
from ragft_core.documents import MAX_FILE_BYTES
from ragft_core.jobs import Job, JobState, JobStatus, list_jobs
from ragft_core.jobs.status import read_status, write_status
from ragft_core.knowledge import Embedder, KnowledgeBase, documents, list_versions, start_ingest
from ragft_core.settings import Settings
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder

PAGE = Path(__file__).resolve().parents[2] / "pages" / "build" / "documents.py"


@pytest.fixture(autouse=True)
def _no_cached_models() -> None:
    st.cache_resource.clear()


def open_page(workspace: Workspace | None) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=90)
    if workspace:
        page.session_state["workspace"] = workspace.id
    return page.run()


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.code, *page.header]
    return "\n".join(str(element.value) for element in elements)


def upload(page: AppTest, *uploads: tuple[str, bytes]) -> AppTest:
    for name, data in uploads:
        page.file_uploader(key="documents.files").upload(name, data)
    button = next(item for item in page.button if item.label == "Add to the knowledge base")
    page = button.click().run()
    for job in list_jobs(Workspace(Settings().workspaces / page.session_state["workspace"])):
        assert not job.wait(600).active
    return page.run() if uploads else page


def test_without_a_workspace_it_leads_home() -> None:
    page = open_page(None)
    assert not page.exception
    assert "There is no workspace yet" in texts(page)


def test_the_server_reads_no_more_than_the_page_states() -> None:
    config = tomllib.loads((PAGE.parents[2] / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert config["server"]["maxUploadSize"] * 2**20 == MAX_FILE_BYTES


def test_empty_state_says_what_is_missing(workspace: Workspace) -> None:
    page = open_page(workspace)
    assert not page.exception
    assert "No documents yet" in texts(page)


@pytest.mark.slow
def test_what_was_guessed_stands_below_the_file(
    workspace: Workspace, embedder_folder: Path
) -> None:
    page = upload(open_page(workspace), ("a.txt", "Größe: 5 €, „naïve“".encode("cp1252")))
    assert not page.exception
    assert "guessed to be cp1252" in texts(page)


def test_a_job_that_did_not_end_well_offers_to_go_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "launch", lambda self: None)
    job = start_ingest(workspace, [("a.txt", io.BytesIO(b"Dogs may not enter."))])
    write_status(job.folder, JobStatus(JobState.FAILED, error="The disk is full."))
    page = open_page(workspace)
    assert not page.exception
    assert "0 of 1 files were settled; nothing is lost" in texts(page)
    assert page.warning[0].value == "The disk is full."
    page.button(key=f"resume.{job.id}").click().run()
    assert read_status(job.folder).attempt == 2


def test_folders_are_shown_where_there_are_any(workspace: Workspace, tmp_path: Path) -> None:
    base = KnowledgeBase(workspace, HashEmbedder())
    base.add_files([("a.txt", files.text(tmp_path / "a.txt", "Dogs may not enter."))])
    assert "Folder" not in open_page(workspace).dataframe[0].value.columns
    base.add_files([("rules/b.txt", files.text(tmp_path / "b.txt", "Cats may enter."))])
    folders = open_page(workspace).dataframe[0].value["Folder"]
    assert list(folders.fillna("")) == ["", "rules"]


def test_a_job_that_ends_while_the_page_is_drawn_has_its_documents_shown(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.md").write_text("# Notes\n\nThe bench is orange.", encoding="utf-8")

    def ends(workspace: Workspace, kind: str) -> list[Job]:
        KnowledgeBase(workspace, HashEmbedder()).add_files([("a.md", tmp_path / "a.md")])
        return []

    monkeypatch.setattr(uploads, "list_jobs", ends)
    monkeypatch.setattr(resources, "_embedder", HashEmbedder)
    assert "Documents (1)" in texts(open_page(workspace))


def test_submitting_nothing_asks_for_files(workspace: Workspace) -> None:
    assert "Choose one or more files first" in texts(upload(open_page(workspace)))


@pytest.mark.slow
def test_upload_search_and_delete(workspace: Workspace, tmp_path: Path) -> None:
    kiln = b"# Kilns\n\nThe Heron kiln costs 4200 euro.\n\n<script>alert(1)</script>"
    page = upload(
        open_page(workspace),
        ("kilns.md", kiln),
        ("rules.txt", b"Dogs may not enter the firing hall."),
        ("scan.pdf", files.scanned_pdf(tmp_path / "s.pdf").read_bytes()),
        ("wrong.docx", b"plain"),
    )
    assert not page.exception
    shown = texts(page)
    assert "2 of 4 files were refused" in shown
    assert "it is probably a scan" in shown
    assert "kilns.md: added" in shown
    assert "Documents (2)" in shown
    assert list(page.dataframe[0].value["Title"]) == ["Kilns", "rules"]

    page.text_input(key="documents.question").input("what does the heron cost").run()
    assert not page.exception
    assert ":orange-background[Heron]" in texts(page)
    assert "found by both" in texts(page)
    page.selectbox(key="documents.mode").set_value(SearchMode.TEXT).run()
    assert "found by keywords" in texts(page)
    page.text_input(key="documents.question").input("zebra").run()
    assert "Nothing was found" in texts(page)
    page.text_input(key="documents.question").input("").run()

    page = upload(page, ("kilns.md", kiln), ("rules.txt", b"Dogs may enter now."))
    assert "already there" in texts(page)
    assert "it replaces the older version" in texts(page)
    assert "Documents (2)" in texts(page)

    page.button(key="documents.dismiss").click().run()
    assert "already there" not in texts(page)

    chosen = page.selectbox(key="documents.chosen").value
    page.button(key=f"documents.delete.{chosen}").click().run()
    assert not page.exception
    assert "Documents (1)" in texts(page)
    assert [document.id for document in documents(workspace)] != [chosen]


@pytest.fixture
def filled(workspace: Workspace, tmp_path: Path) -> Workspace:
    body = "# Care\n\n" + "".join(
        f"## Part {number}\n\n{'A $sentence$ with *marks* and ![x](http://e.example). ' * 30}\n\n"
        for number in range(12)
    )
    path = files.text(tmp_path / "care.md", body)
    KnowledgeBase(workspace, HashEmbedder()).add_files([("care.md", path)])
    return workspace


def test_a_state_is_named_deleted_without_a_trace_and_restored(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragft_core.strategies.open_embedder", lambda *_: HashEmbedder())
    page = open_page(filled)
    page.text_input(key="documents.version.name").input("Spring")
    next(item for item in page.button if item.label == "Keep the present state").click().run()
    assert not page.exception
    (version,) = list_versions(filled)
    assert list(page.dataframe[1].value["Is what there is now"]) == ["yes"]
    (document,) = documents(filled)
    assert "'Spring' still holds it" in texts(page)
    page.checkbox(key=f"documents.purge.{document.id}").check()
    page.button(key=f"documents.delete.{document.id}").click().run()
    assert documents(filled) == []
    assert "Comes back: care.md" in texts(page)
    page.button(key=f"documents.version.restore.{version.id}").click().run()
    assert not page.exception
    assert documents(filled) == [document]
    page.button(key=f"documents.version.delete.{version.id}").click().run()
    assert list_versions(filled) == []


def test_chunks_are_paged_and_shown_as_plain_text(filled: Workspace) -> None:
    page = open_page(filled)
    assert not page.exception
    shown = texts(page)
    assert "Chunk 1 of" in shown
    assert "Chunk 11 of" not in shown
    assert "![x]" not in shown
    assert r"\!\[x\]" in shown


def test_text_of_a_document(filled: Workspace) -> None:
    page = open_page(filled)
    page.segmented_control(key="documents.view").select("text").run()
    assert not page.exception
    assert page.code[0].value.startswith("# Care")


@pytest.mark.slow
def test_index_of_another_embedder_is_explained_and_rebuilt(filled: Workspace) -> None:
    page = open_page(filled)
    page.text_input(key="documents.question").input("sentence").run()
    assert not page.exception
    assert "Rebuild it" in page.error[0].value
    page.button(key="documents.rebuild").click().run()
    assert not page.exception
    assert not page.error
    assert "found by" in texts(page)


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [
        ("It costs 5 euro", "what does it cost", "It :orange-background[costs] 5 euro"),
        ("a [link](x)", "", r"a \[link\](x)"),
        ("one\ntwo", "", "one  \ntwo"),
        ("*heron*", "heron", r"\*:orange-background[heron]\*"),
        ("(a+b)", "a+b (c", "(a+b)"),
    ],
)
def test_marking_keeps_text_plain(text: str, question: str, expected: str) -> None:
    assert marked(text, question) == expected


def test_lines_render_no_markdown() -> None:
    assert lines("# T\n![a](http://x)") == "\\# T  \n\\!\\[a\\](http\\:\u2060//x)"


@pytest.mark.slow
def test_a_guessed_encoding_is_changed_on_the_page(
    workspace: Workspace, embedder_folder: Path, tmp_path: Path
) -> None:
    base = KnowledgeBase(workspace, Embedder(embedder_folder))
    (tmp_path / "hose.txt").write_bytes("Wąż: 12 zł\n".encode("cp1250"))
    base.add_files([("hose.txt", tmp_path / "hose.txt")])
    (before,) = documents(workspace)
    page = open_page(workspace)
    choice = page.radio(key=f"documents.encoding.{before.id}")
    assert any("12 zł" in option and "cp1250" in option for option in choice.options)
    choice.set_value("cp1250").run()
    page.button(key="documents.reread").click().run()
    assert not page.exception
    (after,) = documents(workspace)
    assert (after.encoding, after.file_name) == ("cp1250", "hose.txt")
    assert "Wąż: 12 zł" in base.text(after.id)
