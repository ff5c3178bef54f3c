"""The table of formats: every row can be read, and what is not in it is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from ragft_core.documents import EXTENSIONS, FORMATS, ParsedDocument, chunk_document, format_of
from ragft_core.documents.parse import read_document
from ragft_core.errors import DocumentError
from tests.documents import files


def test_ids_and_extensions_are_told_apart() -> None:
    assert len({kind.id for kind in FORMATS}) == len(FORMATS)
    assert len(EXTENSIONS) == sum(len(kind.extensions) for kind in FORMATS)
    assert all(f".{kind.id}" in kind.extensions for kind in FORMATS)


@pytest.mark.parametrize(
    "extension", sorted(e for e in EXTENSIONS if format_of(EXTENSIONS[e]).is_text)
)
def test_every_text_extension_is_read(tmp_path: Path, extension: str) -> None:
    path = files.text(tmp_path / f"notes{extension}", "pump: X310\npressure: 8 bar\n")
    parsed = read_document(path, path.name)
    assert parsed.format == EXTENSIONS[extension]
    assert "8 bar" in parsed.text


def test_an_unknown_format_is_refused_with_what_is_known() -> None:
    with pytest.raises(DocumentError, match="no document format called 'djvu'") as caught:
        format_of("djvu")
    assert "pdf, docx" in caught.value.remedy


def test_a_document_of_an_unknown_format_is_not_split_as_plain_text() -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    with pytest.raises(DocumentError, match="'djvu'"):
        chunk_document(ParsedDocument("T", "# A\n\ntext", "djvu"), "0" * 20, tokenizer)


def test_a_hash_is_a_heading_in_markdown_only() -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    text = "# Start the pump\n\nOpen valve 3."
    headings = {
        kind: chunk_document(ParsedDocument("T", text, kind), "0" * 20, tokenizer)[0].heading
        for kind in ("md", "py")
    }
    assert headings == {"md": "Start the pump", "py": ""}
