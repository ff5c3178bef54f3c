"""Tables that people bring: CSV, JSON, JSON lines and Excel, read into rows of texts.

Everything is data: no formula is evaluated, nothing is executed, and sizes are bounded before
anything is unpacked. A row that cannot be read is listed with its number; the others go on.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ragft_core.errors import TrainingDataError

MOST_BYTES = 50_000_000
MOST_UNPACKED_BYTES = 200_000_000
MOST_ROWS = 20_000
MOST_COLUMNS = 200
FORMATS = ("csv", "tsv", "json", "jsonl", "xlsx")
SEPARATOR = "\n"


@dataclass(frozen=True)
class BadRow:
    """A row that was left out: its number in the file, as a spreadsheet counts, and why."""

    row: int
    reason: str
    text: str = ""


@dataclass(frozen=True)
class Table:
    """A table as it was read: named columns, rows of texts with their numbers."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    bad_rows: tuple[BadRow, ...] = ()


def read_table(name: str, data: bytes) -> Table:
    """Reads a table from a file's bytes; the format follows from the name.

    Raises:
        TrainingDataError: The format is unknown, the file is too large, damaged or empty.
    """
    suffix = PurePath(name).suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise TrainingDataError(
            f"{name} is no table that can be read (.{suffix or 'no ending'}).",
            f"Bring one of: {', '.join(FORMATS)}.",
        )
    if len(data) > MOST_BYTES:
        raise TrainingDataError(
            f"{name} has {len(data) / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read.",
            "Fine-tuning here works with hundreds of examples: bring a part of it.",
        )
    if not data.strip():
        raise TrainingDataError(f"{name} is empty.")
    if suffix == "xlsx":
        table = _read_xlsx(name, data)
    else:
        text = _decode(name, data)
        table = {"json": _read_json, "jsonl": _read_jsonl}.get(suffix, _read_csv)(name, text)
    if not table.rows and not table.bad_rows:
        raise TrainingDataError(f"{name} has no rows.", "A header alone is not enough.")
    return table


def _decode(name: str, data: bytes) -> str:
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    if b"\x00" in data:
        raise TrainingDataError(f"{name} is not a text file.", "Is its ending right?")
    return data.decode("cp1252", errors="replace")  # what Excel writes on Windows


def _read_csv(name: str, text: str) -> Table:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
        # A sniffed dialect forgets that quotes are doubled inside quotes.
        reader = csv.reader(io.StringIO(text), delimiter=dialect.delimiter, doublequote=True)
        records = [record for record in reader if any(cell.strip() for cell in record)]
    except csv.Error:
        try:
            records = [r for r in csv.reader(io.StringIO(text)) if any(c.strip() for c in r)]
        except csv.Error as error:
            raise TrainingDataError(f"{name} is no readable CSV file: {error}.") from None
    return _from_records(name, records)


def _from_records(name: str, records: list[list[str]]) -> Table:
    """A table from records of which the first is the header."""
    if not records:
        raise TrainingDataError(f"{name} has no rows.")
    first = records[0]
    if len(first) == 2 and first[0].strip().endswith("?"):  # questions and answers, no header
        header, body, start = ["question", "answer"], records, 1
    else:
        header, body, start = _unique(first), records[1:], 2
    _check_size(name, len(body), len(header))
    rows, bad = [], []
    for number, record in enumerate(body, start=start):
        extra = [cell for cell in record[len(header) :] if cell.strip()]
        if extra:
            reason = f"has {len(record)} cells, the header {len(header)}: quote texts with commas"
            bad.append(BadRow(number, reason, record[0][:80]))
            continue
        cells = [*record, *[""] * (len(header) - len(record))]
        rows.append((number, {c: t.strip() for c, t in zip(header, cells, strict=False)}))
    return Table(name, tuple(header), tuple(rows), tuple(bad))


