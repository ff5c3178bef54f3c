"""Zip archives of documents: everything good comes in, everything else is refused by itself."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from ragft_core.documents.limits import MAX_UNPACKED_BYTES, MAX_ZIP_MEMBERS
from ragft_core.jobs import Job, JobContext
from ragft_core.knowledge import documents, ingest_state, start_ingest
from ragft_core.knowledge import job as job_module
from ragft_core.knowledge.job import INBOX, run_ingest
from ragft_core.workspace import Workspace
from tests.documents import files
from tests.knowledge.hashing import HashEmbedder

RULE = "Dogs may not enter."


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run in this process, with an instant embedder."""
    monkeypatch.setattr(Job, "launch", lambda self: None)
    monkeypatch.setattr(job_module, "embedder_of", lambda workspace, settings: HashEmbedder())


def packed(given: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in given.items():
            archive.writestr(name, data)
    return target


def taken(workspace: Workspace, *given: tuple[str, io.BytesIO | Path]) -> dict[str, str]:
    """What became of each file: its outcome, or why it was refused."""
    job = start_ingest(workspace, given)
    run_ingest(JobContext(job.workspace, job.folder, job.spec))
    assert not (job.folder / INBOX).exists()
    return {r.file_name: r.error or r.outcome for r in ingest_state(job).reports}


def test_every_file_of_an_archive_comes_in(workspace: Workspace, tmp_path: Path) -> None:
    pdf = files.pdf(tmp_path / "a.pdf", [RULE]).read_bytes()
    inner = {"rules/dogs.txt": RULE, "rules\\cats.md": "# Cats\n\nCats may enter.", "a.pdf": pdf,
             "other/dogs.txt": "Dogs may enter on Sundays."}  # fmt: skip
    litter = {"rules/": "", "__MACOSX/rules/._dogs.txt": "x", ".DS_Store": "x", "Thumbs.db": "x"}
    path = tmp_path / "papers.zip"
    path.write_bytes(packed(inner | litter).getvalue())
    found = taken(workspace, ("papers.zip", path), ("more.txt", io.BytesIO(b"Birds fly.")))
    good = {"dogs.txt", "dogs (2).txt", "cats.md", "a.pdf", "more.txt"}
    assert found == dict.fromkeys(good, "added")
    lies = {document.file_name: document.folder for document in documents(workspace)}
    assert lies == {
        "dogs.txt": "rules", "dogs (2).txt": "other", "cats.md": "rules", "a.pdf": "", "more.txt": "",
    }  # fmt: skip
    again = taken(workspace, ("papers.zip", path))
    assert set(again.values()) == {"already there"}


def _marked(data: bytes, name: bytes, flags: int) -> bytes:
    """The archive with flags set in both headers of a member."""
    out = bytearray(data)
    for magic, flag_at, name_at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        place = out.find(magic)
        while place >= 0:
            if out[place + name_at :].startswith(name):
                out[place + flag_at] |= flags
            place = out.find(magic, place + 4)
    return bytes(out)


def test_what_is_bad_is_refused_for_itself_and_the_rest_comes_in(workspace: Workspace) -> None:
    target = packed({
        "good.txt": RULE, "secret.txt": RULE, "../../up.txt": RULE, "/etc/root.txt": RULE,
        "C:\\win.txt": RULE, "inner.zip": packed({"x.txt": RULE}).getvalue(), "empty.txt": "",
        "bomb.txt": "0" * 20_000_000, "run.exe": b"MZ" + bytes(99), "picture.png": b"\x89PNG" * 9,
    })  # fmt: skip
    with zipfile.ZipFile(target, "a") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    found = taken(workspace, ("all.zip", io.BytesIO(_marked(target.getvalue(), b"secret", 1))))
    assert found.pop("good.txt") == "added"
    expected = {
        "secret.txt": "encrypted", "up.txt": "outside", "root.txt": "outside", "win.txt": "outside",
        "inner.zip": "archive in an archive", "empty.txt": "is empty", "bomb.txt": "100 times",
        "run.exe": "cannot be read", "picture.png": "cannot be read", "link.txt": "is a link",
    }  # fmt: skip
    assert found.keys() == expected.keys()
    assert {name: text for name, text in found.items() if expected[name] not in text} == {}
    assert "up.txt in all.zip" in found["up.txt"]


def test_a_damaged_member_is_refused_alone(workspace: Workspace) -> None:
    target = packed({"bad.txt": RULE, "good.txt": RULE + " Cats may."}, zipfile.ZIP_STORED)
    data = target.getvalue().replace(RULE.encode(), RULE.upper().encode(), 1)
    found = taken(workspace, ("two.zip", io.BytesIO(data)))
    assert found["good.txt"] == "added"
    assert "damaged" in found["bad.txt"]


def test_names_of_other_encodings_are_read(workspace: Workspace) -> None:
    """Windows packs names in the code page of its country, and says nothing about it."""
    names = ["设备维护手册.txt", "故障代码说明.txt", "更换密封圈的步骤.txt"]
    target = packed({f"{number:->20}.txt": f"{RULE} {number}" for number in range(3)})
    data = target.getvalue()
    for number, name in enumerate(names):
        raw = name.encode("gbk")
        plain = f"{number:->20}.txt"
        data = data.replace(plain.encode(), (raw + b".txt" * 9)[: len(plain)])
    found = taken(workspace, ("names.zip", io.BytesIO(data)))
    assert sorted(name[:4] for name in found) == sorted(name[:4] for name in names)
    umlauts = packed({"Prüfung der Öfen.txt": RULE + "!"})
    plain = umlauts.getvalue().replace("ü".encode(), b"\xc3\xbc")
    raw = bytearray(plain)
    for magic, at in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        raw[raw.find(magic) + at] &= 0xF7  # UTF-8, and the flag that would say so is not set
    assert taken(workspace, ("u.zip", io.BytesIO(bytes(raw)))) == {"Prüfung der Öfen.txt": "added"}


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("cut.zip", packed({"a.txt": RULE * 99}).getvalue()[:-30], "end is missing"),
        ("none.zip", b"no archive at all", "no zip archive"),
        ("zero.zip", b"", "is empty"),
        ("folders.zip", packed({"a/": "", ".hidden": "x"}).getvalue(), "holds no files"),
        ("many.zip", packed(dict.fromkeys(map(str, range(MAX_ZIP_MEMBERS + 1)), "")).getvalue(),
         f"more than {MAX_ZIP_MEMBERS:,} files"),
        ("lab.zip", packed({"workspace.json": "{}"}).getvalue(), "is a workspace"),
        ("word.zip", packed({"word/document.xml": "<x/>"}).getvalue(), "a Word document"),
    ],
)  # fmt: skip
def test_an_archive_that_cannot_be_opened_is_refused(
    workspace: Workspace, name: str, data: bytes, why: str
) -> None:
    found = taken(workspace, (name, io.BytesIO(data)), ("good.txt", io.BytesIO(RULE.encode())))
    assert found.pop("good.txt") == "added"
    assert why in found[name]


def test_a_list_that_announces_millions_is_never_read(workspace: Workspace) -> None:
    data = bytearray(packed({"a.txt": RULE}).getvalue())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = (40 * 2**20).to_bytes(4, "little")
    assert "more than" in taken(workspace, ("x.zip", io.BytesIO(bytes(data))))["x.zip"]


def test_all_files_together_are_bounded(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragft_core.documents.archive.MAX_UNPACKED_BYTES", 3000)
    given = {f"{letter}.txt": f"{letter} {RULE}" + letter * 1000 for letter in "abcd"}
    found = taken(workspace, ("four.zip", packed(given)))
    assert [name for name, text in found.items() if "left out" in text] == ["c.txt", "d.txt"]
    assert MAX_UNPACKED_BYTES == 200 * 2**20
