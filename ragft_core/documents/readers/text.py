"""Plain texts, and the form that every reader's text is brought into."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ragft_core.documents.encoding import CONTROL, decode

_DATA_PICTURE = re.compile(r"!\[([^\]]*)\]\(\s*<?data:[^)]*\)")
# Pictures and keys written as letters: no word of any language is as long. A ruled line is none.
_DATA = re.compile(
    r"(?:data:[\w.+-]+/[\w.+-]+;base64,\s*)?(?=[+/=_-]{0,9}[A-Za-z0-9])[A-Za-z0-9+/=_-]{400,}"
)
# The same in lines of one length, as keys, certificates and e-mails have them: letters of both cases
# and figures, and not a space in four lines on end.
_DATA_LINES = re.compile(
    r"(?:^(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+/=]{60,}[ \t]*\n){4,}(?:^[A-Za-z0-9+/=]{4,}$\n?)?",
    re.MULTILINE,
)
# Letters that a font draws as one: a search for "five" has to find them.
_LIGATURES = {0xFB00 + place: text for place, text in enumerate("ff fi fl ffi ffl st st".split())}


@dataclass(frozen=True)
class Reading:
    """What a reader found in a file; see ``ParsedDocument``. ``title`` is empty where it has none.

    ``warnings`` are sentences about what was left out or guessed.
    """

    text: str
    title: str = ""
    page_starts: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def tidy(text: str) -> str:
    r"""Brings text into one form: ``\n`` line ends, composed characters, at most one empty line.

    Control characters and lone surrogates, which no file could store, are dropped.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    text = CONTROL.sub("", text).encode("utf-8", "ignore").decode("utf-8")
    text = unicodedata.normalize("NFC", text).translate(_LIGATURES)
    text = re.sub("\u00ad(?!\n)", "", text)  # where a word may be broken, and is not
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def read_plain(path: Path, name: str) -> Reading:
    """Reads a plain text; it has no title of its own."""
    text, warnings = words_of(path, name)
    return Reading(tidy(text), warnings=warnings)


def words_of(path: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """The text of a file without data written as letters, and warnings."""
    text, warnings = decode(path.read_bytes(), name)
    # A picture's name stays; without one, its place is empty.
    words, n_pictures = _DATA_PICTURE.subn(r"\1", text)
    words, n_runs = _DATA.subn("", words)
    words, n_blocks = _DATA_LINES.subn("", words.replace("\r\n", "\n"))
    if n_pictures or n_runs or n_blocks:
        lost = f"{len(text) - len(words):,} characters of data without words"
        warnings += (f"{lost}, such as embedded pictures, were left out.",)
    return words, warnings


def first_heading(text: str) -> str:
    """The first Markdown heading of a text, or nothing."""
    found = re.search(r"^#{1,3}[ \t]+(.+?)[ \t#]*$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""
