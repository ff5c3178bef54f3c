"""What a reader must not lose in silence: the files of ``cases`` went wrong once."""

from __future__ import annotations

import base64
import hashlib
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ragft_core.documents import ParsedDocument, chunk_document
from ragft_core.documents.chunk import MAX_BYTES
from ragft_core.documents.parse import read_document
from ragft_core.documents.sandbox import parse_file
from ragft_core.knowledge import Embedder
from tests.documents import files

CASES = Path(__file__).parent / "cases"


def read(name: str) -> ParsedDocument:
    return read_document(CASES / name, name)


@pytest.fixture(scope="module")
def tokenizer(embedder_folder: Path) -> Tokenizer:
    return Embedder(embedder_folder).tokenizer


@pytest.mark.parametrize(
    ("name", "line", "encoding"),
    [
        ("gbk.csv", "- 设备编号: A-17; 故障代码: E-4031; 处理方法: 更换三号泵的密封圈", "gb18030"),
        ("sjis.csv", "- 部品番号: X-200; 価格: 4800円; 保証期間: 二年間", "cp932"),
    ],
)
def test_an_encoding_is_guessed_and_the_guess_is_said(name: str, line: str, encoding: str) -> None:
    parsed = read(name)
    assert parsed.text.splitlines()[0] == line
    assert f"guessed to be {encoding}" in parsed.warnings[0]


def test_an_encoding_that_a_page_declares_is_no_guess() -> None:
    parsed = read("meta1251.html")
    assert (parsed.title, parsed.warnings) == ("Гарантия", ())


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        ("保固期為兩年，請聯絡經理更換密封圈。", "big5"),
        ("보증 기간은 2년입니다. 관리자에게 문의하세요.", "euc-kr"),
        ("保証期間は二年間です。ポンプの密封圏を交換してください。", "euc-jp"),
        ("Гарантия на насос составляет два года.", "cp1251"),
        ("Le café est fermé à midi, même l'été. Prix : 12 €", "cp1252"),
        ("Name;Preis\nMüller;5", "cp1252"),
    ],
)
def test_other_encodings_are_guessed_also_behind_much_ascii(
    tmp_path: Path, body: str, encoding: str
) -> None:
    for number, text in enumerate([body, "A plain line.\n" * 9_000 + body]):
        parsed = read_document(files.text(tmp_path / f"{number}.txt", text, encoding), "a.txt")
        assert parsed.text == text
        assert len(parsed.warnings) == 1


def test_utf8_is_no_guess(tmp_path: Path) -> None:
    path = files.text(tmp_path / "a.txt", "Größe: 5 €")
    assert read_document(path, "a.txt").warnings == ()


def test_warnings_come_through_the_child() -> None:
    assert parse_file(CASES / "gbk.csv", "gbk.csv") == read("gbk.csv")


def test_pictures_written_as_letters_are_left_out() -> None:
    parsed = read("base64.md")
    assert parsed.text == "# Guide\n\nlogo\n\nThe lamp needs 12 volts."
    assert "48,027 characters of data" in parsed.warnings[0]


def test_a_ruled_line_is_no_data(tmp_path: Path) -> None:
    path = files.text(tmp_path / "a.txt", "Title\n" + "=" * 500 + "\nText")
    assert read_document(path, "a.txt").warnings == ()


@pytest.mark.parametrize("body", ["ก" * 5_000, "x" * 5_000, "漢字" * 2_000, "a.b," * 3_000])
def test_no_chunk_is_larger_than_the_limit(tokenizer: Tokenizer, body: str) -> None:
    for kind in ("txt", "md"):
        chunks = chunk_document(ParsedDocument("T", f"Start. {body}", kind), "d", tokenizer)
        assert max(len(chunk.text.encode()) for chunk in chunks) <= MAX_BYTES
        assert sum(len(chunk.text) for chunk in chunks) >= len(body)


def test_thai_is_split_into_chunks_with_exact_places(tokenizer: Tokenizer) -> None:
    parsed = read("thai.txt")
    chunks = chunk_document(parsed, "d", tokenizer)
    assert len(chunks) > 10
    assert max(len(chunk.text.encode()) for chunk in chunks) <= MAX_BYTES
    assert all(parsed.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)


