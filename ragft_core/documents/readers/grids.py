"""What the cells of a table mean: its title, its column names, its rows.

The one reading of tables for documents, training examples and question sets: a sheet, a CSV file,
a table in a page, a Word document, a slide or a PDF all become a grid of texts first, and the grid
is understood here. In a document, each row becomes one line that can be found and read alone:

    - Product: X200; Price: 49 EUR; Warranty: 2 years

A chunk of a table without its header means nothing, so every line carries the column names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ragft_core.documents.limits import MAX_COLUMNS, check_characters
from ragft_core.errors import DocumentError

Row = Sequence[str]
# About a chunk: a longer row is written as several lines, each with the row's first cell.
LONGEST_LINE = 400
_LOOKED_AT = 200  # rows below the first that tell whether it is a header
_YEAR = re.compile(r"(?:19|20)\d\d")
_AMOUNT = re.compile(r"[-+]?[\d.,'\s\u00a0]*\d[\d.,]*\s?(?:%|€|\$|£|¥|[A-Za-z]{1,4})?")


@dataclass(frozen=True)
class Grid:
    """Rows of texts, and how many of them are known to be a header; None where nobody says."""

    rows: list[list[str]]
    n_header: int | None = None
    caption: str = ""


@dataclass(frozen=True)
class Header:
    """Where a table's names stand.

    ``captions`` are the lines above them, ``columns`` is empty where the table has no header, and
    ``first`` is the index of the first row of data.
    """

    captions: tuple[str, ...]
    columns: tuple[str, ...]
    first: int


def spread(cells: Iterable[Iterable[tuple[str, int, int]]], n_header: int | None = None) -> Grid:
    """A grid of rows whose cells (text, column span, row span) may cover several places.

    A spanning cell's text stands in every place it covers, so that each row is whole.
    """
    rows: list[list[str]] = []
    pending: dict[int, tuple[str, int]] = {}  # column -> text and rows it still covers
    for row in cells:
        placed: dict[int, str] = {}
        below = {column: (text, left - 1) for column, (text, left) in pending.items() if left > 1}
        taken = {column: text for column, (text, _) in pending.items()}
        column = 0
        for text, columns, height in row:
            while column in taken:
                column += 1
            for place in range(column, min(column + max(1, columns), MAX_COLUMNS + 1)):
                placed[place] = text
                if height > 1:
                    below[place] = (text, height - 1)
            column += max(1, columns)
        placed |= taken
        pending = below
        rows.append([placed.get(place, "") for place in range(max(placed, default=-1) + 1)])
    return Grid(rows, n_header)


def find_header(rows: Sequence[Row], n_header: int | None = None) -> Header:
    """Finds the captions and the column names at the top of a table.

    A row above the names that says one thing only is a caption. A header in which a name spans
    several columns goes on in the next row. Where ``n_header`` is None, the first row is a header
    unless its cells are of the same kind as those below.
    """
    width = max((_filled(row) for row in rows), default=0)
    first, captions = 0, []
    while first < len(rows) - 1 and width > 1 and _says_one(rows[first], width):
        text = _only(rows[first])
        captions += [text] if text else []
        first += 1
    if first >= len(rows):
        return Header(tuple(captions), (), first)
    above = [*rows[first]]
    left = len(rows) - first
    if n_header is None:
        n_header = 0 if _is_data(above, rows[first + 1 : first + _LOOKED_AT]) else 1
        n_header += n_header and left > 2 and _spans(above) and not _has_numbers(rows[first + 1])
    elif n_header:
        n_header = max(1, n_header - first)
    names = rows[first : first + n_header]
    return Header(tuple(captions), _names(names), first + min(n_header, left))


def tables_in(grid: Grid) -> Iterator[tuple[Header, list[Row]]]:
    """The tables of a grid: after an empty row, a new header may begin another one."""
    blocks = _blocks(grid.rows)
    pending: list[Row] = []
    header: Header | None = None
    for block in blocks:
        if header is None:
            pending += block
            if all(_says_one_thing(row) for row in block) and block is not blocks[-1]:
                continue  # a title with an empty row below it
            header = find_header(pending, grid.n_header)
            body = list(pending[header.first :])
        elif _begins_anew(block, body):
            yield header, body
            header = find_header(block)
            body = list(block[header.first :])
        else:
            body += block
    if header is not None:
        yield header, body
    elif pending:
        yield Header((), (), 0), pending


def lines_of(grid: Grid, name: str, already: int = 0) -> Iterator[str]:
    """Turns a grid into lines of ``column: value``, one or more for each row.

    Args:
        grid: What was read.
        name: The file's name, for messages.
        already: Characters that the document has so far.

    Raises:
        DocumentError: There are too many columns, or too much text.
    """
    for row in grid.rows:
        if _filled(row) > MAX_COLUMNS:
            raise DocumentError(
                f"{name} has a row of {len(row):,} columns; the limit is {MAX_COLUMNS}.",
                "Leave out the columns that hold no text.",
            )
    if grid.caption:
        yield grid.caption + "\n"
    for number, (header, body) in enumerate(tables_in(grid)):
        if number:
            yield ""
        for caption in header.captions:
            yield caption + "\n"
        for line in _lines(header, body):
            already += len(line) + 1
            check_characters(already, name)
            yield line


def text_of(grid: Grid, name: str) -> str:
    """The lines of a grid as one text."""
    return "\n".join(lines_of(grid, name))


def _lines(header: Header, body: Sequence[Row]) -> Iterator[str]:
    columns = header.columns
    if not body and columns:  # a header is all there is
        pair = len(columns) == 2 and all(columns)
        yield "- " + (": " if pair else "; ").join(filter(None, columns))
    for row in body:
        if not any(row) or tuple(row) == columns:  # a header repeated on the next page
            continue
        if len(set(filter(None, row))) == 1 and sum(map(bool, row)) > 2:
            yield f"- {_only(row)}"  # a row across the table
        elif columns:
            yield from _record(columns, row)
        elif len(row) == 2 and all(row):
            yield f"- {row[0].rstrip(':')}: {row[1]}"
        else:
            yield "- " + "; ".join(filter(None, row))


def _record(columns: Sequence[str], row: Row) -> Iterator[str]:
    names = [*columns, *[""] * len(row)]
    parts = [
        f"{names[index] or f'column {index + 1}'}: {cell}" for index, cell in enumerate(row) if cell
    ]
    key, line = parts[0], ""
    for part in parts:
        if line and len(line) + len(part) > LONGEST_LINE:
            yield line
            line = f"- {key}" if len(key) < LONGEST_LINE // 3 else ""
        line = f"{line}; {part}" if line else f"- {part}"
    yield line


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns' names; names above each other are joined, equal ones once."""
    width = max(map(len, rows), default=0)
    stacked = [
        list(dict.fromkeys(row[column] for row in rows if column < len(row) and row[column]))
        for column in range(width)
    ]
    return tuple(" ".join(parts) for parts in stacked)


