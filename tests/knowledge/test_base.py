"""Adding, replacing, removing and finding documents."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ragft_core.errors import DocumentError, RetrievalError
from ragft_core.knowledge import KnowledgeBase, documents, original_of
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder

Files = list[tuple[str, Path]]


def test_files_become_documents(base: KnowledgeBase, three_files: Files) -> None:
    reports = base.add_files(three_files)
    assert [report.outcome for report in reports] == ["added"] * 3
    kilns = next(item for item in base.documents() if item.file_name == "kilns.md")
    assert (kilns.title, kilns.format, kilns.n_pages) == ("Kilns", "md", None)
    assert kilns.n_chunks == len(base.chunks(kilns.id)) > 3
    assert kilns.n_characters == len(base.text(kilns.id))
    assert kilns.n_tokens > 1000
    assert_searchable_exactly_once(base)


def test_chunks_point_into_the_text(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files)
    for document in base.documents():
        text = base.text(document.id)
        assert all(text[c.start : c.end] == c.text for c in base.chunks(document.id))


def test_documents_are_listed_without_lancedb_and_torch(
    base: KnowledgeBase, three_files: Files
) -> None:
    base.add_files(three_files)
    code = (
        "import sys; from pathlib import Path\n"
        "from ragft_core.knowledge import documents\n"
        "from ragft_core.workspace import Workspace\n"
        f"print(len(documents(Workspace(Path({str(base.workspace.path)!r})))))\n"
        "print([m for m in ('torch', 'lancedb', 'transformers') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["3", "[]"], done.stderr


def test_same_content_again_changes_nothing(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files)
    before, embedded = base.version, base.embedder.n_embedded
    reports = base.add_files([("other name.md", three_files[0][1]), three_files[1]])
    assert [report.outcome for report in reports] == ["already there"] * 2
    assert reports[0].document.file_name == "kilns.md"
    assert (base.version, base.embedder.n_embedded) == (before, embedded)
    assert_searchable_exactly_once(base)


def test_same_content_twice_in_one_upload(base: KnowledgeBase, three_files: Files) -> None:
    path = three_files[0][1]
    reports = base.add_files([("a.md", path), ("b.md", path)])
    assert [report.outcome for report in reports] == ["added", "already there"]
    assert len(base.documents()) == 1


def test_bad_file_twice_in_one_upload(base: KnowledgeBase, tmp_path: Path) -> None:
    path = files.text(tmp_path / "x.pdf", "no pdf")
    reports = base.add_files([("a.pdf", path), ("b.pdf", path)])
    assert [report.outcome for report in reports] == ["refused"] * 2


def test_new_content_under_a_known_name_replaces(
    base: KnowledgeBase, three_files: Files, tmp_path: Path
) -> None:
    base.add_files(three_files)
    before = base.version
    newer = files.text(tmp_path / "new.txt", "Cats may enter the firing hall.")
    (report,) = base.add_files([("rules.txt", newer)])
    assert report.outcome == "replaced"
    assert base.version != before
    assert len(base.documents()) == 3
    assert base.search("dogs", SearchMode.TEXT) == []
    assert base.search("cats", SearchMode.TEXT)[0].document_title == "rules"
    assert_searchable_exactly_once(base)


def test_replacing_and_going_back(base: KnowledgeBase, tmp_path: Path) -> None:
    one, two = (files.text(tmp_path / f"{n}.txt", f"Version {n} text") for n in "12")
    for path in (one, two, one):
        base.add_files([("a.txt", path)])
    (document,) = base.documents()
    assert base.text(document.id) == "Version 1 text"
    assert_searchable_exactly_once(base)


def test_two_files_of_one_name_in_one_upload_both_stay(base: KnowledgeBase, tmp_path: Path) -> None:
    one, two, three = (files.text(tmp_path / f"{n}.txt", f"Version {n} text") for n in "123")
    reports = base.add_files([("a.txt", one), ("x/a.txt", two), ("y/a.txt", one)])
    assert [report.outcome for report in reports] == ["added", "added", "already there"]
    assert [report.file_name for report in reports[:2]] == ["a.txt", "a (2).txt"]
    assert "Another document is called a.txt" in reports[1].warnings[0]
    # Next time one of the two has changed: it is the new version of itself, not of the other.
    reports = base.add_files([("a.txt", one), ("x/a.txt", three)])
    assert [report.outcome for report in reports] == ["already there", "replaced"]
    texts = {item.file_name: base.text(item.id).strip() for item in base.documents()}
    assert texts == {"a.txt": "Version 1 text", "a (2).txt": "Version 3 text"}
    reports = base.add_files([("a.txt", two), ("x/a.txt", three)])
    texts = {item.file_name: base.text(item.id).strip() for item in base.documents()}
    assert texts == {"a.txt": "Version 2 text", "a (2).txt": "Version 3 text"}
    assert_searchable_exactly_once(base)


def test_bad_files_are_refused_and_the_rest_goes_in(
    base: KnowledgeBase, three_files: Files, tmp_path: Path
) -> None:
    bad = [
        ("scan.pdf", files.scanned_pdf(tmp_path / "s.pdf")),
        ("secret.pdf", files.pdf(tmp_path / "p.pdf", ["x"], password="y")),
        ("empty.md", files.text(tmp_path / "e.md", "")),
        ("wrong.docx", files.text(tmp_path / "w.docx", "text")),
        ("gone.txt", tmp_path / "nowhere.txt"),
    ]
    reports = base.add_files([bad[0], three_files[0], *bad[1:], *three_files[1:]])
    refused = [report for report in reports if report.outcome == "refused"]
    assert [report.file_name for report in refused] == [name for name, _ in bad]
    assert all(report.error and report.document is None for report in refused)
    assert len(base.documents()) == 3
    assert_searchable_exactly_once(base)


def test_progress_names_every_file_and_never_goes_back(
    base: KnowledgeBase, three_files: Files, tmp_path: Path
) -> None:
    seen: list[tuple[str, str, float]] = []
    bad = ("bad.pdf", files.text(tmp_path / "b.pdf", "no"))
    base.add_files([*three_files, bad], lambda *event: seen.append(event))
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    ends = {name: stage for name, stage, _ in seen}
    assert ends == dict.fromkeys(["kilns.md", "rules.txt", "prices.csv"], "added") | {
        "bad.pdf": "refused"
    }


def test_upload_that_is_broken_off_keeps_what_was_done(
    base: KnowledgeBase, three_files: Files
) -> None:
    def stop(name: str, stage: str, share: float) -> None:
        if stage == "saving":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        base.add_files(three_files, stop)
    assert base.documents() == []
    assert [report.outcome for report in base.add_files(three_files)] == ["added"] * 3
    assert_searchable_exactly_once(base)


@pytest.mark.parametrize(
    "name",
    ["../../evil.txt", "C:\\x.txt", "a' OR '1'='1.txt", "x\x00y.txt", "%2e%2e%2f.txt", "CON.txt"],
)
def test_hostile_names_stay_inside_and_are_only_names(
    base: KnowledgeBase, tmp_path: Path, name: str
) -> None:
    outside = set(base.workspace.path.parent.iterdir())
    other = files.text(tmp_path / "o.txt", "Some other text")
    base.add_files([("other.txt", other)])
    (report,) = base.add_files([(name, files.text(tmp_path / "x.txt", "Hostile text"))])
    document = report.document
    assert original_of(base.workspace, document.id).name == "original.txt"
    assert set(base.workspace.path.parent.iterdir()) == outside
    base.remove(document.id)
    assert [item.file_name for item in base.documents()] == ["other.txt"]
    assert_searchable_exactly_once(base)


@pytest.mark.parametrize(
    "document_id", ["x' OR '1'='1", "../../..", "", "a" * 20, "0" * 19 + "/", "é" * 20]
)
def test_ids_that_are_none_harm_nothing(
    base: KnowledgeBase, three_files: Files, document_id: str
) -> None:
    base.add_files(three_files)
    for act in (base.remove, base.text, base.chunks, base.document):
        with pytest.raises(DocumentError):
            act(document_id)
    assert len(base.documents()) == 3
    assert_searchable_exactly_once(base)


def test_removed_document_is_gone(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files)
    before = base.version
    kilns = next(item for item in base.documents() if item.file_name == "kilns.md")
    base.remove(kilns.id)
    assert base.version != before
    assert base.search("firebrick", SearchMode.TEXT) == []
    assert not (base.workspace.path / "documents" / kilns.id).exists()
    assert_searchable_exactly_once(base)


def test_version_is_that_of_the_content(base: KnowledgeBase, three_files: Files) -> None:
    empty = base.version
    base.add_files(three_files)
    full = base.version
    dogs = next(item for item in base.documents() if item.file_name == "rules.txt")
    base.remove(dogs.id)
    assert base.version not in (empty, full)
    base.add_files([three_files[1]])
    assert base.version == full


def test_search_modes_say_how_a_passage_was_found(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files)
    dense = base.search("model 3 kiln costs 300 euro", SearchMode.DENSE)
    assert {passage.found_by for passage in dense} == {"meaning"}
    assert all(passage.score == passage.similarity for passage in dense)
    words = base.search("clay", SearchMode.TEXT)
    assert [(p.found_by, p.document_title) for p in words] == [("keywords", "prices")]
    assert words[0].similarity is None
    both = base.search("clay price", SearchMode.HYBRID)
    assert both[0].found_by == "both"
    assert both[0].document_title == "prices"
    assert None not in (both[0].similarity, both[0].text_score)


@pytest.mark.parametrize("mode", list(SearchMode))
def test_ranks_count_up_and_scores_down(
    base: KnowledgeBase, three_files: Files, mode: SearchMode
) -> None:
    base.add_files(three_files)
    found = base.search("what does the model 5 kiln cost", mode, k=4)
    assert [passage.rank for passage in found] == list(range(1, len(found) + 1))
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) <= 4


@pytest.mark.parametrize("mode", list(SearchMode))
@pytest.mark.parametrize(
    "question",
    [
        "",
        "  ",
        "?",
        "'; DROP TABLE x; --",
        '"',
        "a AND (b OR",
        "id = '1' OR 1=1",
        "\x00",
        "ß" * 5000,
    ],
)
def test_no_question_breaks_the_search(
    base: KnowledgeBase, three_files: Files, mode: SearchMode, question: str
) -> None:
    base.add_files(three_files[1:])
    assert len(base.search(question, mode)) <= 5
    assert len(base.documents()) == 2


def test_searching_without_documents_says_so(base: KnowledgeBase) -> None:
    with pytest.raises(RetrievalError, match="no documents"):
        base.search("anything")


def test_another_handle_sees_what_was_added(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files[:1])
    reader = KnowledgeBase(base.workspace, HashEmbedder())
    assert reader.search("firebrick", SearchMode.TEXT)
    base.add_files(three_files[1:])
    reader._index.table().checkout_latest()
    assert reader.search("dogs", SearchMode.TEXT)[0].document_title == "rules"


def test_index_of_another_embedder_is_refused_and_can_be_rebuilt(
    base: KnowledgeBase, three_files: Files
) -> None:
    base.add_files(three_files)
    other = KnowledgeBase(base.workspace, HashEmbedder("other", 32))
    for act in (lambda: other.search("dogs"), lambda: other.add_files(three_files)):
        with pytest.raises(RetrievalError, match="built by the embedding model hash/64") as caught:
            act()
        assert "Rebuild" in caught.value.remedy
    assert base.search("dogs", SearchMode.TEXT)
    seen: list[float] = []
    n_chunks = other.rebuild(lambda name, stage, share: seen.append(share))
    assert n_chunks == sum(item.n_chunks for item in other.documents())
    assert len(seen) == 3
    assert other.search("dogs", SearchMode.TEXT)[0].document_title == "rules"
    assert_searchable_exactly_once(other)
    with pytest.raises(RetrievalError):
        KnowledgeBase(base.workspace, HashEmbedder()).search("dogs")


def test_workspace_copied_without_its_index_is_indexed_again(
    base: KnowledgeBase, three_files: Files, tmp_path: Path
) -> None:
    base.add_files(three_files)
    copy = tmp_path / "copy"
    shutil.copytree(base.workspace.path, copy, ignore=shutil.ignore_patterns("index", ".locks"))
    moved = KnowledgeBase(Workspace(copy), HashEmbedder())
    assert moved.search("dogs", SearchMode.TEXT)[0].document_title == "rules"
    assert moved.version == base.version
    assert_searchable_exactly_once(moved)


def test_damaged_index_is_named_and_rebuilt(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files)
    for manifest in (base.workspace.path / "index").rglob("*.manifest"):
        manifest.write_bytes(b"")
    broken = KnowledgeBase(base.workspace, HashEmbedder())
    with pytest.raises(RetrievalError, match="damaged") as caught:
        broken.search("dogs")
    assert "Rebuild" in caught.value.remedy
    broken.rebuild()
    assert_searchable_exactly_once(broken)


@pytest.mark.slow
def test_many_small_additions_are_tidied(base: KnowledgeBase, tmp_path: Path) -> None:
    for number in range(22):
        path = files.text(tmp_path / f"{number}.txt", f"Note number {number} about clay")
        base.add_files([(path.name, path)])
    assert base._index.table().stats()["fragment_stats"]["num_fragments"] <= 21
    assert len(base.search("clay", SearchMode.TEXT, k=50)) == 22
    assert len(documents(base.workspace)) == 22


def test_a_report_says_what_was_left_out(base: KnowledgeBase) -> None:
    cases = Path(__file__).parents[1] / "documents" / "cases"
    names = ["gbk.csv", "sep.csv"]
    guessed, clean = base.add_files([(name, cases / name) for name in names])
    assert "guessed to be gb18030" in guessed.warnings[0]
    assert (guessed.outcome, clean.warnings) == ("added", ())
