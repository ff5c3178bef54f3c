"""Word files as Markdown. ``limits.check_archive`` has looked at them before.

mammoth reads the body. What it passes over is brought to where it looks first: text boxes become
paragraphs behind the one they are anchored in, equations become their letters, and the headers and
footers, once each, stand before and after the body. Tracked insertions count, deletions do not.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragft_core.documents.readers.markup import to_markdown
from ragft_core.documents.readers.text import Reading, first_heading

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BODY = "word/document.xml"
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"
# Of the reader's messages, those that say nothing of a text.
_NOISE = re.compile(r"style|bookmark|w:(?:numPr|proofErr|lastRenderedPageBreak)", re.IGNORECASE)
# What stands between the parts of an equation.
_SIGNS = {"sup": "^", "sub": "_", "den": "/", "deg": "√"}


def read_docx(path: Path, name: str) -> Reading:
    """Reads a Word document as Markdown. Pictures and comments are left out."""
    import mammoth
    from bs4 import BeautifulSoup

    file, comments = _prepared(path)
    result = mammoth.convert_to_html(
        file,
        convert_image=mammoth.images.img_element(lambda image: {}),
        style_map=_STYLES,
        external_file_access=False,
    )
    text = to_markdown(BeautifulSoup(result.value, "html.parser"), name)
    messages = dict.fromkeys(m.message for m in result.messages if not _NOISE.search(m.message))
    warnings = [f"Word: {message}." for message in list(messages)[:3]]
    if comments:
        warnings.append(f"{comments} comments were left out.")
    return Reading(text, first_heading(text), warnings=tuple(warnings))


def _prepared(path: Path) -> tuple[io.BytesIO, int]:
    """The file with all its text in the body, and how many comments it has."""
    from lxml import etree

    sink = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(sink, "w") as new:
        parts = old.namelist()
        root = _parsed(old.read(_BODY))
        for box in list(root.iter(f"{_W}txbxContent")):
            _open_box(box)
        for equation in list(root.iter(f"{_M}oMath")):
            _spell(equation)
        body = root.find(f"{_W}body")
        if body is not None:
            _frame(body, [p for kind in ("header", "footer") for p in _around(old, parts, kind)])
        comments = 0
        if "word/comments.xml" in parts:
            comments = len(_parsed(old.read("word/comments.xml")).findall(f"{_W}comment"))
        for part in parts:
            data = old.read(part) if part != _BODY else etree.tostring(root, encoding="utf-8")
            new.writestr(part, data)
    sink.seek(0)
    return sink, comments


def _parsed(data: bytes) -> Any:  # noqa: ANN401 - lxml has no types
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(data, parser)


def _open_box(box: Any) -> None:  # noqa: ANN401
    """Moves the paragraphs of a text box behind the paragraph that it hangs on."""
    ancestors = list(box.iterancestors())
    fallback = next((node for node in ancestors if node.tag == f"{_MC}Fallback"), None)
    if fallback is not None:  # the same box again, for older programs
        box.getparent().remove(box)
        return
    inner = [node for node in ancestors if node.tag == f"{_W}txbxContent"]
    anchor = next((node for node in ancestors if node.tag == f"{_W}p"), None)
    if inner or anchor is None:
        return
    for child in reversed(list(box)):
        anchor.addnext(child)


def _spell(equation: Any) -> None:  # noqa: ANN401
    """Writes an equation as a run of text: ``p=3.5``, ``x^2``, ``(a)/(b)``."""
    from lxml import etree

    run = etree.Element(f"{_W}r")
    etree.SubElement(run, f"{_W}t").text = "".join(_letters(equation))
    run.tail = None
    equation.getparent().replace(equation, run)


def _letters(node: Any) -> Iterator[str]:  # noqa: ANN401
    for child in node:
        if child.tag == f"{_M}t":
            yield child.text or ""
            continue
        part = str(child.tag).removeprefix(_M)
        inner = "".join(_letters(child))
        if not inner:
            continue
        if part in ("num", "den"):
            inner = f"({inner})" if len(inner) > 1 else inner
        yield _SIGNS.get(part, "") + inner


def _around(archive: zipfile.ZipFile, parts: list[str], kind: str) -> Iterator[tuple[str, str]]:
    """The texts of all headers or footers, each once; fields such as page numbers are none."""
    seen = set()
    for part in sorted(parts):
        if not re.fullmatch(rf"word/{kind}\d*\.xml", part):
            continue
        for paragraph in _parsed(archive.read(part)).iter(f"{_W}p"):
            text = "".join(node.text or "" for node in paragraph.iter(f"{_W}t")).strip()
            if text not in seen and re.search(r"[^\W\d_]{2}", text) and not _page_number(text):
                seen.add(text)
                yield kind, text


def _page_number(text: str) -> bool:
    return bool(re.fullmatch(r"(?:page|seite)?\s*\d*\s*(?:of|von|/)?\s*\d*", text, re.IGNORECASE))


def _frame(body: Any, texts: list[tuple[str, str]]) -> None:  # noqa: ANN401
    from lxml import etree

    n_above = 0
    for kind, text in texts:
        paragraph = etree.Element(f"{_W}p")
        run = etree.SubElement(paragraph, f"{_W}r")
        etree.SubElement(run, f"{_W}t").text = text
        if kind == "header":
            body.insert(n_above, paragraph)
            n_above += 1
        else:
            body.append(paragraph)
