"""A decision record as a Word file, for questionnaires that are filled in there.

Made from the record's Markdown, so that both say the same: headings, paragraphs, lists and tables
become Word's own, in its styles, to be edited and restyled. Charts stay in the printable page.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.advisor.record.render import render_record, render_rfp

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph
    from markdown_it.token import Token

LISTS = {"bullet_list_open": "List Bullet", "ordered_list_open": "List Number"}
TABLE_STYLE = "Light Grid Accent 1"
TABLE_POINTS = 8
# Inches: between the margins, beside a cell's text, of a letter; the longest word kept whole.
ACROSS, MARGIN, PADDING, LETTER = 6.9, 0.8, 0.17, 0.075
LONGEST = 16


def render_docx(record: DecisionRecord) -> bytes:
    """The record as the bytes of a ``.docx`` file."""
    return markdown_docx(render_record(record, "markdown"), f"Which strategy: {record.workspace}")


def render_rfp_docx(record: DecisionRecord) -> bytes:
    """Common questions with answers from the record, as the bytes of a ``.docx`` file."""
    return markdown_docx(render_rfp(record), f"Questions about the AI strategy: {record.workspace}")


def markdown_docx(markdown: str, title: str) -> bytes:
    """Markdown as the bytes of a ``.docx`` file."""
    import docx
    from docx.shared import Inches
    from markdown_it import MarkdownIt

    document = docx.Document()
    for section in document.sections:
        section.left_margin = section.right_margin = Inches(MARGIN)
    document.core_properties.title = title
    document.core_properties.author = ""
    tokens = iter(MarkdownIt("commonmark").enable("table").parse(markdown))
    style = ""
    for token in tokens:
        if token.type in LISTS:
            style = LISTS[token.type]
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            style = ""
        elif token.type == "heading_open":
            level = int(token.tag[1:]) - 1
            _write(document.add_heading(level=level), next(tokens))
        elif token.type == "paragraph_open":
            _write(document.add_paragraph(style=style or None), next(tokens))
        elif token.type == "table_open":
            _table(document, list(_rows(tokens)))
        elif token.type in ("fence", "code_block"):
            _verbatim(document, token.content)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _rows(tokens: Iterator[Token]) -> Iterator[list[Token]]:
    """The cells of each row, up to the table's end."""
    row: list[Token] = []
    for token in tokens:
        if token.type == "table_close":
            return
        if token.type == "tr_open":
            row = []
        elif token.type == "inline":
            row.append(token)
        elif token.type == "tr_close":
            yield row


def _table(document: Document, rows: Sequence[Sequence[Token]]) -> None:
    from docx.shared import Inches, Pt

    table = document.add_table(rows=0, cols=max(map(len, rows)), style=TABLE_STYLE)
    table.autofit = False
    widths = _widths([[inline.content for inline in row] for row in rows])
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Inches(width)
    for row in rows:
        for cell, inline, width in zip(table.add_row().cells, row, widths, strict=False):
            cell.width = Inches(width)
            _write(cell.paragraphs[0], inline)
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(TABLE_POINTS)
    _repeat_heading(table.rows[0])
    document.add_paragraph()


def _widths(rows: Sequence[Sequence[str]]) -> list[float]:
    """The inches of each column: its longest word whole, the rest by how much stands in it."""
    least, more = [], []
    for place in range(max(map(len, rows))):
        texts = [row[place] for row in rows if len(row) > place]
        longest = max((len(word) for text in texts for word in text.split()), default=1)
        least.append(PADDING + LETTER * min(longest, LONGEST))
        more.append(sum(map(len, texts)) / len(texts))
    left = ACROSS - sum(least)
    if left < 0:
        return [ACROSS * one / sum(least) for one in least]
    return [one + left * part / (sum(more) or 1) for one, part in zip(least, more, strict=True)]


def _verbatim(document: Document, text: str) -> None:
    """Text as it is, line by line, in a fixed width."""
    from docx.shared import Pt

    run = document.add_paragraph().add_run(text.rstrip())
    run.font.name, run.font.size = "Consolas", Pt(TABLE_POINTS)


def _repeat_heading(row: Any) -> None:
    """Lets a table's first row stand on every page that it reaches."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _write(paragraph: Paragraph, inline: Token) -> None:
    """The text of an inline token, with what is bold, emphasised or code."""
    bold = emphasised = False
    for child in inline.children or ():
        if child.type in ("strong_open", "strong_close"):
            bold = child.type == "strong_open"
        elif child.type in ("em_open", "em_close"):
            emphasised = child.type == "em_open"
        elif child.type in ("softbreak", "hardbreak"):
            paragraph.add_run(" " if child.type == "softbreak" else "\n")
        elif child.content:
            run = paragraph.add_run(child.content)
            run.bold, run.italic = bold or None, emphasised or None
            if child.type == "code_inline":
                run.font.name = "Consolas"