def test_a_table_that_states_its_separator() -> None:
    assert read("sep.csv").text.splitlines() == [
        "- question: Which oil?; answer: ISO VG 46",
        "- question: How heavy?; answer: 4,5 kg",
    ]


def test_an_open_quote_is_named() -> None:
    (warning,) = read("unclosed.csv").warnings
    assert "in line 3 is not closed" in warning


def test_a_line_break_in_a_closed_cell_is_no_open_quote(tmp_path: Path) -> None:
    path = files.text(tmp_path / "a.csv", 'Name,Note\nAnna,"one\ntwo"\n')
    assert read_document(path, "a.csv").warnings == ()


def test_a_sheet_that_states_a_wrong_size_is_read_whole() -> None:
    lines = read("dimA1.xlsx").text.splitlines()[2:]
    assert len(lines) == 3
    assert lines[2] == "- question: Which oil is used?; answer: ISO VG 46"


def test_pages_without_text_are_counted() -> None:
    assert read("mixedscan.pdf").warnings[0].startswith("5 of 7 pages have no text")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("merged.xlsx", ["Price list 2024", "- Region: North; Product: X310; Net: 200"]),
        ("formats.xlsx", ["- Article: 00042; Discount: 25%; Valid from: 2024-03-01; Price: 1,234.50 EUR; Duration: 36:00"]),
        ("table.pdf", ["- Model: X310; Pressure (bar): 8; Warranty: 3 years"]),
        ("form.pdf", ["Company name: Northwind Pumps Ltd", "Delivery time in days: 21", "Certified ISO 9001: ticked"]),
        ("contract.docx", ["Contract number: MC-2024-117", "- Region: North; Product: X310; Price: 99", "The limit is p=3.5 bar.",
                           "Second box: torque is 12 Nm.", "Valid until 31 March 2027"]),
    ],
)  # fmt: skip
def test_values_keep_their_place(name: str, lines: list[str]) -> None:
    assert [line for line in read(name).text.splitlines() if line in lines] == lines


def test_formulas_that_nobody_calculated_are_counted() -> None:
    assert read("merged.xlsx").warnings[0].startswith("5 formula cells hold no saved value")


def test_a_wrong_declaration_is_not_followed_into_rare_code_pages(tmp_path: Path) -> None:
    page = (
        '<html><head><meta charset="utf-8"></head><body><p>Die Größe beträgt 4 m.</p></body></html>'
    )
    (tmp_path / "a.html").write_bytes(page.encode("cp1252"))
    assert read_document(tmp_path / "a.html", "a.html").text == "Die Größe beträgt 4 m."
    (tmp_path / "mac.txt").write_bytes("Der Schlüssel\rkostet fünf Euro.\r".encode("mac_roman"))
    assert "kostet fünf Euro" in read_document(tmp_path / "mac.txt", "mac.txt").text


def test_data_in_lines_of_one_length_is_left_out(tmp_path: Path) -> None:
    noise = random.Random(1)
    lines = "\n".join(base64.b64encode(noise.randbytes(48)).decode() for _ in range(30))
    digests = "\n".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(6))
    path = tmp_path / "key.txt"
    path.write_text(f"Use this key.\n{lines}\nQUJD\nThe lamp needs 12 volts.\n{digests}\n")
    read = read_document(path, "key.txt")
    assert read.text == f"Use this key.\nThe lamp needs 12 volts.\n{digests}"
    assert "data without words" in read.warnings[0]


def test_apostrophes_do_not_hide_quotation_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,note\n1,\'single\'\n2,"one, two"\n3,fine\n4,"never closed\n5,fine\n')
    read = read_document(path, "a.csv")
    assert "- id: 2; note: one, two" in read.text
    assert "line 5 is not closed" in read.warnings[0]


def test_bytes_that_any_shift_jis_could_be_are_not_taken_for_it(tmp_path: Path) -> None:
    text = "Wąż ma długość 4 m.\nCena: 12 zł za metr."
    (tmp_path / "hose.txt").write_bytes(text.encode("cp1250"))
    assert read_document(tmp_path / "hose.txt", "hose.txt").text == text
