"""Ways of searching: each is a row, an unknown one is refused, codes and other scripts are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ragft_core.errors import RetrievalError
from ragft_core.knowledge import RETRIEVERS, Embedder, KnowledgeBase, retriever_of
from ragft_core.knowledge.codes import Code, codes_in
from ragft_core.knowledge.indices.table import complete
from ragft_core.knowledge.retrievers import LEAST_MEANING, MOST_MEANING, meaning_share
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace
from tests.documents import files

CASE = Path(__file__).parent / "cases" / "codes.md"


def test_every_mode_has_one_retriever() -> None:
    assert [retriever.mode for retriever in RETRIEVERS] == list(SearchMode)
    assert all(retriever_of(mode).mode is mode for mode in SearchMode)


def test_an_unknown_mode_is_refused(
    base: KnowledgeBase, three_files: list[tuple[str, Path]]
) -> None:
    base.add_files(three_files)
    with pytest.raises(RetrievalError, match="no way of searching called 'fuzzy'") as caught:
        base.search("kiln", "fuzzy")  # type: ignore[arg-type]
    assert "hybrid, dense, text" in caught.value.remedy


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("What does error E-4031 mean?", ["E-4031"]),
        ("part 77-0032", ["77-0032"]),
        ("is x310 heavier than X-450?", ["x310", "X-450"]),
        ("serial 4711002", ["4711002"]),
        ("What does the WHO say about IT?", ["WHO", "IT"]),
        ("WHAT DOES IT COST", []),
        ("the 3rd of 5 bags of 20kg, open 24/7 in 2019", []),
        ("who is it", []),
    ],
)
def test_codes_are_told_from_words_and_quantities(question: str, codes: list[str]) -> None:
    assert [code.typed for code in codes_in(question)] == codes


@pytest.mark.parametrize(
    ("typed", "text", "held"),
    [
        ("E-4031", "see E4031.", True),
        ("e4031", "Error E-4031: pump", True),
        ("E-4031", "E-40312", False),
        ("77-0032", "177-0032", False),
        ("WHO", "who pays", False),
        ("WHO", "the WHO pays", True),
    ],
)
def test_a_code_is_held_whole(typed: str, text: str, held: bool) -> None:
    assert Code(typed).is_in(text) is held


@pytest.mark.parametrize("question", ["E-4031", "What does error E-4031 mean?", "error e4031"])
def test_the_passage_with_the_error_code_comes_first(base: KnowledgeBase, question: str) -> None:
    base.add_files([("codes.md", CASE)])
    assert "E-4031" in base.search(question)[0].chunk.text


def test_the_passage_with_the_part_number_comes_first(base: KnowledgeBase) -> None:
    base.add_files([("codes.md", CASE)])
    assert "77-0032" in base.search("part 77-0032")[0].chunk.text


def test_an_acronym_that_is_a_stop_word_is_found(base: KnowledgeBase, tmp_path: Path) -> None:
    texts = ["What about who?", "Lead has limits set by the WHO in Geneva, and others by law."]
    paths = [files.text(tmp_path / f"{n}.txt", text) for n, text in enumerate(texts)]
    base.add_files([(path.name, path) for path in paths])
    assert base.search("What about the WHO?")[0].document_title == "1"


def test_a_code_that_many_passages_hold_outvotes_nothing(
    base: KnowledgeBase, tmp_path: Path
) -> None:
    rows = "\n".join(f"X310;note {number}" for number in range(600))
    base.add_files([("x.csv", files.text(tmp_path / "x.csv", "Pump;Note\n" + rows))])
    assert base.search("X310 note")[0].score < 1


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("ポンプの密封圏を交換してください。保証期間は二年間です。", "保証期間"),
        ("更换三号泵的密封圈。保修期为两年。", "密封圈"),
        ("การรับประกันมีระยะเวลาสองปีสำหรับเครื่องสูบน้ำ", "ระยะเวลา"),
    ],
)
def test_words_are_found_in_scripts_without_spaces(
    base: KnowledgeBase, tmp_path: Path, text: str, question: str
) -> None:
    base.add_files([("a.txt", files.text(tmp_path / "a.txt", text))])
    assert [p.document_title for p in base.search(question, SearchMode.TEXT)] == ["a"]


def test_every_row_is_in_the_word_index_after_an_upload(
    base: KnowledgeBase, three_files: list[tuple[str, Path]]
) -> None:
    base.add_files(three_files[:1])
    base.add_files(three_files[1:])
    assert base._index.n_unindexed() == 0


def test_a_word_index_of_another_tokeniser_is_replaced(base: KnowledgeBase, tmp_path: Path) -> None:
    from lancedb.index import FTS

    path = files.text(tmp_path / "a.txt", "保証期間は二年間です。")
    base.add_files([("a.txt", path)])
    table = base._index.table()
    table.drop_index("words-icu")
    table.create_index("indexed", config=FTS())  # as versions before this one did
    copy = tmp_path / "copy"
    shutil.copytree(base.workspace.path, copy)
    assert base.search("保証期間", SearchMode.TEXT) == []
    again = KnowledgeBase(type(base.workspace)(copy), base.embedder)
    assert again.search("保証期間", SearchMode.TEXT)[0].document_title == "a"
    assert [index.name for index in complete(again._index.table()).list_indices()] == ["words-icu"]


def test_meaning_counts_as_much_as_the_embedder_reads(embedder_folder: Path) -> None:
    tokenizer = Embedder(embedder_folder).tokenizer
    english = meaning_share(tokenizer, "How heavy is the kiln when it is empty?")
    german = meaning_share(tokenizer, "Wie schwer ist der Brennofen im Leerzustand?")
    arabic = meaning_share(tokenizer, "كم وزن الفرن وهو فارغ؟")
    thai = meaning_share(tokenizer, "เตาเผาหนักเท่าไหร่")
    assert english == MOST_MEANING
    assert LEAST_MEANING <= arabic < german < english
    assert thai == LEAST_MEANING
    assert meaning_share(tokenizer, "") == LEAST_MEANING


def test_noise_of_meaning_does_not_crowd_out_words(
    workspace: Workspace, embedder_folder: Path, tmp_path: Path
) -> None:
    texts = {
        "a.txt": "يزن الفرن الكبير واحدا وأربعين كيلوغراما.",
        "b.txt": "تستغرق رحلة الترام عشر دقائق من الميدان.",
        "c.txt": "الضمان على المقاومات سنة واحدة أو ستون حرقا.",
        "d.txt": "تفتح القاعة أبوابها في التاسعة صباحا.",
    }
    base = KnowledgeBase(workspace, Embedder(embedder_folder))
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    base.add_files([(name, tmp_path / name) for name in texts])
    for question, name in (("كم يزن الفرن الكبير", "a.txt"), ("مدة الضمان على المقاومات", "c.txt")):
        assert base.search(question)[0].chunk.text == texts[name]


@pytest.mark.parametrize("mode", list(SearchMode))
def test_only_documents_that_fit_a_filter_are_searched(
    mode: SearchMode, base: KnowledgeBase, three_files: list[tuple[str, Path]]
) -> None:
    base.add_files([*three_files, ("codes.md", CASE)])
    question = "What does error E-4031 mean?"
    everywhere = base.search(question, mode, 10)
    (codes,) = [d for d in base.documents() if d.file_name == "codes.md"]
    inside = base.search(question, mode, 10, only="codes*")
    assert {passage.chunk.document_id for passage in inside} == {codes.id}
    # What is left keeps its order, and a filter makes room for what stood further down.
    kept = [p.chunk.id for p in everywhere if p.chunk.document_id == codes.id]
    assert [p.chunk.id for p in inside][: len(kept)] == kept
    others = base.search(question, mode, 10, only=f"type:{three_files[0][0].rpartition('.')[2]}")
    assert all(p.chunk.document_id in {d.id for d in base.documents()} for p in others)
    with pytest.raises(RetrievalError, match="No document fits 'type:xyz'"):
        base.search(question, mode, 10, only="type:xyz")
