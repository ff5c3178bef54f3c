"""Makes the samples' generated files of their sources: ``python -m ragft_core.samples.build``.

    knowledge/source/*.md           -> knowledge/documents/*.docx, *.pdf, *.pptx
    knowledge/source/questions.txt  -> knowledge/examples.jsonl
    triage/source/messages.txt      -> triage/examples.jsonl

For developers only: it needs python-docx and reportlab, which ``tests/requirements.txt`` brings.
The same sources give the same bytes. It understands as much Markdown as the sources use: two
levels of headings, paragraphs and bullet points.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from io import BytesIO
from itertools import groupby
from pathlib import Path

from ragft_core.models.prompts import ABSTENTION
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.values import to_dict
from ragft_core.workspace import write_text

FOLDER = Path(__file__).parent
FORMATS = {
    "bittern-product-sheet": "pdf",
    "incident-report-2025-03": "docx",
    "service-manual": "pdf",
    "studio-courses": "pptx",
    "supplier-agreement": "pdf",
    "travel-policy": "docx",
    "warranty-policy": "docx",
}
AUTHOR = "Dunmarrow Kilns"
# Office files carry dates; a fixed one keeps the bytes the same.
WRITTEN = datetime(2026, 1, 15, 9, 0, 0)  # noqa: DTZ001 - both libraries want it without a zone

Block = tuple[str, str]  # kind (h1, h2, item or text) and the text on one line


def main() -> None:
    """Writes all generated files."""
    knowledge, triage = FOLDER / "knowledge", FOLDER / "triage"
    writers: dict[str, Callable[[list[Block]], bytes]] = {
        "docx": docx_bytes,
        "pdf": pdf_bytes,
        "pptx": pptx_bytes,
    }
    for name, kind in FORMATS.items():
        source = (knowledge / "source" / f"{name}.md").read_text(encoding="utf-8")
        target = knowledge / "documents" / f"{name}.{kind}"
        target.write_bytes(writers[kind](list(blocks(source))))
    for folder, examples in ((knowledge, knowledge_examples()), (triage, triage_examples())):
        rows = (json.dumps(to_dict(example), ensure_ascii=False) for example in examples)
        write_text(folder / "examples.jsonl", "".join(f"{row}\n" for row in rows))


def blocks(markdown: str) -> Iterator[Block]:
    """Cuts a source into headings, paragraphs and bullet points, each on one line."""
    for part in re.split(r"\n\s*\n", markdown.strip()):
        for piece in re.split(r"\n(?=- |#)", part.strip()):
            line = " ".join(piece.split())
            mark = re.match(r"(##?|-) ", line)
            kind = {"#": "h1", "##": "h2", "-": "item"}[mark.group(1)] if mark else "text"
            yield kind, line[mark.end() :] if mark else line


def docx_bytes(content: list[Block]) -> bytes:
    """A Word document with real headings and lists."""
    from docx import Document

    document = Document()
    for kind, text in content:
        if kind in ("h1", "h2"):
            document.add_heading(text, level=1 if kind == "h1" else 2)
        else:
            document.add_paragraph(text, style="List Bullet" if kind == "item" else None)
    _name(document.core_properties, content[0][1])
    buffer = BytesIO()
    document.save(buffer)
    return _same_dates(buffer.getvalue())


def pptx_bytes(content: list[Block]) -> bytes:
    """A presentation: the first heading is the title slide, every other one a slide of points."""
    from pptx import Presentation
    from pptx.util import Pt

    presentation = Presentation()
    slide = None
    for kind, text in content:
        if kind in ("h1", "h2"):
            layout = presentation.slide_layouts[0 if kind == "h1" else 1]
            slide = presentation.slides.add_slide(layout)
            slide.shapes.title.text = text
            continue
        assert slide is not None, "a source begins with a heading"
        frame = slide.placeholders[1].text_frame
        paragraph = frame.add_paragraph() if frame.text else frame.paragraphs[0]
        paragraph.text = text
        paragraph.font.size = Pt(24)
    _name(presentation.core_properties, content[0][1])
    buffer = BytesIO()
    presentation.save(buffer)
    return _same_dates(buffer.getvalue())


def pdf_bytes(content: list[Block]) -> bytes:
    """A4 pages with running text."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
    from reportlab.lib.units import cm
    from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate

    sheet = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=sheet["BodyText"], fontSize=10.5, leading=15)
    item = ParagraphStyle("item", parent=body, leftIndent=14, bulletIndent=3, spaceBefore=1)
    heading = ParagraphStyle("heading", parent=sheet["Heading2"], keepWithNext=1)
    styles = {"h1": sheet["Title"], "h2": heading, "text": body, "item": item}
    flow: list[Flowable] = [
        Paragraph(text, styles[kind], bulletText="\u2022" if kind == "item" else None)
        for kind, text in content
    ]
    buffer = BytesIO()
    margins = {f"{side}Margin": 2.4 * cm for side in ("left", "right", "top", "bottom")}
    SimpleDocTemplate(
        buffer, pagesize=A4, title=content[0][1], author=AUTHOR, invariant=1, **margins
    ).build(flow)
    return buffer.getvalue()