def _unique(names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        base = name.strip() or f"column {number}"
        found.append(base if base not in found else f"{base} ({number})")
    return found


def _read_json(name: str, text: str) -> Table:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        if text.lstrip().startswith("{") and "\n" in text.strip():
            return _read_jsonl(name, text)  # JSON lines under another name
        raise TrainingDataError(f"{name} is no valid JSON: {error}.") from None
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 else [data]
    if not isinstance(data, list):
        raise TrainingDataError(f"{name} holds no list of rows.", "Bring a list of objects.")
    return _from_items(name, enumerate(data, start=1), [])


def _read_jsonl(name: str, text: str) -> Table:
    items: list[tuple[int, Any]] = []
    bad: list[BadRow] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            items.append((number, json.loads(line)))
        except (json.JSONDecodeError, RecursionError) as error:
            bad.append(BadRow(number, f"is no valid JSON: {error}", line[:80]))
    return _from_items(name, items, bad)


def _from_items(name: str, items: Iterable[tuple[int, Any]], bad: list[BadRow]) -> Table:
    columns: dict[str, None] = {}
    rows: list[tuple[int, dict[str, str]]] = []
    for number, item in items:
        if not isinstance(item, dict):
            bad.append(BadRow(number, "is no object with named fields", str(item)[:80]))
            continue
        row = {str(key): _as_text(value) for key, value in _flat(item).items()}
        columns |= dict.fromkeys(row)
        rows.append((number, row))
    _check_size(name, len(rows), len(columns))
    filled = tuple((number, {c: row.get(c, "") for c in columns}) for number, row in rows)
    return Table(name, tuple(columns), filled, tuple(bad))


def _flat(item: dict[str, Any]) -> dict[str, Any]:
    """Chat rows (``messages`` or ``conversations``) become a question and an answer."""
    turns = item.get("messages", item.get("conversations"))
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return item
    said: dict[str, str] = {}
    for turn in turns:
        role = str(turn.get("role", turn.get("from", "")))
        said[role] = str(turn.get("content", turn.get("value", "")))
    rest = {k: v for k, v in item.items() if k not in ("messages", "conversations")}
    question = said.get("user", said.get("human", ""))
    return {"question": question, "answer": said.get("assistant", said.get("gpt", "")), **rest}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(part, (str, int, float)) for part in value):
        return SEPARATOR.join(str(part).strip() for part in value)
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_xlsx(name: str, data: bytes) -> Table:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise TrainingDataError(
                f"{name} unpacks to {unpacked / 1e6:.0f} MB; at most "
                f"{MOST_UNPACKED_BYTES / 1e6:.0f} MB are read.",
                "Save the rows you need as CSV.",
            )
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        limit = {"max_row": MOST_ROWS + 2, "max_col": MOST_COLUMNS + 1}
        records = [
            ["" if cell is None else str(cell) for cell in record]
            for record in sheet.iter_rows(values_only=True, **limit)
        ]
    except TrainingDataError:
        raise
    except Exception as error:  # openpyxl raises whatever the file makes it stumble over
        raise TrainingDataError(
            f"{name} is no readable Excel file ({type(error).__name__}: {error}).",
            "Open it in a spreadsheet and save it as .xlsx or .csv again.",
        ) from None
    width = max((len(r) - _trailing_blanks(r) for r in records), default=0)
    return _from_records(name, [r[:width] for r in records if any(cell.strip() for cell in r)])


def _trailing_blanks(record: list[str]) -> int:
    count = 0
    for cell in reversed(record):
        if cell.strip():
            break
        count += 1
    return count


def _check_size(name: str, n_rows: int, n_columns: int) -> None:
    if n_rows > MOST_ROWS or n_columns > MOST_COLUMNS:
        raise TrainingDataError(
            f"{name} has {n_rows} rows and {n_columns} columns; at most {MOST_ROWS} rows and "
            f"{MOST_COLUMNS} columns are read.",
            "Bring a part of it.",
        )
