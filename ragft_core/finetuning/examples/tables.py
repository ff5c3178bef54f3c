"""Tables that people bring: CSV, JSON, JSON lines and Excel, read into rows of texts.

Everything is data: no formula is evaluated, nothing is executed, and sizes are bounded before
anything is unpacked. A row that cannot be read is listed with its number; the others go on.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ragft_core.documents.encoding import decode
from ragft_core.documents.tables import cell_text, csv_records
from ragft_core.errors import DocumentError, TrainingDataError
from ragft_core.finetuning.examples.shapes import ShapeError, as_text, combined, flat, rows_of

MOST_BYTES = 50_000_000
MOST_UNPACKED_BYTES = 200_000_000
MOST_ROWS = 20_000
MOST_COLUMNS = 200
FORMATS = ("csv", "tsv", "json", "jsonl", "xlsx")


@dataclass(frozen=True)
class BadRow:
    """A row that was left out: its number in the file, as a spreadsheet counts, and why."""

    row: int
    reason: str
    text: str = ""


@dataclass(frozen=True)
class Table:
    """A table as it was read: named columns, rows of texts with their numbers.

    ``warnings`` are sentences on what was guessed or not used.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    bad_rows: tuple[BadRow, ...] = ()
    warnings: tuple[str, ...] = ()


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
        try:
            text, warnings = decode(data, name)
        except DocumentError as error:
            raise TrainingDataError(str(error)) from None
        table = {"json": _read_json, "jsonl": _read_jsonl}.get(suffix, _read_csv)(name, text)
        table = dataclasses.replace(table, warnings=(*warnings, *table.warnings))
    if not table.rows and not table.bad_rows:
        raise TrainingDataError(f"{name} has no rows.", "A header alone is not enough.")
    return _understood(table)


def _understood(table: Table) -> Table:
    """The table with what spans several columns brought together; unused columns are told."""
    rows = [(number, combined(row)) for number, row in table.rows]
    columns = tuple(dict.fromkeys(column for _, row in rows for column in row)) or table.columns
    warnings = list(table.warnings)
    systems = Counter(row["system"] for _, row in rows if row.get("system"))
    if systems and "system" not in table.columns[:1]:
        usual, count = systems.most_common(1)[0]
        warnings.append(
            f"{sum(systems.values())} rows have a system text, {count} of them {usual[:80]!r}. "
            "Every arm is asked with the workspace's instruction instead: put it there if it "
            "matters."
        )
    return dataclasses.replace(table, rows=tuple(rows), columns=columns, warnings=tuple(warnings))


def _read_csv(name: str, text: str) -> Table:
    try:
        records, warnings = csv_records(text)
    except csv.Error as error:
        raise TrainingDataError(f"{name} is no readable CSV file: {error}.") from None
    filled = [record for record in records if any(cell.strip() for cell in record)]
    return dataclasses.replace(_from_records(name, filled), warnings=warnings)


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
    rows = rows_of(data)
    if rows is None:
        raise TrainingDataError(f"{name} holds no list of rows.", "Bring a list of objects.")
    return _from_items(name, enumerate(rows, start=1), [])


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
        try:
            row = flat(item)
        except ShapeError as reason:
            bad.append(BadRow(number, str(reason), as_text(item)[:80]))
            continue
        columns |= dict.fromkeys(row)
        rows.append((number, row))
    _check_size(name, len(rows), len(columns))
    filled = tuple((number, {c: row.get(c, "") for c in columns}) for number, row in rows)
    return Table(name, tuple(columns), filled, tuple(bad))


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
            [cell_text(cell) for cell in record]
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
