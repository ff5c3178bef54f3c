"""Every format in, text out; what cannot be read is refused in words."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ragft_core.documents import limits, sandbox
from ragft_core.documents.detect import clean_name
from ragft_core.documents.parse import ParsedDocument, read_document
from ragft_core.documents.readers.layout import Line, join_lines
from ragft_core.documents.sandbox import parse_files
from ragft_core.errors import DocumentError
from tests.documents import files


def refusal(path: Path, name: str | None = None) -> str:
    with pytest.raises(DocumentError) as caught:
        read_document(path, name or path.name)
    assert caught.value.remedy or "limit" in caught.value.message
    return str(caught.value)


def read(path: Path) -> ParsedDocument:
    return read_document(path, path.name)


def test_pdf_keeps_pages(tmp_path: Path) -> None:
    parsed = read(files.pdf(tmp_path / "a.pdf", ["First page.", "Second page."], "My report"))
    assert (parsed.title, parsed.format, parsed.n_pages) == ("My report", "pdf", 2)
    assert parsed.text[parsed.page_starts[1] :] == "Second page."


def test_pdf_lines_broken_by_the_layout_are_joined(tmp_path: Path) -> None:
    text = read(
        files.pdf(tmp_path / "a.pdf", ["The war-\nranty lasts\ntwo years.\nNext line"])
    ).text
    assert text == "The warranty lasts two years.\nNext line"


@pytest.mark.parametrize(
    ("broken", "joined"),
    [
        ("The kiln was made by\nGarrow.", "The kiln was made by Garrow."),
        ("It reaches 1,240\ndegrees in nine hours.", "It reaches 1,240 degrees in nine hours."),
        ("Safety\nWear gloves at all times.", "Safety\nWear gloves at all times."),
        ("One sentence here.\nAnother sentence.", "One sentence here.\nAnother sentence."),
        ("", ""),
    ],
)
def test_lines_are_joined_where_a_sentence_runs_on(broken: str, joined: str) -> None:
    assert join_lines([Line(line) for line in broken.split("\n")]) == joined


def test_pdf_title_written_by_a_program_is_not_used(tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "travel_policy.pdf", ["Text"], "Microsoft Word - x.docx")
    assert read(path).title == "travel policy"


def test_docx_becomes_markdown(tmp_path: Path) -> None:
    parsed = read(files.docx(tmp_path / "a.docx", "Warranty", ["Two years.", "Not for dogs."]))
    assert parsed.title == "Warranty"
    assert parsed.text.startswith("# Warranty\n\nTwo years.\n\nNot for dogs.")
    assert parsed.text.endswith("- Colour: teal")


def test_pptx_keeps_slides_and_notes(tmp_path: Path) -> None:
    slides = [("Plan", "Buy clay"), ("Budget", "900 euro")]
    parsed = read(files.pptx(tmp_path / "a.pptx", slides, notes="Say hello"))
    assert parsed.n_pages == 2
    second = parsed.text[parsed.page_starts[1] :]
    assert second == "## Budget\n\n- 900 euro\n\nNotes: Say hello"


def test_xlsx_rows_carry_their_column_names(tmp_path: Path) -> None:
    rows = [["Product", "Price"], ["Heron", 4200.0], [None, None], ["Wren", 950.5]]
    parsed = read(files.xlsx(tmp_path / "a.xlsx", {"Kilns": rows, "Empty": []}))
    assert parsed.text == (
        "## Kilns\n\n- Product: Heron; Price: 4200\n- Product: Wren; Price: 950.5"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["Product", "Note"], ["Heron", "large, blue" if delimiter != "," else "blue"]]
    body = "\n".join(delimiter.join(row) for row in rows)
    parsed = read(files.text(tmp_path / "a.csv", body))
    assert parsed.text == f"- Product: Heron; Note: {rows[1][1]}"


def test_csv_with_a_line_break_in_a_cell(tmp_path: Path) -> None:
    parsed = read(files.text(tmp_path / "a.csv", 'Name,Note\r\nAnna,"one\r\ntwo"\r\n'))
    assert parsed.text == "- Name: Anna; Note: one two"


def test_html_leaves_out_what_is_not_text(tmp_path: Path) -> None:
    page = (
        "<html><head><title>T</title><style>p{}</style></head><body><nav>Menu</nav>"
        "<h1>Care</h1><p>Use a <a href='http://x.example/'>soft</a> brush.</p>"
        "<img src='http://x.example/t.png'><script>alert(1)</script></body></html>"
    )
    parsed = read(files.text(tmp_path / "a.html", page))
    assert (parsed.title, parsed.text) == ("Care", "# Care\n\nUse a soft brush.")


def test_markdown_stays_as_it_is(tmp_path: Path) -> None:
    body = "Intro\n\n# Title *here*\n\n- a\n  - b"
    parsed = read(files.text(tmp_path / "a.md", body))
    assert (parsed.title, parsed.text) == ("Title *here*", body)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_text_encodings_are_told_apart(tmp_path: Path, encoding: str) -> None:
    body = "Größe: 5 €, „naïve“ café"
    assert read(files.text(tmp_path / "a.txt", body, encoding)).text == body


def test_line_ends_and_control_characters_are_tidied(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\ntwo\rthree  \n\n\n\nfour\x07")
    assert read(path).text == "one\ntwo\nthree\n\nfour"


def test_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", ["Secret"], password="x")
    assert "a.pdf is encrypted with a password" in refusal(path)


def test_scanned_pdf_says_so(tmp_path: Path) -> None:
    message = refusal(files.scanned_pdf(tmp_path / "a.pdf"))
    assert "1 page(s) but no text" in message
    assert "OCR" in message


def test_encrypted_office_file_is_refused(tmp_path: Path) -> None:
    assert "encrypted" in refusal(files.encrypted_office(tmp_path / "a.docx"))


def test_old_office_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert "before 2007" in refusal(tmp_path / "a.doc")


@pytest.mark.parametrize("name", ["a.pdf", "a.txt", "a.docx", "a.csv"])
def test_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert f"{name} is empty" in refusal(tmp_path / name)


def test_file_without_text_is_refused(tmp_path: Path) -> None:
    assert "holds no text" in refusal(files.text(tmp_path / "a.txt", " \n ---\n "))


@pytest.mark.parametrize("kind", ["pdf", "docx", "pptx", "xlsx"])
@pytest.mark.parametrize("damage", ["half", "noise"])
def test_damaged_file_is_refused(tmp_path: Path, kind: str, damage: str) -> None:
    path = tmp_path / f"a.{kind}"
    {
        "pdf": lambda: files.pdf(path, ["Page"] * 3),
        "docx": lambda: files.docx(path, "T", ["x"]),
        "pptx": lambda: files.pptx(path, [("T", "x")]),
        "xlsx": lambda: files.xlsx(path, {"S": [["a"], ["b"]]}),
    }[kind]()
    data = bytearray(path.read_bytes())
    if damage == "half":
        data = data[: len(data) // 2]
    else:
        for index in range(40, len(data) - 40, 7):
            data[index] ^= 0x5A
    path.write_bytes(data)
    assert path.name in refusal(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", "is named like a plain text, but it is a PDF"),
        ("a.docx", "is named like a Word document, but it is a PDF"),
    ],
)
def test_wrongly_named_pdf_is_refused(tmp_path: Path, name: str, words: str) -> None:
    path = files.pdf(tmp_path / "right.pdf", ["Text"])
    message = refusal(path, name)
    assert words in message
    assert "Rename it to end in .pdf" in message


def test_text_named_pdf_is_refused(tmp_path: Path) -> None:
    assert "but it is not one" in refusal(files.text(tmp_path / "a.pdf", "hello"))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"MZ\x90", "a program"), (b"\x89PNG\r\n", "a picture"), (b"PK\x03\x04", "damaged")],
)
def test_other_content_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.txt").write_bytes(data + bytes(100))
    assert words in refusal(tmp_path / "a.txt")


def test_binary_data_named_txt_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(range(1, 200)) * 20)
    assert "does not hold text" in refusal(tmp_path / "a.txt")


def test_unknown_extension_lists_what_is_supported(tmp_path: Path) -> None:
    message = refusal(files.text(tmp_path / "a.xyz", "hello"))
    assert ".docx" in message


def test_file_above_the_limit_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(200 * 2**20)
    assert "has 200 MB; the limit is 50 MB" in refusal(path)


def test_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = files.bomb(files.docx(tmp_path / "s.docx", "T", ["x"]), tmp_path / "a.docx")
    message = refusal(path)
    assert "200 MB and 100 times" in message


def test_zip_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = files.lying_bomb(files.docx(tmp_path / "s.docx", "T", ["x"]), tmp_path / "a.docx")
    assert path.name in refusal(path)


def test_small_file_with_a_high_ratio_is_read(tmp_path: Path) -> None:
    rows = [["Name"], *[["same text in every row"]] * 3000]
    parsed = read(files.xlsx(tmp_path / "a.xlsx", {"S": rows}))
    assert parsed.text.count("same text") == 3000


def test_archive_with_too_many_members_is_refused(tmp_path: Path) -> None:
    extra = {f"word/x{number}.bin": b"" for number in range(limits.MAX_ZIP_MEMBERS)}
    path = files.rewrite(files.docx(tmp_path / "s.docx", "T", ["x"]), tmp_path / "a.docx", extra)
    assert "the limit is 2,000" in refusal(path)


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx"])
def test_billion_laughs_is_refused(tmp_path: Path, kind: str) -> None:
    source = {
        "docx": lambda path: files.docx(path, "T", ["x"]),
        "pptx": lambda path: files.pptx(path, [("T", "x")]),
        "xlsx": lambda path: files.xlsx(path, {"S": [["a"], ["b"]]}),
    }[kind](tmp_path / f"s.{kind}")
    member = {
        "docx": "word/document.xml",
        "pptx": "ppt/presentation.xml",
        "xlsx": "xl/workbook.xml",
    }[kind]
    path = files.rewrite(source, tmp_path / f"a.{kind}", {member: files.LAUGHS})
    assert "declares XML entities" in refusal(path)


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    path = files.text(tmp_path / "a.csv", ",".join(f"c{i}" for i in range(300)) + "\n")
    assert "300 columns; the limit is 200" in refusal(path)


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    path = files.text(tmp_path / "a.txt", "a word " * (limits.MAX_CHARACTERS // 6))
    assert "5,000,000 characters" in refusal(path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\evil.pdf", "evil.pdf"),
        ("C:\\a\\b.txt", "b.txt"),
        ("a\x00b\n.txt", "ab.txt"),
        ("/", "unnamed"),
        ("x" * 300 + ".docx", "x" * 190 + ".docx"),
        ("'; DROP TABLE chunks; --.txt", "'; DROP TABLE chunks; --.txt"),
    ],
)
def test_display_name_has_no_path_in_it(name: str, shown: str) -> None:
    assert clean_name(name) == shown


def test_batch_goes_on_after_bad_files(tmp_path: Path) -> None:
    good = files.text(tmp_path / "a.txt", "Good text")
    bad = files.text(tmp_path / "b.pdf", "No pdf")
    results = list(parse_files([("a.txt", good), ("b.pdf", bad), ("c.txt", good)]))
    assert [isinstance(result, DocumentError) for result in results] == [False, True, False]


def test_file_that_takes_too_long_is_refused_alone(tmp_path: Path) -> None:
    good = files.text(tmp_path / "a.txt", "Good text")
    slow = files.text(tmp_path / "slow.html", "<div>" * 300_000 + "x")
    results = list(parse_files([("slow.html", slow), ("a.txt", good)], wall_s=6))
    assert isinstance(results[0], DocumentError)
    assert isinstance(results[1], ParsedDocument)


def test_child_that_dies_loses_only_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = files.text(tmp_path / "a.txt", "Good text")
    started: list[sandbox._Child] = []

    class Child(sandbox._Child):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)
            if len(started) == 1:
                self._process.kill()  # as the system does when memory runs out

    monkeypatch.setattr(sandbox, "_Child", Child)
    results = list(parse_files([("a.txt", good), ("b.txt", good)]))
    assert "could not be read: it broke its reader" in str(results[0])
    assert isinstance(results[1], ParsedDocument)


def test_twelve_files_cost_one_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    class Child(sandbox._Child):
        def __init__(self) -> None:
            super().__init__()
            started.append(1)

    monkeypatch.setattr(sandbox, "_Child", Child)
    good = files.text(tmp_path / "a.txt", "Good text")
    assert len(list(parse_files([("a.txt", good)] * 12))) == 12
    assert len(started) == 1


def test_table_with_too_much_text_is_refused(tmp_path: Path) -> None:
    path = files.text(tmp_path / "a.csv", "a,b\n" + "word,word\n" * 500_000)
    assert "5,000,000 characters" in refusal(path)


def in_child(code: str) -> str:
    setup = "from ragft_core.documents.worker import *; limit_process()\n"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", setup + code]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return f"{done.returncode} {done.stdout.strip()}"


def test_child_has_a_limit_of_memory() -> None:
    code = """