def _name(properties: object, title: str) -> None:
    values = {"title": title, "author": AUTHOR, "last_modified_by": AUTHOR, "comments": ""}
    for key, value in {**values, "created": WRITTEN, "modified": WRITTEN}.items():
        setattr(properties, key, value)


def _same_dates(data: bytes) -> bytes:
    """Writes a zip file anew, with one date for every member."""
    buffer = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(data)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            info = zipfile.ZipInfo(name, WRITTEN.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(name))
    return buffer.getvalue()


def knowledge_examples() -> list[Example]:
    """The examples of ``knowledge/source/questions.txt``; the file explains its own form."""
    source = FOLDER / "knowledge" / "source" / "questions.txt"
    return [example for head, body in _sections(source) for example in _questions(head, body)]


def _questions(head: list[str], body: list[str]) -> Iterator[Example]:
    """The examples of one fact, or of one of the sections without a document."""
    evidence = " ".join(line[2:] for line in body if line.startswith("> "))
    wordings = [line for line in body if line[:2] in ("- ", "? ")]
    trained = any(line.startswith("- ") for line in wordings)
    for number, line in enumerate(wordings, start=1):
        question, *answers = [part.strip() for part in line[2:].split(" | ")]
        split = Split.TRAIN if line.startswith("- ") else Split.TEST
        document, fact = "", f"{head[0]}-{number}"
        if head[0] == "unanswerable":
            kind, answers = QuestionKind.UNANSWERABLE, [ABSTENTION]
        elif head[0] == "general":
            kind = QuestionKind.GENERAL
        else:
            kind = QuestionKind.TRAINED_FACT if trained else QuestionKind.DOCUMENT_FACT
            document, fact, *answers = head
        yield Example(
            id=fact if fact == f"{head[0]}-{number}" else f"{fact}-{number}",
            question=question,
            answer=answers[0],
            split=split,
            kind=kind,
            document_id=document,
            fact=fact,
            evidence=evidence,
            alternatives=tuple(answers[1:]),
        )


def triage_examples() -> list[Example]:
    """The examples of ``triage/source/messages.txt``; the file explains its own form."""
    source = FOLDER / "triage" / "source" / "messages.txt"
    examples = []
    for (queue, reason), body in _sections(source):
        for number, line in enumerate(body, start=1):
            marks, message = line[2:].split(" | ", maxsplit=1)
            urgency, tone = marks.split()
            name = f"{reason.replace(' ', '-')}-{number}"
            examples.append(
                Example(
                    id=name,
                    question=message.strip(),
                    answer=f"{queue}-{urgency} / {reason} / {tone}",
                    split=Split.TRAIN if line.startswith("- ") else Split.TEST,
                    kind=QuestionKind.LABEL,
                    fact=name,
                )
            )
    return examples


def _sections(source: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Each ``@`` line, split at its bars, with the lines below it; comments are left out."""
    lines: Iterable[str] = source.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    starts = 0

    def section(line: str) -> int:
        nonlocal starts
        starts += line.startswith("@ ")
        return starts

    for _, group in groupby(lines, key=section):
        head, *body = group
        yield [part.strip() for part in re.split(r" [|/] ", head[2:])], body


if __name__ == "__main__":
    main()
