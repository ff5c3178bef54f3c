"""A guessed encoding can be changed: the document is read again, and nothing else is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.documents import is_guessed, readings
from ragft_core.errors import DocumentError
from ragft_core.knowledge import KnowledgeBase, documents, readings_of
from ragft_core.overview import examine
from ragft_core.workspace import Workspace
from tests.knowledge.hashing import HashEmbedder

# The same bytes are good Polish in one code page and good West European nonsense in the other.
POLISH = "Cena: 12 zł\nWąż ma długość 4 m\n"


@pytest.fixture
def base(workspace: Workspace) -> KnowledgeBase:
    return KnowledgeBase(workspace, HashEmbedder())


def added(base: KnowledgeBase, path: Path, data: bytes) -> str:
    path.write_bytes(data)
    (report,) = base.add_files([(path.name, path)])
    assert report.document is not None, report.error
    return report.document.id


def test_a_document_is_read_again_in_the_chosen_encoding(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "hose.txt"
    before = added(base, path, POLISH.encode("iso8859_2"))
    other = added(base, tmp_path / "other.txt", b"Dogs may not enter.")
    assert is_guessed(base.document(before).warnings)
    again = base.reread(before, "iso8859_2")
    assert (again.file_name, again.encoding) == ("hose.txt", "iso8859_2")
    assert "Wąż ma długość" in base.text(again.id)
    assert again.warnings == ("Read as iso8859_2, as it was chosen.",)
    assert {d.id for d in documents(workspace)} == {again.id, other}
    assert "długość" in base.search("Wąż ma długość", k=1)[0].chunk.text
    # The same file once more changes nothing, and the choice can be taken back.
    (report,) = base.add_files([("hose.txt", path)])
    assert (report.outcome, report.document) == ("already there", again)
    assert base.reread(again.id, "").id == before
    assert examine(workspace, lambda _: base) == []


def test_an_encoding_that_does_not_fit_changes_nothing(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    document = added(base, tmp_path / "hose.txt", POLISH.encode("cp1250"))
    text = base.text(document)
    for encoding, why in (("utf-8", "no text in utf-8"), ("nonsense", "no encoding that is known"),
                          ("base64", "no encoding of text")):  # fmt: skip
        with pytest.raises(DocumentError, match=why):
            base.reread(document, encoding)
    assert [d.id for d in documents(workspace)] == [document]
    assert base.text(document) == text
    mail = b"Subject: Tariff\nContent-Type: text/plain; charset=utf-8\n\nIt costs 40 kr."
    with pytest.raises(DocumentError, match="says its own encoding"):
        base.reread(added(base, tmp_path / "tariff.eml", mail), "cp1252")


def test_the_readings_show_which_is_right(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    document = added(base, tmp_path / "hose.csv", ("Sache;Wert\n" + POLISH).encode("cp1250"))
    found = readings_of(workspace, document)
    assert found["cp1250"] == "Cena: 12 zł"
    assert "utf-8" not in found
    assert len(set(found.values())) == len(found)
    assert readings("設備番号は四番です".encode("shift_jis"))["cp932"] == "設備番号は四番です"
    assert readings(b"plain") == {}


def test_a_damaged_rereading_is_taken_in_again(
    base: KnowledgeBase, workspace: Workspace, tmp_path: Path
) -> None:
    """The doctor knows by its id in which encoding a document was read."""
    document = base.reread(added(base, tmp_path / "a.txt", POLISH.encode("cp1250")), "cp1250")
    (workspace.path / "documents" / document.id / "document.json").write_text("{", "utf-8")
    examine(workspace, lambda w: KnowledgeBase(w, HashEmbedder()), mend=True)
    (again,) = documents(workspace)
    assert (again.id, again.encoding) == (document.id, "cp1250")
