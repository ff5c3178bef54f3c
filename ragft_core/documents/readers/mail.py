"""Letters: e-mail messages and Rich Text."""

from __future__ import annotations

import re
from email.message import EmailMessage
from pathlib import Path

from ragft_core.documents.encoding import decode
from ragft_core.documents.readers.grids import Grid, text_of
from ragft_core.documents.readers.markup import page
from ragft_core.documents.readers.text import Reading, read_plain, tidy

_ROW = re.compile(r"(?:[^\n|]*\|){2,}[ \t]*")


def read_eml(path: Path, name: str) -> Reading:
    """Reads a message: who wrote when to whom, and the text. Attachments are named, not read."""
    from email import message_from_bytes
    from email.policy import default

    message = message_from_bytes(path.read_bytes(), policy=default)
    heads = [
        f"{head}: {' '.join(str(message[head]).split())}"
        for head in ("Subject", "From", "To", "Cc", "Date")
        if message[head]
    ]
    if not heads:
        return read_plain(path, name)  # no message, whatever its name
    part = message.get_body(("plain", "html"))
    body = _content(part, name) if isinstance(part, EmailMessage) else ""
    attached = [
        item.get_filename() or item.get_content_type() for item in message.iter_attachments()
    ]
    warnings = (f"Not read, attached: {', '.join(attached)}.",) if attached else ()
    text = tidy("\n".join(heads) + "\n\n" + body)
    return Reading(text, " ".join(str(message["Subject"] or "").split()), warnings=warnings)


def _content(part: EmailMessage, name: str) -> str:
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError):  # a character set that nobody knows
        payload = part.get_payload(decode=True)
        text = decode(payload, name)[0] if isinstance(payload, bytes) else ""
    return page(text, name)[0] if part.get_content_subtype() == "html" else text


def read_rtf(path: Path, name: str) -> Reading:
    """Reads Rich Text; its tables become records."""
    from striprtf.striprtf import rtf_to_text

    text = str(rtf_to_text(path.read_bytes().decode("latin-1"), errors="ignore"))
    parts: list[str] = []
    rows: list[list[str]] = []
    for line in [*tidy(text).split("\n"), ""]:
        if _ROW.fullmatch(line):
            rows.append([" ".join(cell.split()) for cell in line.rstrip().split("|")[:-1]])
            continue
        if rows:
            parts.append("\n" + text_of(Grid(rows), name) + "\n")
            rows = []
        parts.append(line)
    return Reading(tidy("\n".join(parts)))
