"""Files that are tables: CSV and Excel. ``grids`` says what their cells mean."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ragft_core.documents.encoding import decode
from ragft_core.documents.limits import MAX_CHARACTERS, MAX_COLUMNS, check_characters
from ragft_core.documents.readers.grids import Grid, lines_of, text_of
from ragft_core.documents.readers.numbers import shown
from ragft_core.documents.readers.text import Reading, tidy
from ragft_core.errors import DocumentError

_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)"')
# A formula whose cell ends without a value, as programs write it that cannot calculate.
_NO_VALUE = re.compile(
    rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook: its name, its cells as they are shown, and what they lack."""

    title: str
    grid: Grid
    n_without_value: int = 0


def read_csv(path: Path, name: str) -> Reading:
    """Reads comma-, semicolon-, tab- or bar-separated values."""
    text, warnings = decode(path.read_bytes(), name)
    try:
        rows, unclosed = csv_records(text)
    except csv.Error as error:
        raise DocumentError(
            f"{name} cannot be read as a table: {error}.", "Export it again as CSV."
        ) from None
    grid = Grid([[" ".join(cell.split()) for cell in row] for row in rows])
    return Reading(tidy(text_of(grid, name)), warnings=warnings + unclosed)


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
        if '"' in text:
            dialect.quotechar = (
                '"'  # an apostrophe at a cell's edges quotes only where this does not
            )
        return dialect
    except csv.Error:
        return type("Single", (csv.excel,), {})  # a single column has no delimiter to be found


def read_xlsx(path: Path, name: str) -> Reading:
    """Reads every sheet of a workbook under its name; formulas count with their saved value."""
    parts: list[str] = []
    length = n_without = 0
    with path.open("rb") as file:
        for sheet in sheets_of(file, name):
            lines = list(lines_of(sheet.grid, name, length))
            n_without += sheet.n_without_value
            if lines:
                parts.append(f"## {sheet.title}\n\n" + "\n".join(lines))
                length += len(parts[-1])
    return Reading(tidy("\n\n".join(parts)), warnings=without_value(n_without))


def without_value(n_cells: int) -> tuple[str, ...]:
    """The warning about formulas that nobody has calculated."""
    if not n_cells:
        return ()
    cells = "1 formula cell holds" if n_cells == 1 else f"{n_cells:,} formula cells hold"
    return (
        f"{cells} no saved value and could not be read: open the workbook in a spreadsheet, save "
        "it, and add it again.",
    )


def sheets_of(file: IO[bytes], name: str) -> Iterator[Sheet]:
    """The sheets of a workbook, their cells as texts the way a spreadsheet shows them.

    What a merged cell holds stands in every place it covers.

    Raises:
        DocumentError: There is too much text.
    """
    from openpyxl import load_workbook

    workbook = load_workbook(file, read_only=True, data_only=True)
    length = 0
    for sheet in workbook.worksheets:
        sheet.reset_dimensions()  # what a file says about its size may be wrong
        rows: list[list[str]] = []
        for cells in sheet.iter_rows(max_col=MAX_COLUMNS + 1):
            row = [_shown(cell) for cell in cells]
            while row and not row[-1]:
                row.pop()
            length += sum(map(len, row))
            check_characters(length, name)
            rows.append(row)
        # The library reads merged cells only where it keeps the whole workbook in memory.
        # It has no public name for that part of the file.
        inside: Any = sheet
        archive: Any = workbook
        xml = archive._archive.read(inside._worksheet_path)
        _merge(rows, xml)
        yield Sheet(sheet.title, Grid(rows), len(_NO_VALUE.findall(xml)))
    workbook.close()


def _shown(cell: Any) -> str:  # noqa: ANN401 - cells of several classes
    return "" if cell.value is None else shown(cell.value, cell.number_format)


def _merge(rows: list[list[str]], xml: bytes) -> None:
    """Writes the text of each merged cell into all the places that it covers."""
    from openpyxl.utils import column_index_from_string

    for left, top, right, bottom in _MERGED.findall(xml):
        first_column = column_index_from_string(left.decode()) - 1
        last_column = min(column_index_from_string(right.decode()), MAX_COLUMNS)
        first_row, last_row = int(top) - 1, min(int(bottom), len(rows))
        if first_row >= last_row or first_column >= len(rows[first_row]):
            continue
        text = rows[first_row][first_column]
        for row in rows[first_row:last_row] if text else ():
            row += [""] * (last_column - len(row))
            row[first_column:last_column] = [text] * (last_column - first_column)
