"""Text files: plain, Markdown and HTML; also the decoding that tables share."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.errors import DocumentError

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
# Parts of a page that repeat on every page of a site and say nothing about this one.
_BOILERPLATE = ("script", "style", "noscript", "template", "svg", "iframe", "nav", "form")


def decode(data: bytes, name: str) -> str:
    """Decodes bytes as UTF-8, UTF-16 (with or without a mark) or Windows-1252, in that order.

    Raises:
        DocumentError: It is none of these, or no text at all.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _try(data, encoding, name)
    sample = data[:4096]
    if sample.count(0) > len(sample) // 4:
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        return _try(data, "utf-16-le" if odd > even else "utf-16-be", name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _try(data, "cp1252", name)
    # A text has a stray control character at most; a binary file has them everywhere.
    if len(_CONTROL.findall(text[:4096])) > max(2, len(text[:4096]) // 100):
        raise _no_text(name)
    return text


def _try(data: bytes, encoding: str, name: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise _no_text(name) from None
    if encoding.startswith("utf-16") and not any(char.isalnum() for char in text[:4096]):
        raise _no_text(name)
    return text


def _no_text(name: str) -> DocumentError:
    return DocumentError(
        f"{name} does not hold text in an encoding that could be told (UTF-8, UTF-16, "
        "Windows-1252).",
        "Save it as UTF-8 text.",
    )


def tidy(text: str) -> str:
    r"""Brings text into one form: ``\n`` line ends, composed characters, at most one empty line.

    Control characters and lone surrogates, which no file could store, are dropped.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    text = _CONTROL.sub("", text).encode("utf-8", "ignore").decode("utf-8")
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def read_plain(path: Path, name: str) -> tuple[str, str]:
    """Reads a plain text: (title, text); it has no title of its own."""
    return "", tidy(decode(path.read_bytes(), name))


def read_markdown(path: Path, name: str) -> tuple[str, str]:
    """Reads Markdown as it is; the title is the first heading."""
    text = tidy(decode(path.read_bytes(), name))
    return first_heading(text), text


def first_heading(text: str) -> str:
    """The first Markdown heading of a text, or nothing."""
    found = re.search(r"^#{1,3}[ \t]+(.+?)[ \t#]*$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def read_html(path: Path, name: str) -> tuple[str, str]:
    """Reads a web page as Markdown, without scripts, navigation and pictures."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(decode(path.read_bytes(), name), "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for tag in soup(list(_BOILERPLATE)):
        tag.decompose()
    if soup.title:
        soup.title.decompose()
    text = to_markdown(soup)
    return first_heading(text) or title, text


def to_markdown(soup: BeautifulSoup) -> str:
    """Turns parsed HTML into Markdown with ``#`` headings; links keep their text only."""
    from markdownify import MarkdownConverter

    converter = MarkdownConverter(
        heading_style="atx",
        bullets="-",
        strip=["a", "img"],
        escape_misc=False,
        escape_asterisks=False,
        escape_underscores=False,
    )
    return tidy(converter.convert_soup(soup))
