"""Small difficult files, each made by a function that writes it to a path."""

from __future__ import annotations

import zipfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

TABLE = (
    ("Model", "Flow", "Pressure"),
    ("X200", "40", "6 bar"),
    ("X310", "", "8 bar"),
    ("X450", "95", ""),
)


def text(content: str, encoding: str = "utf-8") -> Any:
    return lambda path: path.write_bytes(content.encode(encoding))


def pdf(draw: Any, pages: int = 1) -> Any:
    """Draws every page with a function of the canvas and the page's number."""

    def make(path: Path) -> None:
        from reportlab.pdfgen.canvas import Canvas

        canvas = Canvas(str(path))
        for number in range(pages):
            canvas.setFont("Helvetica", 10)
            draw(canvas, number)
            canvas.showPage()
        canvas.save()

    return make


def ruled(canvas: Any, number: int) -> None:
    """A table with lines, of which one cell spans two columns."""
    from reportlab.platypus import Table

    rows = [["Pump sheet", "", ""], *map(list, TABLE)]
    table = Table(rows, style=[("GRID", (0, 0), (-1, -1), 1, "black"), ("SPAN", (0, 0), (2, 0))])
    table.wrapOn(canvas, 400, 400)
    table.drawOn(canvas, 72, 500)
    canvas.drawString(72, 700, "Before the table.")
    canvas.drawString(72, 400, "After the table.")


def unruled(canvas: Any, number: int) -> None:
    for row, cells in enumerate(TABLE):
        for column, cell in enumerate(cells):
            canvas.drawString(72 + 110 * column, 700 - 15 * row, cell)


def columns(canvas: Any, number: int) -> None:
    canvas.drawString(
        72, 760, "A heading that runs across both of the columns without any gap at all"
    )
    for line in range(8):
        canvas.drawString(72, 740 - 14 * line, f"Left line {line} of the text here.")
        canvas.drawString(320, 740 - 14 * line, f"Right line {line} of the text here.")


def headed(canvas: Any, number: int) -> None:
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(72, 760, "Kiln manual")
    canvas.setFont("Helvetica-Bold", 13)
    canvas.drawString(72, 730, "Glazing")
    canvas.setFont("Helvetica", 10)
    for line in range(6):
        canvas.drawString(
            72, 700 - 14 * line, "Fire the glaze at 1240 degrees for nine long hours."
        )


def running(canvas: Any, number: int) -> None:
    canvas.drawString(72, 800, "Northwind handbook, edition 2024")
    canvas.drawString(72, 700, f"Text of sheet {'ABCD'[number]}.")
    canvas.drawString(72, 600, f"More of sheet {'ABCD'[number]}.")
    canvas.drawString(72, 500, f"Last of sheet {'ABCD'[number]}.")
    canvas.drawString(300, 30, f"Page {number + 1} of 4")


def broken(canvas: Any, number: int) -> None:
    for line, words in enumerate(["The main-", "tenance of pumps", "is due each year."]):
        canvas.drawString(72, 700 - 14 * line, words)


def contents(canvas: Any, number: int) -> None:
    for line in range(3):
        canvas.drawString(
            72, 700 - 14 * line, f"{line + 1}.1 Chapter number {line} {'.' * 60} {line + 4}"
        )


def form(canvas: Any, number: int) -> None:
    canvas.drawString(72, 705, "Company:")
    canvas.acroForm.textfield(
        name="c", x=150, y=700, width=200, height=18, value="Northwind Ltd", fontSize=10
    )
    canvas.drawString(72, 675, "Certified:")
    canvas.acroForm.checkbox(name="k", x=150, y=672, size=14, checked=True)
    canvas.drawString(72, 645, "Exempt:")
    canvas.acroForm.checkbox(name="e", x=150, y=642, size=14, checked=False)


def docx(build: Any) -> Any:
    def make(path: Path) -> None:
        from docx import Document

        document = Document()
        document.add_heading("Contract", level=1)
        build(document)
        document.save(str(path))

    return make


def word_table(document: Any) -> None:
    table = document.add_table(rows=0, cols=3)
    for cells in TABLE:
        for cell, words in zip(table.add_row().cells, cells, strict=True):
            cell.text = words


def word_spans(document: Any) -> None:
    table = document.add_table(rows=4, cols=3)
    rows = [("Region", "Price", ""), ("", "Net", "Gross"), ("North", "5", "6"), ("", "7", "8")]
    for row, cells in enumerate(rows):
        for column, words in enumerate(cells):
            table.cell(row, column).text = words
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(2, 0).merge(table.cell(3, 0))


def word_frame(document: Any) -> None:
    section = document.sections[0]
    section.header.paragraphs[0].text = "Contract number: MC-2024-117"
    section.footer.paragraphs[0].text = "Valid until 31 March 2027"
    document.add_paragraph("The body.")


def word_xml(body: str) -> Any:
    """A Word file with this XML in its body."""

    def make(path: Path) -> None:
        from docx import Document
        from docx.oxml import parse_xml

        spaces = (
            'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
            'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
            'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
        )
        document = Document()
        document.element.body.insert(0, parse_xml(f"<w:p {spaces}>{body}</w:p>"))
        document.save(str(path))

    return make


def slides(build: Any) -> Any:
    def make(path: Path) -> None:
        from pptx import Presentation

        presentation = Presentation()
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = "Sales"
        build(slide)
        presentation.save(str(path))

    return make


def slide_table(slide: Any) -> None:
    table = slide.shapes.add_table(len(TABLE), 3, 0, 0, 4_000_000, 1_000_000).table
    for row, cells in enumerate(TABLE):
        for column, words in enumerate(cells):
            table.cell(row, column).text = words


def slide_chart(slide: Any) -> None:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("2023", (5, 7.5))
    data.add_series("2024", (6, None))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 3_000_000, 3_000_000, data)


def xlsx(rows: Any, merged: tuple[str, ...] = (), formats: dict[str, str] | None = None) -> Any:
    def make(path: Path) -> None:
        from openpyxl import Workbook

        workbook = Workbook()
        for row in rows:
            workbook.active.append(list(row))
        for cells in merged:
            workbook.active.merge_cells(cells)
        for cell, code in (formats or {}).items():
            workbook.active[cell].number_format = code
        workbook.save(path)

    return make


def epub(path: Path) -> None:
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        '<dc:title>Kiln book</dc:title></metadata><manifest><item id="b" href="two.xhtml"/>'
        '<item id="a" href="one.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    container = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("OPS/book.opf", opf)
        archive.writestr("OPS/two.xhtml", "<html><body><h1>Two</h1><p>The end.</p></body></html>")
        archive.writestr(
            "OPS/one.xhtml", "<html><body><h1>One</h1><p>Begin here.</p></body></html>"
        )


def opendocument(body: str) -> Any:
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (
            ("office", "office"),
            ("text", "text"),
            ("table", "table"),
            ("draw", "drawing"),
        )
    )

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
            archive.writestr(
                "content.xml",
                f"<office:document-content {spaces}><office:body>{body}</office:body></office:document-content>",
            )

    return make


def mail(path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Größe", "a@example.org", "b@example.org"
    message.set_content("The pump weighs 40 kg.", charset="iso-8859-1")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="sheet.pdf")
    path.write_bytes(message.as_bytes())
