"""Builds a file of every format, good and bad, for the tests of documents and knowledge."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

BOMB_BYTES = 210 * 2**20


def pdf(path: Path, pages: Sequence[str], title: str = "", password: str = "") -> Path:
    from reportlab.lib import pdfencrypt
    from reportlab.pdfgen.canvas import Canvas

    encrypt = pdfencrypt.StandardEncryption(password) if password else None
    canvas = Canvas(str(path), encrypt=encrypt)
    if title:
        canvas.setTitle(title)
    for page in pages:
        for row, line in enumerate(page.splitlines()):
            canvas.drawString(72, 760 - 16 * row, line)
        canvas.showPage()
    canvas.save()
    return path


def scanned_pdf(path: Path) -> Path:
    """A page that shows a picture and has no text."""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path))
    canvas.rect(72, 72, 400, 600, fill=1)
    canvas.showPage()
    canvas.save()
    return path


def docx(path: Path, title: str, paragraphs: Sequence[str]) -> Path:
    from docx import Document

    document = Document()
    document.add_heading(title, level=1)
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text = "Colour"
    table.rows[0].cells[1].text = "teal"
    document.save(str(path))
    return path


def pptx(path: Path, slides: Sequence[tuple[str, str]], notes: str = "") -> Path:
    from pptx import Presentation

    presentation = Presentation()
    for title, body in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    presentation.save(str(path))
    return path


def xlsx(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> Path:
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    workbook.save(path)
    return path


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def rewrite(source: Path, target: Path, changes: dict[str, bytes]) -> Path:
    """Copies a zip archive with some members replaced or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            if member not in changes:
                new.writestr(member, old.read(member))
        for member, data in changes.items():
            new.writestr(member, data)
    return target


def bomb(source: Path, target: Path) -> Path:
    """A Word file with a member that unpacks to 210 MB."""
    return rewrite(source, target, {"word/media/zeros.bin": bytes(BOMB_BYTES)})


def lying_bomb(source: Path, target: Path) -> Path:
    """A bomb whose directory declares that the member unpacks to one kilobyte."""
    size = 30 * 2**20
    data = rewrite(source, target, {"word/media/zeros.bin": bytes(size)}).read_bytes()
    honest = size.to_bytes(4, "little")
    target.write_bytes(data.replace(honest, (1024).to_bytes(4, "little")))
    return target


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(
        f'<!ENTITY {chr(97 + i)} "{f"&{chr(96 + i)};" * 10}">'.encode() for i in range(1, 10)
    )
    + b"]><w:document>&j;</w:document>"
)


def encrypted_office(path: Path) -> Path:
    """The head of what Office writes for a file with a password: a compound file."""
    body = io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2048))
    body.seek(1024)
    body.write("EncryptedPackage".encode("utf-16-le"))
    path.write_bytes(body.getvalue())
    return path
