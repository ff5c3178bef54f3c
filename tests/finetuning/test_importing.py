"""Tables with every fault: the bad rows are listed, the others go in."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from openpyxl import Workbook

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.examples.importing import guess_mapping, import_examples, preview_import
from ragft_core.finetuning.examples.store import load_examples
from ragft_core.finetuning.examples.tables import MOST_ROWS, Table, read_table
from ragft_core.models.prompts import ABSTENTION
from ragft_core.types import QuestionKind, Split
from ragft_core.workspace import Workspace


def pairs(table) -> list[tuple[str, str]]:  # noqa: ANN001
    return [(e.question, e.answer) for e in preview_import(table).examples]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters_are_found(delimiter: str) -> None:
    text = (
        f"question{delimiter}answer\nHow long?{delimiter}three years\nHow much?{delimiter}9 euros\n"
    )
    table = read_table("a.csv", text.encode())
    assert pairs(table) == [("How long?", "three years"), ("How much?", "9 euros")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_encodings_are_read(encoding: str) -> None:
    table = read_table("a.csv", "Frage,Antwort\nWie groß?,zwölf\nWie alt?,acht\n".encode(encoding))
    assert pairs(table)[0] == ("Wie groß?", "zwölf")


def test_csv_cells_may_hold_commas_quotes_and_lines() -> None:
    text = 'question,answer\n"Which, of ""these""?","one\ntwo"\nB?,b\n'
    assert pairs(read_table("a.csv", text.encode()))[0] == ('Which, of "these"?', "one\ntwo")


def test_a_table_without_a_header_is_taken_as_questions_and_answers() -> None:
    table = read_table("a.csv", b"How long?,three years\nHow much?,nine euros\n")
    assert len(pairs(table)) == 2


def test_a_row_with_too_many_cells_is_listed_with_its_number() -> None:
    table = read_table("a.csv", b"question,answer\nA?,one\nB?,two,three\nC?,four\n")
    report = preview_import(table)
    assert len(report.examples) == 2
    assert [(bad.row, "3 cells" in bad.reason) for bad in report.rejected] == [(3, True)]


def test_json_and_json_lines_and_chats_are_read() -> None:
    rows = [{"question": "A?", "answer": "a"}, {"question": "B?", "answer": "b"}]
    lines = "\n".join(json.dumps(row) for row in rows)
    chats = [{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": r["question"]},
                           {"role": "assistant", "content": r["answer"]}]} for r in rows]  # fmt: skip
    expected = [("A?", "a"), ("B?", "b")]
    assert pairs(read_table("a.json", json.dumps(rows).encode())) == expected
    assert pairs(read_table("a.json", json.dumps({"data": rows}).encode())) == expected
    assert pairs(read_table("a.jsonl", lines.encode())) == expected
    assert pairs(read_table("a.json", lines.encode())) == expected
    assert pairs(read_table("a.json", json.dumps(chats).encode())) == expected


def test_a_broken_json_line_spoils_only_itself() -> None:
    data = b'{"question": "A?", "answer": "a"}\n{"question": "B?"\n[1]\n{"question": "C?", "answer": "c"}\n'
    report = preview_import(read_table("a.jsonl", data))
    assert len(report.examples) == 2
    assert [bad.row for bad in report.rejected] == [2, 3]


def excel(rows: list[list[object]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def test_excel_is_read_with_the_row_numbers_of_the_sheet() -> None:
    data = excel([["Question", "Answer"], ["How many?", 12], ["", "x"], ["How?", "so"]])
    report = preview_import(read_table("a.xlsx", data))
    assert [(e.question, e.answer) for e in report.examples] == [
        ("How many?", "12"),
        ("How?", "so"),
    ]
    assert [(bad.row, bad.reason) for bad in report.rejected] == [(3, "has no question")]


def test_an_excel_bomb_is_refused() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 220_000_000)
    with pytest.raises(TrainingDataError, match="unpacks to 220 MB"):
        read_table("a.xlsx", sink.getvalue())


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"   \n ", "is empty"),
        ("a.csv", b"question,answer\n", "has no rows"),
        ("a.csv", b"\x00\x01\x02\xff", "does not hold text"),
        ("a.json", b"{", "no valid JSON"),
        ("a.json", b"[" * 100_000, "no valid JSON"),
        ("a.json", b"3", "no list of rows"),
        ("a.xlsx", b"PK not a zip", "no readable Excel"),
        ("a.exe", b"MZ", "no table that can be read"),
        ("noending", b"a", "no ending"),
    ],
)
def test_files_that_are_no_tables_are_refused_in_words(name: str, data: bytes, words: str) -> None:
    with pytest.raises(TrainingDataError, match=words):
        read_table(name, data)


def test_too_many_rows_are_refused() -> None:
    data = "question,answer\n" + "".join(f"Q{i}?,a\n" for i in range(MOST_ROWS + 1))
    with pytest.raises(TrainingDataError, match=f"at most {MOST_ROWS} rows"):
        read_table("a.csv", data.encode())


def test_missing_columns_are_named_with_what_was_found() -> None:
    table = read_table("a.csv", b"id,colour\n1,red\n2,blue\n")
    with pytest.raises(
        TrainingDataError, match="no column for question and answer; found: id, colour"
    ):
        preview_import(table)


def test_columns_can_be_chosen() -> None:
    table = read_table("a.csv", b"id,colour\nWhat?,red\n")
    report = preview_import(table, {"question": "id", "answer": "colour"})
    assert report.examples[0].answer == "red"


def test_columns_are_guessed_by_many_names() -> None:
    table = read_table("a.csv", b"Customer,Message,Label\nx,Where is my order?,delivery\n")
    assert guess_mapping(table) == {"question": "Message", "answer": "Label"}


def test_every_bad_row_has_its_number_and_reason() -> None:
    text = (
        "question,answer,split\n"
        "A?,one,train\n"
        ",two,train\n"
        "C?,,train\n"
        "a ?,one,train\n"
        "A?,another,train\n"
        f"D?,{'x' * 5000},train\n"
        "E?,five,sometimes\n"
        "F?,six,TEST\n"
    )
    report = preview_import(read_table("a.csv", text.encode()))
    assert [e.question for e in report.examples] == ["A?", "F?"]
    assert report.examples[1].split is Split.TEST
    reasons = {bad.row: bad.reason for bad in report.rejected}
    assert reasons[3] == "has no question"
    assert reasons[4] == "has no answer"
    assert reasons[5] == "repeats row 2"
    assert "answers the question of row 2 differently" in reasons[6]
    assert "5000 characters in the answer" in reasons[7]
    assert "'sometimes'" in reasons[8]


def test_labels_and_abstentions_are_recognised() -> None:
    text = "text,label\n" + "".join(f"Message {i},label {i % 3}\n" for i in range(30))
    kinds = {e.kind for e in preview_import(read_table("a.csv", text.encode())).examples}
    assert kinds == {QuestionKind.LABEL}
    table = read_table("a.csv", f"question,answer\nA?,one\nB?,{ABSTENTION}\n".encode())
    assert preview_import(table).examples[1].kind is QuestionKind.UNANSWERABLE


def test_importing_twice_adds_nothing_twice(workspace: Workspace) -> None:
    table = read_table("a.csv", b"question,answer\nA?,one\nB?,two\n")
    assert len(import_examples(workspace, table).examples) == 2
    more = read_table("b.csv", b"question,answer\nA?,one\nC?,three\n")
    report = import_examples(workspace, more)
    assert [bad.reason for bad in report.rejected] == ["repeats an example that is there already"]
    assert [e.question for e in load_examples(workspace)] == ["A?", "B?", "C?"]


def test_a_table_without_a_usable_row_changes_nothing(workspace: Workspace) -> None:
    with pytest.raises(TrainingDataError, match="No row of a.csv can be used. Row 2 has no answer"):
        import_examples(workspace, read_table("a.csv", b"question,answer\nA?,\n"))
    assert load_examples(workspace) == []


def test_cells_are_data_and_nothing_else() -> None:
    table = read_table(
        "a.csv", b"question,answer\n=HYPERLINK(1)?,../../etc/passwd\n{{7*7}}?,<b>x</b>\n"
    )
    assert pairs(table) == [("=HYPERLINK(1)?", "../../etc/passwd"), ("{{7*7}}?", "<b>x</b>")]


def test_labels_reach_the_workspace_and_stay_in_their_order(workspace: Workspace) -> None:
    def table(*labels: str) -> Table:
        rows = [(n, {"text": f"Ticket {n} {x}", "label": x}) for n, x in enumerate(labels * 10)]
        return Table("t.csv", ("text", "label"), tuple(rows))

    import_examples(workspace, table("Billing", "Outage"))
    assert workspace.settings().labels == ("Billing", "Outage")
    import_examples(workspace, table("Access", "Billing"))
    assert workspace.settings().labels == ("Billing", "Outage", "Access")


def dialogue(*turns: tuple[str, object]) -> dict:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def jsonl(*items: dict) -> bytes:
    return "\n".join(map(json.dumps, items)).encode()


def test_an_alpaca_row_keeps_its_instruction_and_its_input() -> None:
    items = [
        {"instruction": "Which oil?", "input": "", "output": "ISO VG 46"},
        {"instruction": "Translate.", "input": "seal ring", "output": "Dichtring"},
        {"instruction": "Give the singular.", "input": "seal ring", "output": "seal ring"},
    ]
    wanted = [
        ("Which oil?", "ISO VG 46"),
        ("Translate.\n\nseal ring", "Dichtring"),
        ("Give the singular.\n\nseal ring", "seal ring"),
    ]
    assert pairs(read_table("a.json", json.dumps(items).encode())) == wanted
    text = "instruction,input,output\nTranslate.,seal ring,Dichtring\n"
    assert pairs(read_table("a.csv", text.encode())) == wanted[1:2]


def test_a_dialogue_keeps_what_was_said_before_and_its_system_text_is_told() -> None:
    rows = [
        dialogue(("system", "Be curt."), ("user", f"Where is order {n}?"), ("assistant", place),
                 ("user", "And when does it arrive?"), ("assistant", day))
        for n, place, day in ((7, "In Bremen.", "Friday."), (9, "In Hamburg.", "Monday."))
    ]  # fmt: skip
    table = read_table("a.jsonl", jsonl(*rows))
    first, second = pairs(table)
    assert first == (
        "User: Where is order 7?\nAssistant: In Bremen.\nUser: And when does it arrive?",
        "Friday.",
    )
    assert second[1] == "Monday."
    assert any("Be curt." in warning for warning in table.warnings)


def test_parts_of_a_turn_are_words_and_a_tool_call_is_no_answer() -> None:
    call = dialogue(("user", "Call the crane"), ("assistant", None))
    parts = dialogue(
        ("user", [{"type": "text", "text": "What is the load?"}, {"type": "image_url"}]),
        ("assistant", [{"type": "text", "text": "40 kg"}]),
    )
    share = {"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A"}]}
    table = read_table("a.jsonl", jsonl(parts, call, share))
    assert pairs(table) == [("What is the load?", "40 kg"), ("Q?", "A")]
    assert [bad.row for bad in table.bad_rows] == [2]
    assert "no answer in words" in table.bad_rows[0].reason


def test_squad_flat_and_nested_with_what_cannot_be_answered() -> None:
    qas = [
        {"question": "How heavy?", "answers": [{"text": "40 kg"}, {"text": "40 kilograms"}]},
        {"question": "What colour?", "answers": [], "is_impossible": True},
    ]
    context = "It is old. It weighs 40 kg. It is loud."
    data = {"data": [{"title": "Pump", "paragraphs": [{"context": context, "qas": qas}]}]}
    report = preview_import(read_table("squad.json", json.dumps(data).encode()))
    heavy, colour = report.examples
    assert (heavy.answer, heavy.alternatives) == ("40 kg", ("40 kilograms",))
    assert heavy.evidence == "It weighs 40 kg."
    assert colour.kind is QuestionKind.UNANSWERABLE
    flat = {"question": "How heavy?", "answers": {"text": ["40 kg"], "answer_start": [1]}}
    assert pairs(read_table("a.jsonl", jsonl(flat))) == [("How heavy?", "40 kg")]


def test_a_reference_is_the_answer_and_not_what_a_model_said() -> None:
    row = {"user_input": "Which oil?", "response": "Diesel?", "reference": "ISO VG 46"}
    assert pairs(read_table("a.jsonl", jsonl(row))) == [("Which oil?", "ISO VG 46")]
    several = {"question": "Which oil?", "answer": "Diesel?", "ground_truths": ["ISO 46", "VG 46"]}
    (example,) = preview_import(read_table("a.jsonl", jsonl(several))).examples
    assert (example.answer, example.alternatives) == ("ISO 46", ("VG 46",))


def test_promptfoo_tests_are_understood() -> None:
    checks = [{"type": "latency", "threshold": 1}, {"type": "icontains", "value": "ISO VG 46"}]
    item = {"vars": {"topic": "Which oil?"}, "assert": checks}
    assert pairs(read_table("a.json", json.dumps([item]).encode())) == [("Which oil?", "ISO VG 46")]
    sheet = b"question,__expected\nWhich oil?,icontains: ISO VG 46\n"
    assert pairs(read_table("a.csv", sheet)) == [("Which oil?", "ISO VG 46")]


def test_excels_separator_line_is_followed_and_an_open_quote_is_told() -> None:
    table = read_table("a.csv", b"sep=;\nquestion;answer\nHow heavy?;4,5 kg\n")
    assert pairs(table) == [("How heavy?", "4,5 kg")]
    open_quote = read_table("a.csv", b'question,answer\nA?,"one\nB?,two\nC?,three\n')
    assert "line 2 is not closed" in open_quote.warnings[0]


@pytest.mark.parametrize("text", ["2024-05-01T04:36 0xC386BBC4 err=1033\n" * 90, "設備" * 250])
def test_a_row_that_no_step_could_take_is_left_out_by_name(text: str) -> None:
    rows = jsonl({"question": text, "answer": "Unit 7"}, {"question": "How?", "answer": "so"})
    report = preview_import(read_table("a.jsonl", rows))
    assert [e.question for e in report.examples] == ["How?"]
    assert "tokens long" in report.rejected[0].reason


@pytest.mark.parametrize(
    "column", ["Gold answer", "expectedOutput", "reference_answer", "correct-answer", "ideal", "__expected"]
)  # fmt: skip
def test_whatever_is_marked_as_right_is_the_answer(column: str) -> None:
    text = f"question,answer,{column}\nWhich oil?,Diesel?,ISO VG 46\n"
    report = preview_import(read_table("a.csv", text.encode()))
    assert report.examples[0].answer == "ISO VG 46"
    assert report.warnings == ("Columns that are not used: answer.",)


def test_a_table_below_its_title_and_on_the_second_sheet_is_found() -> None:
    book = Workbook()
    book.active.append(["Read me first"])
    sheet = book.create_sheet("Pairs")
    for row in (["Questions of 2024"], [], ["question", "answer"], ["Which share?", 0.25]):
        sheet.append(row)
    sheet["B4"].number_format = "0%"
    sink = io.BytesIO()
    book.save(sink)
    table = read_table("a.xlsx", sink.getvalue())
    assert pairs(table) == [("Which share?", "25%")]
    assert table.rows[0][0] == 4
    assert any("Only the sheet 'Pairs' is used" in warning for warning in table.warnings)


def test_a_table_without_names_is_asked_about() -> None:
    table = read_table("a.csv", b"E-101,Restart the pump,3 min\nE-102,Call service,5 min\n")
    assert len(table.rows) == 2
    with pytest.raises(TrainingDataError, match="found: column 1, column 2, column 3"):
        preview_import(table)
    assert preview_import(table, {"question": "column 1", "answer": "column 2"}).examples


SHAPES: dict[str, tuple[str, object, list[tuple[str, str]]]] = {
    "dolly": ("a.json", [{"instruction": "How heavy?", "context": "It weighs 40 kg.",
                          "response": "40 kg", "category": "closed_qa"}],
              [("How heavy?\n\nIt weighs 40 kg.", "40 kg")]),
    "alpaca by other names": ("a.json", [{"Instruction": "Which oil?", "Input": "", "Response": "46"}],
                              [("Which oil?", "46")]),
    "prompt and completion as turns": (
        "a.json", [{"prompt": [{"role": "user", "content": "Load?"}],
                    "completion": [{"role": "assistant", "content": "40 kg"}]}], [("Load?", "40 kg")]),
    "preferred turns": (
        "a.json", [{"prompt": "Oil?", "chosen": [{"role": "assistant", "content": "46"}],
                    "rejected": [{"role": "assistant", "content": "68"}]},
                   {"chosen": [{"role": "user", "content": "Load?"}, {"role": "assistant", "content": "9 kg"}],
                    "rejected": [{"role": "user", "content": "Load?"}, {"role": "assistant", "content": "8"}]}],
        [("Oil?", "46"), ("Load?", "9 kg")]),
    "choices by place": ("a.json", [{"question": "Oil?", "choices": ["diesel", "46"], "answer": 1}],
                         [("Oil?\nA. diesel\nB. 46", "46")]),
    "choices by letter": ("a.json", [{"question": "Oil?", "answerKey": "B",
                                      "choices": {"text": ["diesel", "46"], "label": ["A", "B"]}}],
                          [("Oil?\nA. diesel\nB. 46", "46")]),
    "choices as columns": ("a.csv", "question,A,B,C,answer\nOil?,diesel,46,air,B\n",
                           [("Oil?\nA. diesel\nB. 46\nC. air", "46")]),
    "runs": ("a.json", [{"inputs": {"question": "Oil?"}, "outputs": {"answer": "46"}}], [("Oil?", "46")]),
    "splits": ("a.json", {"train": [{"question": "Oil?", "answer": "46"}],
                          "test": [{"question": "Load?", "answer": "9"}]}, [("Oil?", "46"), ("Load?", "9")]),
    "labels by number and name": ("a.csv", "text,label,label_text\nIt fails,1,technical\n",
                                  [("It fails", "technical")]),
    "one best among correct ones": ("a.csv", "Question,Correct Answers,Best Answer\nOil?,46; VG 46,46\n",
                                    [("Oil?", "46")]),
    "promptfoo's checks": (
        "a.csv", 'question,__expected\nOil?,icontains: 46\nLoad?,"contains-any: 9 kg, 9kg"\n'
        "Code?,javascript: output.length\nNo?,not-contains: 9\n", [("Oil?", "46"), ("Load?", "9 kg")]),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_shape_is_read_as_it_is_meant(shape: str) -> None:
    name, data, expected = SHAPES[shape]
    text = data if isinstance(data, str) else json.dumps(data)
    assert pairs(read_table(name, text.encode())) == expected


def test_any_of_several_answers_is_right() -> None:
    table = read_table("a.json", json.dumps([
        {"vars": {"question": "Load?"}, "assert": [{"type": "contains-any", "value": ["9 kg", "9kg"]}]}
    ]).encode())  # fmt: skip
    (example,) = preview_import(table).examples
    assert (example.answer, example.alternatives) == ("9 kg", ("9kg",))


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        ({"text": ["3", "1", "2"], "label": ["1", "2", "3"]}, "1"),
        ({"text": ["3", "1", "2"], "label": [1, 2, 3]}, 1),
        ([2, 3, 4], 3),
        (["2", "3", "4"], 1),
    ],
)
def test_a_number_names_the_choice_that_is_meant(choices: object, answer: object) -> None:
    row = {"question": "How many wheels?", "choices": choices, "answerKey": answer}
    table = read_table("a.json", json.dumps([row]).encode())
    assert [gold for _, gold in pairs(table)] == ["3"]


def test_an_answer_that_is_no_choice_is_left_out_with_the_reason() -> None:
    rows = [{"question": "Oil?", "choices": ["diesel", "46"], "answer": 7},
            {"question": "Oil?", "choices": ["diesel", "46"], "answer": "46"}]  # fmt: skip
    report = preview_import(read_table("a.json", json.dumps(rows).encode()))
    assert [example.answer for example in report.examples] == ["46"]
    assert "none of its choices" in report.rejected[0].reason


def test_where_no_row_can_be_read_the_reason_is_told() -> None:
    turns = [{"role": "user", "content": "Load?"}, {"role": "user", "content": "Hello?"}]
    with pytest.raises(TrainingDataError, match="Row 1 has no answer in words"):
        preview_import(read_table("a.jsonl", json.dumps({"messages": turns}).encode()))
