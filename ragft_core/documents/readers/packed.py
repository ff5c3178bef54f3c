"""Archives of pages: EPUB books and OpenDocument files. ``limits.check_archive`` has seen them."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ragft_core.documents.encoding import decode
from ragft_core.documents.limits import MAX_COLUMNS, check_characters
from ragft_core.documents.readers.markup import page
from ragft_core.documents.readers.text import Reading, first_heading

CONTAINER = "META-INF/container.xml"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
# What was deleted, what somebody remarked, and what a form's fields are called.
_NOT_READ = {f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_OFFICE}forms"}


def read_epub(path: Path, name: str) -> Reading:
    """Reads a book's chapters in the order of its spine."""
    with zipfile.ZipFile(path) as archive:
        root = _xml(archive.read(CONTAINER))
        place = next(node.get("full-path") for node in root.iter() if node.get("full-path"))
        package = _xml(archive.read(place))
        files = {item.get("id"): item.get("href") for item in package.iter(f"{_OPF}item")}
        texts, missing, length = [], 0, 0
        for chapter in package.iter(f"{_OPF}itemref"):
            href = unquote(str(files.get(chapter.get("idref"), "")))
            member = posixpath.normpath(posixpath.join(posixpath.dirname(place), href))
            if member not in archive.namelist():
                missing += 1
                continue
            text, _ = page(decode(archive.read(member), name)[0], name)
            length += len(text)
            check_characters(length, name)
            texts.append(text)
    text = "\n\n".join(filter(None, texts))
    title = next((node.text or "" for node in package.iter(f"{_DC}title")), "")
    warnings = (f"{missing} chapters are named in the book and not there.",) if missing else ()
    return Reading(text, " ".join(title.split()) or first_heading(text), warnings=warnings)


def read_opendocument(path: Path, name: str) -> Reading:
    """Reads a text, a sheet or a presentation of OpenOffice or LibreOffice."""
    with zipfile.ZipFile(path) as archive:
        body = _xml(archive.read("content.xml")).find(f"{_OFFICE}body")
        meta = archive.read("meta.xml") if "meta.xml" in archive.namelist() else b""
    html = "".join(_html(body)) if body is not None else ""
    check_characters(len(html) // 4, name)
    text, _ = page(html, name)
    title = next((n.text or "" for n in _xml(meta).iter(f"{_DC}title")), "") if meta else ""
    return Reading(text, title.strip() or first_heading(text))


def _xml(data: bytes) -> Any:  # noqa: ANN401 - an element
    from defusedxml.ElementTree import fromstring

    return fromstring(data)


def _html(node: Any) -> Iterator[str]:  # noqa: ANN401
    """An OpenDocument element as HTML; its tail is the caller's."""
    for child in node:
        if child.tag not in _NOT_READ:
            yield from _element(child)
        yield escape(child.tail or "")


def _element(node: Any) -> Iterator[str]:  # noqa: ANN401
    if node.tag == f"{_TEXT}h":
        level = min(int(node.get(f"{_TEXT}outline-level", "1") or 1), 6)
        yield from _tagged(f"h{level}", node)
    elif node.tag == f"{_TEXT}p":
        yield from _tagged("p", node)
    elif node.tag == f"{_TEXT}list":
        yield from _tagged("ul", node)
    elif node.tag == f"{_TEXT}list-item":
        yield from _tagged("li", node)
    elif node.tag == f"{_TABLE}table":
        title = node.get(f"{_TABLE}name") if node.find(f".//{_TABLE}table-row") is not None else ""
        yield f"<h2>{escape(title)}</h2>" if title and _is_sheet(node) else ""
        yield "<table>"
        for row in node.iter(f"{_TABLE}table-row"):
            yield from _row(row)
        yield "</table>"
    elif node.tag == f"{_DRAW}page":
        yield f"<h2>{escape(node.get(f'{_DRAW}name', ''))}</h2>"
        yield from _html(node)
    elif node.tag in (f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"):
        yield " "
    elif node.tag == f"{_TEXT}note":
        yield " ("
        yield from _html(node)
        yield ") "
    elif node.tag == f"{_TEXT}note-citation":
        return
    else:
        yield escape(node.text or "")
        yield from _html(node)


def _tagged(tag: str, node: Any) -> Iterator[str]:  # noqa: ANN401
    yield f"<{tag}>{escape(node.text or '')}"
    yield from _html(node)
    yield f"</{tag}>"


def _is_sheet(table: Any) -> bool:  # noqa: ANN401
    """Whether a table is a sheet, whose name somebody chose: Table1 is what a program calls one."""
    return not str(table.get(f"{_TABLE}name", "")).removeprefix("Table").isdigit()


def _row(row: Any) -> Iterator[str]:  # noqa: ANN401
    yield "<tr>"
    for cell in row:
        if cell.tag != f"{_TABLE}table-cell":
            continue  # one that another covers
        content = "".join(_html(cell))
        # An empty cell is often repeated up to the sheet's last column.
        times = min(int(cell.get(f"{_TABLE}number-columns-repeated", "1")), MAX_COLUMNS)
        columns = cell.get(f"{_TABLE}number-columns-spanned", "1")
        rows = cell.get(f"{_TABLE}number-rows-spanned", "1")
        yield f'<td colspan="{columns}" rowspan="{rows}">{content}</td>' * times
    yield "</tr>"
