"""Word and PowerPoint files. ``limits.check_archive`` has looked at them before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragft_core.documents.limits import check_pages
from ragft_core.documents.readers.text import Reading, first_heading, tidy, to_markdown


def read_docx(path: Path, name: str) -> Reading:
    """Reads a Word document as Markdown. Pictures and comments are left out."""
    import mammoth
    from bs4 import BeautifulSoup

    with path.open("rb") as file:
        html = mammoth.convert_to_html(
            file,
            convert_image=mammoth.images.img_element(lambda image: {}),
            style_map="p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh",
            external_file_access=False,
        ).value
    text = to_markdown(BeautifulSoup(html, "html.parser"))
    return Reading(text, first_heading(text))


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
    return Reading(text.rstrip(), title or first_heading(text), tuple(starts))


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
        for row in shape.table.rows:
            yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
        yield ""
    elif getattr(shape, "has_text_frame", False):
        for paragraph in shape.text_frame.paragraphs:
            text = " ".join("".join(run.text for run in paragraph.runs).split())
            if text:
                yield f"{'  ' * paragraph.level}- {text}"
        yield ""
