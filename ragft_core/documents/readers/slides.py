"""PowerPoint files. ``limits.check_archive`` has looked at them before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragft_core.documents.limits import check_pages
from ragft_core.documents.readers.grids import Grid, lines_of, spread
from ragft_core.documents.readers.numbers import shown
from ragft_core.documents.readers.text import Reading, first_heading, tidy


def read_pptx(path: Path, name: str) -> Reading:
    """Reads a presentation; its slides are the pages.

    Every slide is a section under its title; speaker notes come last.
    """
    from pptx import Presentation

    presentation = Presentation(str(path))
    check_pages(len(presentation.slides), name, "slides")
    text, starts = "", []
    for number, slide in enumerate(presentation.slides, start=1):
        starts.append(len(text))
        text += tidy(_slide_text(slide, number)) + "\n\n"
    title = str(presentation.core_properties.title or "")
    # The title that PowerPoint writes into a file nobody named.
    title = "" if title in ("PowerPoint Presentation", "PowerPoint-Präsentation") else title
    ends = [*starts[1:], len(text)]
    n_empty = sum(
        not any(char.isalnum() for char in text[start:end].partition("\n")[2])
        and text.startswith(f"## Slide {number}\n", start)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )
    warnings = (f"{n_empty} of {len(starts)} slides have no text.",) if n_empty else ()
    return Reading(text.rstrip(), title or first_heading(text), tuple(starts), warnings)


def _slide_text(slide: Any, number: int) -> str:  # noqa: ANN401 - python-pptx has no types
    title = slide.shapes.title
    heading = " ".join(title.text_frame.text.split()) if title is not None else ""
    lines = [f"## {heading or f'Slide {number}'}", ""]
    others = [shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id]
    for shape in sorted(others, key=lambda shape: (shape.top or 0, shape.left or 0)):
        lines += _shape_lines(shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        lines += ["", f"Notes: {notes}"] if notes else []
    return "\n".join(lines)


def _shape_lines(shape: Any) -> Iterator[str]:  # noqa: ANN401
    if hasattr(shape, "shapes"):  # a group
        for inner in shape.shapes:
            yield from _shape_lines(inner)
    elif getattr(shape, "has_table", False):
        yield from lines_of(_table(shape.table), "The table")
        yield ""
    elif getattr(shape, "has_chart", False):
        yield from lines_of(_chart(shape.chart), "The chart")
        yield ""
    elif getattr(shape, "has_text_frame", False):
        for paragraph in shape.text_frame.paragraphs:
            text = " ".join("".join(run.text for run in paragraph.runs).split())
            if text:
                yield f"{'  ' * paragraph.level}- {text}"
        yield ""


def _table(table: Any) -> Grid:  # noqa: ANN401
    rows = [
        [
            (" ".join(cell.text.split()), cell.span_width, cell.span_height)
            for cell in row.cells
            if not cell.is_spanned
        ]
        for row in table.rows
    ]
    return spread(rows, 1 if table.first_row and len(rows) > 1 else None)


def _chart(chart: Any) -> Grid:  # noqa: ANN401
    """What a chart draws, as a table: a row for each category, a column for each series."""
    title = chart.chart_title.text_frame.text if chart.has_title else ""
    rows = [["Category"]]
    for plot in chart.plots:
        series = list(plot.series)
        rows[0] += [str(one.name or "Value") for one in series]
        values = [tuple(one.values) for one in series]
        for place, category in enumerate(plot.categories):
            cells = [column[place] if place < len(column) else None for column in values]
            rows.append([str(category), *map(shown, cells)])
        break  # a second plot draws over the same categories
    return Grid(rows, 1, " ".join(title.split()))
