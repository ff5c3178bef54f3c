"""Bytes become text. What cannot be known about the encoding is guessed, and the guess is said.

Another encoding can be chosen instead.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from ragft_core.errors import DocumentError

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# HTML says its encoding in a meta element, XML in its first line.
_DECLARED = re.compile(rb"""(?:<meta[^>]*charset|<\?xml[^>]*encoding)\s*=\s*["']?([\w-]+)""", re.I)
_NARROW = re.compile(r"[\uff61-\uff9f]")
_SAMPLE_BYTES = 2**16
_USUAL, _OLD_MAC = "cp1252", "mac_roman"
# Only what texts are in: a few letters fit code pages of mainframes and calculators, too.
_LIKELY = (
    "cp1252 cp1250 cp1251 koi8_r cp1253 cp1254 cp1255 cp1256 cp1257 gb18030 gbk big5 shift_jis cp932"
    " euc_jp euc_kr cp949 cp874 cp437 cp850 cp852 cp866"
).split()


# What a text may be in; each stands before those that are rarer where its letters are used.
ENCODINGS = tuple(
    "utf-8 cp1252 cp1250 iso8859_2 cp1251 koi8-r cp1253 cp1254 cp1255 cp1256 cp1257 gb18030 big5 cp932 "
    "euc_jp euc_kr cp874 cp437 cp850 cp866 mac_roman utf-16-le utf-16-be".split()
)
_GUESSED = "The encoding is not stated and was guessed to be "
_SHOWN = 80
# The encoding that a person has chosen for the file being read, and whether it was needed.
_chosen: ContextVar[list[str]] = ContextVar("chosen")


@contextmanager
def reading_as(encoding: str, name: str) -> Iterator[None]:
    """Has ``decode`` take a chosen encoding; nothing changes where it is empty.

    Raises:
        DocumentError: It is no encoding, or the file is of a kind that says its own.
    """
    if not encoding:
        yield
        return
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise DocumentError(
            f"{encoding!r} is no encoding that is known.", f"Choose one of {', '.join(ENCODINGS)}."
        ) from None
    wanted = [encoding]
    token = _chosen.set(wanted)
    try:
        yield
    finally:
        _chosen.reset(token)
    if len(wanted) == 1:
        raise DocumentError(
            f"{name} is of a kind that says its own encoding.", "It stays as it is."
        )


def is_guessed(warnings: Iterable[str]) -> bool:
    """Whether a document's warnings tell that its encoding was guessed."""
    return any(warning.startswith(_GUESSED) for warning in warnings)


def readings(data: bytes) -> dict[str, str]:
    """What the first line beyond ASCII says in each encoding that fits the whole file.

    Encodings that give the same line are told once.
    """
    first = next((place for place, byte in enumerate(data) if byte > 127), None)
    if first is None:
        return {}
    start = data.rfind(b"\n", 0, first) + 1
    found: dict[str, str] = {}
    for encoding in ENCODINGS:
        wide = encoding.startswith("utf-16")
        with suppress(UnicodeDecodeError):
            data.decode(encoding)
            line = data[:200].decode(encoding, "ignore") if wide else _line(data, start, encoding)
            if not CONTROL.search(line) and line not in found.values():
                found[encoding] = line
    return found


def _line(data: bytes, start: int, encoding: str) -> str:
    return (
        data[start : start + 4 * _SHOWN].decode(encoding, "ignore").split("\n")[0][:_SHOWN].strip()
    )


def decode(data: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """Decodes bytes by their mark, as UTF-16 or UTF-8, by what they declare, or by a guess.

    Returns:
        The text, and a warning where the encoding was guessed.

    Raises:
        DocumentError: It is no text, or in no encoding that can be told.
    """
    if wanted := _chosen.get([]):
        wanted[1:] = [name]
        return _as_chosen(data, wanted[0], name), (f"Read as {wanted[0]}, as it was chosen.",)
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _try(data, encoding, name), ()
    sample = data[:4096]
    if sample.count(0) > len(sample) // 4:
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        return _try(data, "utf-16-le" if odd > even else "utf-16-be", name), ()
    warnings: tuple[str, ...] = ()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text, warnings = _not_utf8(data, error.start, name)
    # A text has a stray control character at most; a binary file has them everywhere.
    if len(CONTROL.findall(text[:4096])) > max(2, len(text[:4096]) // 100):
        raise _no_text(name)
    return text, warnings


def _not_utf8(data: bytes, first: int, name: str) -> tuple[str, tuple[str, ...]]:
    declared = _DECLARED.search(data[:4096])
    if declared:
        try:
            return data.decode(declared.group(1).decode("ascii")), ()
        except (LookupError, UnicodeDecodeError):
            pass  # it declares something else than it is
    encoding = _guess(data, first)
    warning = (
        f"{_GUESSED}{encoding}. If letters look wrong, choose another: Build / Documents, or "
        "'reread W FILE'."
    )
    return _try(data, encoding, name), (warning,)


def _guess(data: bytes, first: int) -> str:
    """The likeliest encoding, judged from the line of the first byte that is not ASCII.

    Where Western European is as likely as the best, it is taken: few accented letters fit many
    encodings alike.
    """
    from charset_normalizer import from_bytes

    if b"\r" in data and b"\n" not in data:
        return _OLD_MAC  # nobody else ends lines so
    start = data.rfind(b"\n", 0, first) + 1
    end = data.rfind(b"\n", 0, start + _SAMPLE_BYTES) if len(data) > start + _SAMPLE_BYTES else -1
    sample = data[start : end if end > start else None]
    found = [match for match in from_bytes(sample, cp_isolation=_LIKELY) if not _narrow(str(match))]
    if not found:
        return _USUAL
    best = found[0]
    for other in found:
        alike = (other.chaos, other.coherence) == (best.chaos, best.coherence)
        if alike and (other.encoding == _USUAL or str(other) == sample.decode(_USUAL, "replace")):
            return _USUAL
    return best.encoding


def _as_chosen(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeError, ValueError) as error:
        where = f" from byte {error.start:,} on" if isinstance(error, UnicodeDecodeError) else ""
        raise DocumentError(
            f"{name} is no text in {encoding}{where}.",
            "Choose another encoding; nothing was changed.",
        ) from None
    except LookupError:  # a codec that makes no text of bytes, such as base64
        raise DocumentError(f"{encoding} is no encoding of text.", "Choose another.") from None


def _narrow(text: str) -> bool:
    """Whether letters beyond ASCII are mostly narrow katakana, which any bytes are in Shift JIS."""
    return 2 * len(_NARROW.findall(text)) > sum(not char.isascii() for char in text)


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
        f"{name} does not hold text in an encoding that could be told.", "Save it as UTF-8 text."
    )
