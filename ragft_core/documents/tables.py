"""Tables: CSV and Excel. Each row becomes one line that can be read and retrieved by itself.

    - Product: X200; Price: 49 EUR; Warranty: 2 years

A chunk of a table without its header means nothing, so every line carries the column names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from ragft_core.documents.limits import MAX_CHARACTERS, MAX_COLUMNS, check_characters
from ragft_core.documents.text import decode, tidy
from ragft_core.errors import DocumentError


def read_csv(path: Path, name: str) -> tuple[str, str]:
    """Reads comma-, semicolon-, tab- or bar-separated values: (title, text)."""
    text = decode(path.read_bytes(), name)
    csv.field_size_limit(MAX_CHARACTERS)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), _dialect(text), strict=False)
        return "", tidy("\n".join(row_lines(rows, name)))
    except csv.Error as error:
        raise DocumentError(
            f"{name} cannot be read as a table: {error}.", "Export it again as CSV."
        ) from None


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:20_000], delimiters=",;\t|")
    except csv.Error:
        return csv.excel  # a single column has no delimiter to be found


def read_xlsx(path: Path, name: str) -> tuple[str, str]:
    """Reads every sheet of a workbook under its name; formulas count with their saved value."""
    from openpyxl import load_workbook

    workbook = load_workbook(path, read_only=True, data_only=True)
    parts: list[str] = []
    length = 0
    for sheet in workbook.worksheets:
        lines = list(row_lines(sheet.iter_rows(values_only=True), name, length))
        if lines:
            parts.append(f"## {sheet.title}\n\n" + "\n".join(lines))
            length += len(parts[-1])
    title = str(workbook.properties.title or "")
    workbook.close()
    return title, tidy("\n\n".join(parts))


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