try:
    bytearray(2 * 2**30)
except MemoryError:
    print("refused")
"""
    assert in_child(code) == "0 refused"


def test_child_has_a_limit_of_computing_time() -> None:
    code = "allow_cpu_time(0)\nwhile True: pass"
    assert in_child(code).startswith(str(-signal.SIGXCPU))


def test_time_limit_is_one_for_each_file() -> None:
    code = """
import time
for _ in range(3):
    allow_cpu_time(1)
    end = time.process_time() + 0.8
    while time.process_time() < end:
        pass
print("done")
"""
    assert in_child(code) == "0 done"


@pytest.mark.parametrize(
    "act",
    [
        "open('/tmp/ragft-x', 'w')",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "__import__('subprocess').run(['true'])",
        "os.system('true')",
    ],
)
def test_child_may_not_write_connect_or_run(act: str) -> None:
    code = f"""
try:
    {act}
except PermissionError:
    print("denied")
"""
    assert in_child(code) == "0 denied"


def test_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    child = sandbox._Child()
    try:
        assert "canary" not in psutil.Process(child._process.pid).environ().values()
    finally:
        child.close()


def test_a_system_without_some_limit_reads_files_all_the_same(monkeypatch, capsys) -> None:
    import resource

    from ragft_core.documents import worker

    def refuses(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")  # what macOS says

    monkeypatch.setattr(resource, "setrlimit", refuses)
    monkeypatch.setattr(worker.sys, "addaudithook", lambda hook: None)
    worker.limit_process()
    worker.allow_cpu_time(5)
    said = capsys.readouterr().err
    assert "memory" in said
    assert "computing time" in said
