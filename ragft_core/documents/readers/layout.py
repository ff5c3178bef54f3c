"""From words with places to lines in the order of reading: columns, tables, headings.

Places are in points from a page's upper left corner. A page is read in bands: what goes across
the whole page parts the columns above from those below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ragft_core.documents.readers.grids import Grid, lines_of, spread
from ragft_core.documents.readers.text import tidy

Word = dict[str, Any]
Box = tuple[float, float, float, float]

# A line that reaches this share of the longest one was full.
_FULL_LINE = 0.85
# Letters of a heading are larger than the text's by this factor, or bold and few.
_LARGER, _MUCH_LARGER = 1.15, 1.5
_HEADING_CHARACTERS = 120
# Columns are apart by at least this, in points, and have at least so many lines of so many words.
_GUTTER, _COLUMN_LINES, _COLUMN_WORDS = 9.0, 4, 3.0
# Cells of a table without lines are apart by so many heights of a letter.
_CELL_GAP, _TABLE_ROWS = 1.2, 3
# The dots between an entry of a table of contents and its page.
_LEADERS = re.compile(r"\s*(?:\.\s?){4,}\s*")
_NO_LETTER = re.compile(r"\(cid:\d+\)")  # a sign that the font does not name
_BULLETS = "•▪◦‣·–*"


@dataclass(frozen=True)
class Line:
    """A line of a page. ``whole`` is one that is joined with no other: a heading, a record."""

    text: str
    whole: bool = False


@dataclass(frozen=True)
class Place:
    """A page: its width, its words, and its ruled tables with their boxes."""

    width: float
    words: list[Word]
    tables: list[tuple[Box, list[list[str | None]]]]


@dataclass(frozen=True)
class _Row:
    """Words on one height, from left to right; or a table, which has lines already."""

    words: tuple[Word, ...]
    top: float
    records: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(word["text"] for word in self.words)


def lines_on(page: Place, body: float, name: str) -> list[Line]:
    """The lines of a page as they are read.

    Args:
        page: What is on it.
        body: The size of the text's letters in points, to tell headings.
        name: The file's name, for messages.
    """
    free = [word for word in page.words if not any(is_in(word, box) for box, _ in page.tables)]
    rows: list[_Row] = []
    # Three texts beside each other are a table; two may be columns, and are looked at after them.
    for column in _columns(list(_with_open_tables(_rows(free), name, 3)), page.width):
        rows += _with_open_tables(column, name, 2)
    for box, cells in page.tables:
        grid = spread(_covered(cells))
        table = _Row((), box[1], tuple(lines_of(grid, name)))
        # A table stands before the first row of its own columns that is below it.
        below = (i for i, row in enumerate(rows) if row.top > box[1] and _beside(row, box))
        rows.insert(next(below, len(rows)), table)
    found: list[Line] = []
    apart = _paragraph_gap(rows)
    for number, row in enumerate(rows):
        if number and row.words and row.top - rows[number - 1].top > apart:
            found.append(Line(""))
        if row.records:
            found += [Line(""), *(Line(line.strip(), True) for line in row.records), Line("")]
        else:
            level = _level(row, body)
            text, n_leaders = _LEADERS.subn(" … ", tidy(_NO_LETTER.sub("", row.text)))
            whole = (
                level > 0 or n_leaders > 0 or any(not word["size"] for word in row.words)
            )  # a form's field
            found.append(Line(f"{'#' * level} {text}" if level else text, whole))
    return found


def _paragraph_gap(rows: list[_Row]) -> float:
    """How far the tops of two lines are apart, in points, when a paragraph ends between them."""
    words = [word["bottom"] - word["top"] for row in rows for word in row.words if word["size"]]
    if not words:
        return 0.0
    pitches = [b.top - a.top for a, b in zip(rows, rows[1:], strict=False) if b.top > a.top]
    widest = 3 * median(words)
    return min(1.5 * median(pitches), widest) if pitches else widest


def is_in(word: Word, box: Box) -> bool:
    """Whether the middle of a word is in a box."""
    x, y = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return box[0] - 1 <= x <= box[2] + 1 and box[1] - 1 <= y <= box[3] + 1


def _beside(row: _Row, box: Box) -> bool:
    return not row.words or any(word["x1"] > box[0] and word["x0"] < box[2] for word in row.words)


def _rows(words: Iterable[Word]) -> list[_Row]:
    """Words gathered by their height on the page."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word["bottom"], word["x0"])):
        last = rows[-1] if rows else []
        if last and abs(last[0]["bottom"] - word["bottom"]) < 0.4 * (word["bottom"] - word["top"]):
            last.append(word)
        else:
            rows.append([word])
    return [_row(row) for row in rows]


