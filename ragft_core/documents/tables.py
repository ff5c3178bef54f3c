"""Tables: CSV and Excel. Each row becomes one line that can be read and retrieved by itself.

    - Product: X200; Price: 49 EUR; Warranty: 2 years

A chunk of a table without its header means nothing, so every line carries the column names.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from ragft_core.documents.encoding import decode
from ragft_core.documents.limits import MAX_CHARACTERS, MAX_COLUMNS, check_characters
from ragft_core.documents.text import Reading, tidy
from ragft_core.errors import DocumentError

_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


def read_csv(path: Path, name: str) -> Reading:
    """Reads comma-, semicolon-, tab- or bar-separated values."""
    text, warnings = decode(path.read_bytes(), name)
    try:
        rows, unclosed = csv_records(text)
        lines = tidy("\n".join(row_lines(rows, name)))
    except csv.Error as error:
        raise DocumentError(
            f"{name} cannot be read as a table: {error}.", "Export it again as CSV."
        ) from None
    return Reading(lines, warnings=warnings + unclosed)


def csv_records(text: str) -> tuple[list[list[str]], tuple[str, ...]]:
    """The cells of separated values, and a warning where a quotation mark is not closed.

    The separator is what the file's first line states (``sep=;``), or else what is most likely.

    Raises:
        csv.Error: It cannot be read.
    """
    csv.field_size_limit(MAX_CHARACTERS)
    stated = _SEPARATOR.match(text)  # Excel's own line
    dialect = _dialect(text)
    if stated:
        dialect.delimiter = stated.group(1)
        text = text[stated.end() :]
    rows = list(csv.reader(io.StringIO(text, newline=""), dialect, strict=False))
    return rows, _unclosed(text, rows)


def _unclosed(text: str, rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """A warning where the last row runs to the end of the file because of an open quote."""
    n_lines = max((cell.count("\n") for cell in rows[-1]), default=0) if rows else 0
    if not n_lines or text.count('"') % 2 == 0:
        return ()
    n_before = len(text.rstrip("\n").splitlines()) - n_lines
    return (
        f"A quotation mark in line {n_before + 1} is not closed: the lines after it were read as "
        "one cell.",
    )


def _dialect(text: str) -> type[csv.Dialect]:
    """How the file is written; a class of its own, which may be changed."""
    try:
        dialect = csv.Sniffer().sniff(text[:20_000], delimiters=",;\t|")
        dialect.doublequote = True  # a sniffed dialect forgets that quotes are doubled in quotes
        return dialect
    except csv.Error:
        return type("Single", (csv.excel,), {})  # a single column has no delimiter to be found


def read_xlsx(path: Path, name: str) -> Reading:
    """Reads every sheet of a workbook under its name; formulas count with their saved value."""
    from openpyxl import load_workbook

    workbook = load_workbook(path, read_only=True, data_only=True)
    parts: list[str] = []
    length = 0
    for sheet in workbook.worksheets:
        sheet.reset_dimensions()  # what a file says about its size may be wrong
        lines = list(row_lines(sheet.iter_rows(values_only=True), name, length))
        if lines:
            parts.append(f"## {sheet.title}\n\n" + "\n".join(lines))
            length += len(parts[-1])
    title = str(workbook.properties.title or "")
    workbook.close()
    return Reading(tidy("\n\n".join(parts)), title)


def row_lines(rows: Iterable[Sequence[Any]], name: str, already: int = 0) -> Iterator[str]:
    """Turns rows into lines of ``column: value``; the first row that is not empty names columns.

    Args:
        rows: Cells of any type; None and blanks are left out of the line.
        name: The file's name, for messages.
        already: Characters that the document has so far.

    Raises:
        DocumentError: There are too many columns, or too much text.
    """
    header: list[str] | None = None
    for row in rows:
        cells = [cell_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MAX_COLUMNS:
            raise DocumentError(
                f"{name} has a row of {len(cells):,} columns; the limit is {MAX_COLUMNS}.",
                "Leave out the columns that hold no text.",
            )
        if header is None:
            header = cells
            continue
        names = [*header, *[""] * len(cells)]
        line = "- " + "; ".join(
            f"{names[index] or f'column {index + 1}'}: {cell}"
            for index, cell in enumerate(cells)
            if cell
        )
        already += len(line) + 1
        check_characters(already, name)
        yield line
    if header is not None and not already:
        yield "- " + "; ".join(cell for cell in header if cell)  # a header is all there is


def cell_text(value: Any) -> str:  # noqa: ANN401 - a cell holds anything
    """The text of a cell on one line: whole numbers without a point, dates in ISO form."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return " ".join(str(value).split())