def _blocks(rows: Sequence[Row]) -> list[list[Row]]:
    blocks: list[list[Row]] = [[]]
    for row in rows:
        if any(row):
            blocks[-1].append(row)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _begins_anew(block: Sequence[Row], body: Sequence[Row]) -> bool:
    """Whether a block after an empty row has a header of its own."""
    if len(block) < 2 or not body:
        return False
    if _says_one_thing(block[0]) and not all(map(_says_one_thing, block)):
        return True
    columns = range(min(len(block[0]), max(map(len, body))))
    numeric = [
        column
        for column in columns
        if all(_is_amount(row[column]) for row in body if column < len(row) and row[column])
    ]
    return any(block[0][column] and not _is_amount(block[0][column]) for column in numeric)


def _is_data(first: Row, below: Sequence[Row]) -> bool:
    """Whether a first row is of the same kind as the rows below, and so no header."""
    if not below or (first and not first[0]):
        return False
    numbers = [column for column, cell in enumerate(first) if _is_amount(cell)]
    if numbers and all(_YEAR.fullmatch(first[column]) for column in numbers):
        cells = [row[column] for row in below for column in numbers if column < len(row)]
        if not all(_YEAR.fullmatch(cell) for cell in cells if cell):
            return False  # a year names each column
    for column, cell in enumerate(first):
        values = [row[column] for row in below if column < len(row) and row[column]]
        if not cell or not values or not any(char.isdigit() for char in cell):
            continue
        alike = sum(_shape(value) == _shape(cell) for value in values)
        if 2 * alike > len(values) and not _counted(first, column):
            return True
    return False


def _counted(first: Row, column: int) -> bool:
    """Whether a cell is one of names that count up, as ``Q1, Q2, Q3`` or ``10, 20, 30, 40``."""
    shape = _shape(first[column])
    alike = [cell for cell in first if _shape(cell) == shape]
    values = [float(re.sub(r"[^\d.]", "", cell.replace(",", ".")).strip(".") or 0) for cell in alike
              if cell.count(".") + cell.count(",") < 2]  # fmt: skip
    return len(values) > 2 and values == sorted(set(values))


def _shape(text: str) -> str:
    """What a value looks like: ``X200`` and ``X310`` are alike, and so are ``49 EUR`` and ``5 EUR``."""
    if _is_amount(text):
        return "number " + re.sub(r"[\d.,'\s+\-]", "", text)
    text = re.sub(r"\d+", "9", text)
    return re.sub(r"[^\W\d_]+", "a", text)


def _is_amount(text: str) -> bool:
    return bool(_AMOUNT.fullmatch(text.strip()))


def _has_numbers(row: Row) -> bool:
    return any(_is_amount(cell) for cell in row)


def _filled(row: Row) -> int:
    """How far a row goes: the place of its last cell with text."""
    return max((index + 1 for index, cell in enumerate(row) if cell), default=0)


def _says_one(row: Row, width: int) -> bool:
    """Whether a row is a caption: empty, its first cell alone, or one cell across the table."""
    filled = [cell for cell in row if cell]
    if len(filled) <= 1:
        return not filled or bool(row[0])
    return len(set(filled)) == 1 and len(filled) > width / 2 and len(filled) > 1


def _says_one_thing(row: Row) -> bool:
    return len(set(filter(None, row))) == 1


def _only(row: Row) -> str:
    return next((cell for cell in row if cell), "")


def _spans(row: Row) -> bool:
    """Whether a name stands in neighbouring places, as one that spans them does."""
    return any(a and a == b for a, b in zip(row, row[1:], strict=False))


def numbered(columns: Iterable[str]) -> list[str]:
    """Names of which each is there once: empty ones get their number, repeated ones too."""
    seen: Counter[str] = Counter()
    found = []
    for number, column in enumerate(columns, start=1):
        base = column.strip() or f"column {number}"
        found.append(f"{base} ({number})" if seen[base] else base)
        seen[base] += 1
    return found