def _row(words: Sequence[Word]) -> _Row:
    ordered = tuple(sorted(words, key=lambda word: word["x0"]))
    return _Row(ordered, min(word["top"] for word in ordered))


def _columns(rows: list[_Row], width: float) -> Iterator[list[_Row]]:
    """Stretches of rows as they are read; two columns are two stretches."""
    middle = _gutter(rows, width)
    if middle is None:
        yield rows
        return
    left: list[_Row] = []
    right: list[_Row] = []
    for row in rows:
        if row.records or _over(row, middle):
            yield from filter(None, (left, right))
            left, right = [], []
            yield [row]
            continue
        for side, words in (
            (left, [word for word in row.words if word["x1"] <= middle]),
            (right, [word for word in row.words if word["x0"] >= middle]),
        ):
            if words:
                side.append(_row(words))
    yield from filter(None, (left, right))


def _over(row: _Row, middle: float) -> bool:
    """Whether a row goes on over the gutter without a gap, as a heading across the page does."""
    if any(word["x0"] < middle < word["x1"] for word in row.words):
        return True
    before = [word["x1"] for word in row.words if word["x1"] <= middle]
    after = [word["x0"] for word in row.words if word["x0"] >= middle]
    return bool(before and after) and min(after) - max(before) < _GUTTER


def _gutter(rows: list[_Row], width: float) -> float | None:
    """The middle of the empty strip between two columns of running text, or None."""
    best: tuple[int, float] | None = None
    for middle in range(int(width * 0.35), int(width * 0.65), 3):
        left = right = clear = 0
        words = 0
        for row in rows:
            if row.records or _over(row, middle):
                continue
            n_left = sum(word["x1"] <= middle for word in row.words)
            n_right = len(row.words) - n_left
            left, right = left + bool(n_left), right + bool(n_right)
            clear += bool(n_left and n_right)
            words += len(row.words)
        full = words >= _COLUMN_WORDS * (left + right)
        if min(left, right) >= _COLUMN_LINES and full and clear >= 0.4 * len(rows):
            if best is None or clear > best[0]:
                best = (clear, float(middle))
    return best[1] if best else None


def _with_open_tables(rows: list[_Row], name: str, least: int) -> Iterator[_Row]:
    """Rows of which those in at least so many columns without ruled lines are records."""
    place = 0
    while place < len(rows):
        run = [_cells(rows[place])]
        if len(run[0]) < least or _is_form(rows[place]):
            yield rows[place]
            place += 1
            continue
        while place + len(run) < len(rows) and _same_table(run, _cells(rows[place + len(run)])):
            run.append(_cells(rows[place + len(run)]))
        starts = _starts(run)
        if len(run) >= _TABLE_ROWS and len(run[0]) >= least and starts:
            grid = Grid([_placed(cells, starts) for cells in run])
            yield _Row((), rows[place].top, tuple(lines_of(grid, name)))
            place += len(run)
        else:
            yield rows[place]
            place += 1


def _is_form(row: _Row) -> bool:
    return any(not word["size"] for word in row.words)


