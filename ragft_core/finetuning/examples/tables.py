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
from ragft_core.documents.readers.grids import find_header, numbered
from ragft_core.documents.readers.sheets import csv_records, sheets_of, without_value
from ragft_core.errors import DocumentError, TrainingDataError
from ragft_core.finetuning.examples.columns import ShapeError, as_text, guess_columns
from ragft_core.finetuning.examples.shapes import combined, flat, rows_of

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
    table = _from_records(name, [[cell.strip() for cell in record] for record in records])
    return dataclasses.replace(table, warnings=(*warnings, *table.warnings))


def _from_records(name: str, records: list[list[str]]) -> Table:
    """A table from rows of cells; the header is found as in a document's table.

    Raises:
        TrainingDataError: There are no rows, or too many.
    """
    filled = [(number, row) for number, row in enumerate(records, start=1) if any(row)]
    if not filled:
        raise TrainingDataError(f"{name} has no rows.")
    found = find_header([row for _, row in filled], _header_rows(filled[0][1]))
    columns, body = found.columns, filled[found.first :]
    warnings = [f"Not used, above the names of columns: {text!r}." for text in found.captions]
    width = max(len(row) for _, row in body) if body else 0
    if not columns and width == 2 and body[0][1][0].endswith("?"):
        columns = ("question", "answer")
    elif not columns:
        columns = ("",) * width
        warnings.append("No names of columns were found: the columns are counted.")
    header = numbered(columns)
    _check_size(name, len(body), len(header))
    rows, bad = [], []
    for number, record in body:
        if any(record[len(header) :]):
            reason = f"has {len(record)} cells, the header {len(header)}: quote texts with commas"
            bad.append(BadRow(number, reason, record[0][:80]))
            continue
        cells = [*record, *[""] * (len(header) - len(record))]
        rows.append((number, dict(zip(header, cells, strict=False))))
    return Table(name, tuple(header), tuple(rows), tuple(bad), tuple(warnings))


def _header_rows(first: list[str]) -> int | None:
    """How many rows of names a first row begins, where its words tell; None where they do not."""
    if len(first) == 2 and first[0].endswith("?"):
        return 0  # a question and its answer
    return 1 if set(guess_columns(first)) & {"question", "answer"} else None


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
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise TrainingDataError(
                f"{name} unpacks to {unpacked / 1e6:.0f} MB; at most "
                f"{MOST_UNPACKED_BYTES / 1e6:.0f} MB are read.",
                "Save the rows you need as CSV.",
            )
        sheets = [sheet for sheet in sheets_of(io.BytesIO(data), name) if any(sheet.grid.rows)]
    except TrainingDataError:
        raise
    except DocumentError as error:
        raise TrainingDataError(error.message, error.remedy) from None
    except Exception as error:  # openpyxl raises whatever the file makes it stumble over
        raise TrainingDataError(
            f"{name} is no readable Excel file ({type(error).__name__}: {error}).",
            "Open it in a spreadsheet and save it as .xlsx or .csv again.",
        ) from None
    tables = [_from_records(name, sheet.grid.rows) for sheet in sheets]
    if not tables:
        raise TrainingDataError(f"{name} has no rows.")
    # The sheet that has questions and answers, or else the first.
    known = [{"question", "answer"} <= set(guess_columns(table.columns)) for table in tables]
    place = known.index(True) if any(known) else 0
    others = [sheet.title for sheet in sheets if sheet is not sheets[place]]
    warnings = (*tables[place].warnings, *without_value(sheets[place].n_without_value))
    if others:
        warnings += (f"Only the sheet {sheets[place].title!r} is used, not {', '.join(others)}.",)
    return dataclasses.replace(tables[place], warnings=warnings)


def _check_size(name: str, n_rows: int, n_columns: int) -> None:
    if n_rows > MOST_ROWS or n_columns > MOST_COLUMNS:
        raise TrainingDataError(
            f"{name} has {n_rows} rows and {n_columns} columns; at most {MOST_ROWS} rows and "
            f"{MOST_COLUMNS} columns are read.",
            "Bring a part of it.",
        )
