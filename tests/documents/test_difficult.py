"""Files that are hard to read, and the lines that have to stand in their text, whole and in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ragft_core.documents import chunk_document
from ragft_core.documents.parse import read_document
from ragft_core.knowledge import Embedder
from tests.documents import difficult as make

PUMPS = (
    "- Model: X200; Flow: 40; Pressure: 6 bar",
    "- Model: X310; Pressure: 8 bar",
    "- Model: X450; Flow: 95",
)
HTML = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in make.TABLE)
PIPES = "\n".join("|" + "|".join(row) + "|" for row in (make.TABLE[0], ("-",) * 3, *make.TABLE[1:]))
SPANS = (
    "<table><thead><tr><th rowspan=2>Region<th colspan=2>Price<tr><th>Net<th>Gross</thead>"
    "<tr><td rowspan=2>North<td>5<td>6<tr><td>7<td>8</table>"
)
PRICES = (
    "- Region: North; Price Net: 5; Price Gross: 6",
    "- Region: North; Price Net: 7; Price Gross: 8",
)
BOX = "<w:r><w:pict><wps:txbx><w:txbxContent><w:p><w:r><w:t>Torque is 12 Nm.</w:t></w:r></w:p></w:txbxContent></wps:txbx></w:pict></w:r>"
RATIO = "<m:oMath><m:r><m:t>p=</m:t></m:r><m:f><m:num><m:r><m:t>F</m:t></m:r></m:num><m:den><m:r><m:t>A</m:t></m:r></m:den></m:f></m:oMath>"
CHANGE = '<w:r><w:t xml:space="preserve">In </w:t></w:r><w:del w:id="1"><w:r><w:delText>four</w:delText></w:r></w:del><w:ins w:id="2"><w:r><w:t>eight</w:t></w:r></w:ins><w:r><w:t xml:space="preserve"> hours</w:t></w:r>'
ODT_TABLE = "<table:table>" + "".join(
    "<table:table-row>" + "".join(f"<table:table-cell><text:p>{c}</text:p></table:table-cell>" for c in row) + "</table:table-row>"
    for row in make.TABLE
) + "</table:table>"  # fmt: skip
WIDE = (
    ",".join(f"Column {n}" for n in range(40))
    + "\nX200,"
    + ",".join(f"a value {n}" for n in range(1, 40))
)

CASES: dict[str, tuple[str, Callable[[Path], object], tuple[str, ...]]] = {
    "ruled table with a spanning title": ("a.pdf", make.pdf(make.ruled), ("Before the table.", "Pump sheet", *PUMPS, "After the table.")),
    "table without lines": ("a.pdf", make.pdf(make.unruled), PUMPS),
    "two columns": ("a.pdf", make.pdf(make.columns), ("Left line 7 of the text here.", "Right line 0 of the text here.", "Right line 7 of the text here.")),
    "headings by font": ("a.pdf", make.pdf(make.headed), ("# Kiln manual", "## Glazing")),
    "running header": ("a.pdf", make.pdf(make.running, 4), ("Northwind handbook, edition 2024", "Text of sheet A.", "Last of sheet D.")),
    "hyphenation": ("a.pdf", make.pdf(make.broken), ("The maintenance of pumps is due each year.",)),
    "table of contents": ("a.pdf", make.pdf(make.contents), ("1.1 Chapter number 0 … 4", "2.1 Chapter number 1 … 5")),
    "form": ("a.pdf", make.pdf(make.form), ("Company: Northwind Ltd", "Certified: ticked", "Exempt: not ticked")),
    "Word table": ("a.docx", make.docx(make.word_table), ("# Contract", *PUMPS)),
    "Word spans": ("a.docx", make.docx(make.word_spans), PRICES),
    "Word header and footer": ("a.docx", make.docx(make.word_frame), ("Contract number: MC-2024-117", "The body.", "Valid until 31 March 2027")),
    "Word text box": ("a.docx", make.word_xml(BOX), ("Torque is 12 Nm.",)),
    "Word equation": ("a.docx", make.word_xml(RATIO), ("p=F/A",)),
    "Word tracked change": ("a.docx", make.word_xml(CHANGE), ("In eight hours",)),
    "slide table": ("a.pptx", make.slides(make.slide_table), ("## Sales", *PUMPS)),
    "slide chart": ("a.pptx", make.slides(make.slide_chart), ("- Category: North; 2023: 5; 2024: 6", "- Category: South; 2023: 7.5")),
    "sheet with title and merged regions": (
        "a.xlsx",
        make.xlsx([["Prices"], [], ["Region", "Product", "Net"], ["North", "X2", 1], [None, "X3", 2]], ("A1:C1", "A4:A5")),
        ("Prices", "- Region: North; Product: X2; Net: 1", "- Region: North; Product: X3; Net: 2"),
    ),
    "number formats": (
        "a.xlsx",
        make.xlsx([["Article", "Share", "Price", "Debt"], [42, 0.25, 1234.5, -7]],
                  formats={"A2": "00000", "B2": "0%", "C2": '#,##0.00 "EUR"', "D2": "0.00;[Red](0.00)"}),
        ("- Article: 00042; Share: 25%; Price: 1,234.50 EUR; Debt: (7.00)",),
    ),
    "two tables on one sheet": (
        "a.xlsx", make.xlsx([["Part", "Price"], ["X2", 5], [], ["Town", "Agent"], ["Bonn", "Ann"]]),
        ("- Part: X2; Price: 5", "- Town: Bonn; Agent: Ann"),
    ),
    "two rows of names": (
        "a.xlsx", make.xlsx([["Region", "Price", None], [None, "Net", "Gross"], ["North", 5, 6], ["South", 7, 8]], ("A1:A2", "B1:C1")),
        ("- Region: North; Price Net: 5; Price Gross: 6",),
    ),
    "years name columns": ("a.csv", make.text("Product,2022,2023\nX2,5,6\nX3,7,8\n"), ("- Product: X2; 2022: 5; 2023: 6",)),
    "no names of columns": ("a.csv", make.text("E-101,Restart,3 min\nE-102,Call,5 min\n"), ("- E-101; Restart; 3 min", "- E-102; Call; 5 min")),
    "separator stated": ("a.csv", make.text("sep=;\nname;price\nX2;4,5\n"), ("- name: X2; price: 4,5",)),
    "title above": ("a.csv", make.text("Report 2024,,\n,,\n" + "\n".join(map(",".join, make.TABLE))), ("Report 2024", *PUMPS)),
    "wide row keeps its key": ("a.csv", make.text(WIDE), ("- Column 0: X200; Column 1: a value 1",)),
    "Chinese": ("a.csv", make.text("设备编号,处理方法\nA-17,更换三号泵的密封圈\n", "gb18030"), ("- 设备编号: A-17; 处理方法: 更换三号泵的密封圈",)),
    "web table": ("a.html", make.text(f"<table>{HTML}</table>"), PUMPS),
    "web spans, ends of cells not marked": ("a.html", make.text(SPANS), PRICES),
    "web names at the side": ("a.html", make.text("<table><tr><th>Weight<td>40 kg<tr><th>Height<td>2 m</table>"), ("- Weight: 40 kg", "- Height: 2 m")),
    "web layout table": ("a.html", make.text("<table><tr><td><h2>Care</h2><p>Oil it.</p></td><td>Menu</td></tr></table>"), ("## Care", "Oil it.", "Menu")),
    "web page in a form": ("a.html", make.text("<form><p>All the text.</p><select><option>x</select></form>"), ("All the text.",)),
    "Markdown table": ("a.md", make.text(f"# Pumps\n\n{PIPES}\n\nEnd."), ("# Pumps", *PUMPS, "End.")),
    "Markdown with a web table": ("a.md", make.text(f"Intro\n\n<table>{HTML}</table>\n\nEnd."), ("Intro", *PUMPS, "End.")),
    "front matter": ("a.md", make.text('---\ntitle: "Guide"\nowner: Ann\n---\n\nText.'), ("owner: Ann", "Text.")),
    "embedded picture": ("a.md", make.text(f"![logo](data:image/png;base64,{'QUJD' * 9000})\n\nThe lamp needs 12 volts."), ("logo", "The lamp needs 12 volts.")),
    "ligatures": ("a.txt", make.text("The of\ufb01ce needs \ufb01ve \ufb02oors, hy\u00adphen."), ("The office needs five floors, hyphen.",)),
    "book": ("a.epub", make.epub, ("# One", "Begin here.", "# Two", "The end.")),
    "OpenDocument": (
        "a.odt",
        make.opendocument(f'<office:text><text:h text:outline-level="2">Pumps</text:h><text:p>See<text:s/>below.</text:p>{ODT_TABLE}</office:text>'),
        ("## Pumps", "See below.", *PUMPS),
    ),
    "OpenDocument sheet": ("a.ods", make.opendocument(f"<office:spreadsheet>{ODT_TABLE}</office:spreadsheet>"), PUMPS),
    "message": ("a.eml", make.mail, ("Subject: Größe", "From: a@example.org", "The pump weighs 40 kg.")),
    "Rich Text": ("a.rtf", make.text(r"{\rtf1\ansi\ansicpg1252 Gr\'f6\'dfe: 5 \u8364?\par\trowd A\cell B\cell\row\trowd 1\cell 2\cell\row\pard Ende}"), ("Größe: 5 €", "- A: 1; B: 2", "Ende")),
    "log": ("a.log", make.text("2024-05-01 E-4031 valve stuck"), ("2024-05-01 E-4031 valve stuck",)),
}  # fmt: skip


def read(path: Path, case: str):  # noqa: ANN201
    name, build, _ = CASES[case]
    build(path / name)
    return read_document(path / name, name)


@pytest.mark.parametrize("case", CASES)
def test_a_difficult_file_is_read_whole(tmp_path: Path, case: str) -> None:
    lines = read(tmp_path, case).text.splitlines()
    rest = iter(lines)
    for expected in CASES[case][2]:
        assert any(line.startswith(expected) for line in rest), (expected, lines)


def test_what_runs_over_all_pages_is_kept_once(tmp_path: Path) -> None:
    text = read(tmp_path, "running header").text
    assert text.count("Northwind handbook") == 1
    assert "of 4" not in text


@pytest.mark.parametrize(
    ("case", "words"),
    [("message", "attached: sheet.pdf"), ("Chinese", "guessed to be gb18030")],
)
def test_what_was_left_out_is_said(tmp_path: Path, case: str, words: str) -> None:
    assert any(words in warning for warning in read(tmp_path, case).warnings)


@pytest.fixture(scope="module")
def tokenizer(embedder_folder: Path) -> Tokenizer:
    return Embedder(embedder_folder).tokenizer


@pytest.mark.parametrize(
    "case",
    [
        "ruled table with a spanning title", "Word table", "web table", "Markdown table", "slide table",
        "sheet with title and merged regions", "wide row keeps its key", "OpenDocument sheet",
    ],
)  # fmt: skip
def test_a_chunk_with_a_cell_has_its_row_and_its_column(
    tmp_path: Path, tokenizer: Tokenizer, case: str
) -> None:
    parsed = read(tmp_path, case)
    chunks = chunk_document(parsed, "d", tokenizer, 128 if "wide" in case else 40, overlap=0)
    assert all(parsed.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    row, cell = {
        "sheet with title and merged regions": ("Product: X3", "Net: 2"),
        "wide row keeps its key": ("Column 0: X200", "Column 38: a value 38"),
    }.get(case, ("Model: X310", "Pressure: 8 bar"))
    assert any(row in chunk.text and cell in chunk.text for chunk in chunks)