def _cells(row: _Row) -> list[tuple[float, float, str]]:
    """The words of a row, parted where the gap is wide: left and right edge, and text."""
    cells: list[tuple[float, float, str]] = []
    for word in row.words:
        gap = _CELL_GAP * (word["bottom"] - word["top"])
        if cells and word["x0"] - cells[-1][1] < gap:
            left, _, text = cells[-1]
            cells[-1] = (left, word["x1"], f"{text} {word['text']}")
        else:
            cells.append((word["x0"], word["x1"], word["text"]))
    return cells


def _same_table(
    run: list[list[tuple[float, float, str]]], cells: list[tuple[float, float, str]]
) -> bool:
    """Whether a row goes on with a table: it has cells, each under one cell of the first row."""
    first = run[0]
    if len(first) < 2 or not 2 <= len(cells) <= len(first):
        return False
    return all(sum(left < c[1] and right > c[0] for c in first) <= 1 for left, right, _ in cells)


def _starts(run: list[list[tuple[float, float, str]]]) -> list[tuple[float, float]]:
    """The columns' edges, widened by every row; empty where they run into each other."""
    edges = [(left, right) for left, right, _ in run[0]]
    for cells in run[1:]:
        for left, right, _ in cells:
            near = min(
                range(len(edges)),
                key=lambda i: max(edges[i][0] - right, left - edges[i][1], 0.0),
            )
            edges[near] = (min(edges[near][0], left), max(edges[near][1], right))
    apart = all(a[1] < b[0] for a, b in zip(edges, edges[1:], strict=False))
    return edges if apart else []


def _placed(cells: list[tuple[float, float, str]], edges: list[tuple[float, float]]) -> list[str]:
    row = [""] * len(edges)
    for left, right, text in cells:
        place = next(i for i, (a, b) in enumerate(edges) if left < b and right > a or left == a)
        row[place] = f"{row[place]} {text}".strip()
    return row


def _covered(cells: Sequence[Sequence[str | None]]) -> list[list[tuple[str, int, int]]]:
    """Cells with their spans: where a ruled table has no cell, the one to the left goes on."""
    rows: list[list[tuple[str, int, int]]] = []
    for row in cells:
        found: list[tuple[str, int, int]] = []
        for number, cell in enumerate(row):
            above = rows[-1] if rows else []
            if cell is not None:
                found.append((" ".join(tidy(cell).split()), 1, 1))
            elif found and (number == 0 or row[number - 1] is not None or not above):
                found.append((found[-1][0], 1, 1))
            elif number < len(above):
                found.append((above[number][0], 1, 1))
            else:
                found.append(("", 1, 1))
        rows.append(found)
    return rows


def _level(row: _Row, body: float) -> int:
    """The level of a heading, or 0 for a row of text."""
    text = row.text
    if not body or len(text) > _HEADING_CHARACTERS or not re.search(r"[^\W\d_]{2}", text):
        return 0
    size = median(word["size"] for word in row.words)
    if size >= _MUCH_LARGER * body:
        return 1
    if size >= _LARGER * body:
        return 2
    return 0


def join_lines(lines: Sequence[Line]) -> str:
    """Undoes the line breaks of the layout: hyphenated words, and sentences that run on.

    A line was broken by the page's width and not by its writer when the next one begins in lower
    case, or when it is nearly as long as the longest and no sentence ends with it.
    """
    full = _FULL_LINE * max((len(line.text) for line in lines if not line.whole), default=0)
    joined: list[str] = []
    before = Line("", True)
    for line in lines:
        runs_on = before.text[-1:].isalnum() or before.text.endswith((",", ";"))
        goes_on = line.text[:1].strip() and (line.text[:1].islower() or len(before.text) >= full)
        if before.whole or line.whole or line.text.startswith(tuple(_BULLETS)):
            joined.append(line.text)
        elif re.search(r"[a-zà-ÿ][-\u00ad]$", before.text) and line.text[:1].islower():
            joined[-1] = joined[-1][:-1] + line.text
        elif runs_on and goes_on:
            joined[-1] += " " + line.text
        else:
            joined.append(line.text)
        before = line
    return tidy("\n".join(joined))
