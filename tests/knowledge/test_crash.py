"""Kill -9 and two writers: every acknowledged document is searchable exactly once afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ragft_core.errors import WorkspaceError
from ragft_core.knowledge import KnowledgeBase
from tests.documents import files
from tests.knowledge import crash
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder

ROOT = Path(__file__).resolve().parents[2]
Files = list[tuple[str, Path]]


class Crash(BaseException):
    """Stands for the end of the process: no handler of the product catches it."""


def raise_crash() -> None:
    raise Crash


def start(base: KnowledgeBase, n: int, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.knowledge.crash", str(base.workspace.path), str(n)]
    return subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def named(items: Files) -> list[str]:
    return [f"{name}={path}" for name, path in items]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> crash.FaultPoints:
    """Fault points in this process, where each costs milliseconds instead of an interpreter."""
    points = crash.FaultPoints(0, raise_crash)
    for owner, name in crash.STEPS:
        monkeypatch.setattr(owner, name, points.wrap(getattr(owner, name)))
    return points


def arm(points: crash.FaultPoints, n: int) -> None:
    points.n, points.passed = n, 0


@pytest.mark.slow
def test_crash_at_every_point_of_adding_and_replacing(
    base: KnowledgeBase, three_files: Files, tmp_path: Path, faults: crash.FaultPoints
) -> None:
    base.add_files(three_files[:2])
    for n in range(1, 200):
        # New content under a known name, another at each round, and one that stays.
        newer = files.text(tmp_path / f"{n}.txt", f"Round {n} brings cats.")
        arm(faults, n)
        try:
            KnowledgeBase(base.workspace, base.embedder).add_files([("rules.txt", newer)])
            finished = True
        except Crash:
            finished = False
        arm(faults, 0)
        names = [document.file_name for document in base.documents()]
        assert names.count("kilns.md") == 1
        assert names.count("rules.txt") in (1, 2), "the old one, the new one, or not yet settled"
        assert_searchable_exactly_once(base)
        assert [document.file_name for document in base.documents()].count("rules.txt") == 1
        if n % 4 == 0:
            (report,) = base.add_files([("rules.txt", newer)])
            assert report.outcome in ("replaced", "already there")
        if finished:
            assert n > 12, "the points were not passed"
            return
    pytest.fail("adding never came to its end")


@pytest.mark.slow
def test_crash_at_every_point_of_removing(
    base: KnowledgeBase, three_files: Files, faults: crash.FaultPoints
) -> None:
    for n in range(1, 100):
        base.add_files(three_files[:2])
        rules = next(item for item in base.documents() if item.file_name == "rules.txt")
        arm(faults, n)
        try:
            KnowledgeBase(base.workspace, base.embedder).remove(rules.id)
            finished = True
        except Crash:
            finished = False
        arm(faults, 0)
        assert_searchable_exactly_once(base)
        if finished:
            assert n > 8, "the points were not passed"
            return
    pytest.fail("removing never came to its end")


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10, 11, 13, 17])
def test_kill_9_while_adding_then_again(
    base: KnowledgeBase, three_files: Files, tmp_path: Path, n: int
) -> None:
    base.add_files([("rules.txt", files.text(tmp_path / "old.txt", "Old rules."))])
    done = start(base, n, "add", *named(three_files))
    output, _ = done.communicate(timeout=120)
    assert done.returncode == -9, output
    # What a reader sees meanwhile are documents that count, none of them twice.
    seen = [p.chunk.id for p in KnowledgeBase(base.workspace, base.embedder).search("kiln", k=50)]
    assert len(seen) == len(set(seen))
    names = {document.file_name for document in base.documents()}
    acknowledged = {line.split()[1] for line in output.splitlines()}
    assert acknowledged | {"rules.txt"} <= names
    reports = KnowledgeBase(base.workspace, base.embedder).add_files(three_files)
    assert all(report.document for report in reports)
    assert len(base.documents()) == 3
    assert_searchable_exactly_once(base)


@pytest.mark.slow
def test_two_writers_of_the_same_documents(base: KnowledgeBase, three_files: Files) -> None:
    writers = [start(base, 0, "add", *named(three_files)) for _ in range(2)]
    outputs = [writer.communicate(timeout=120) for writer in writers]
    assert all("survived" in output for output, _ in outputs), outputs
    assert len(base.documents()) == 3
    assert_searchable_exactly_once(base)


@pytest.mark.slow
def test_two_writers_of_different_documents(base: KnowledgeBase, three_files: Files) -> None:
    writers = [start(base, 0, "add", *named([item])) for item in three_files]
    outputs = [writer.communicate(timeout=120) for writer in writers]
    assert all("survived" in output for output, _ in outputs), outputs
    assert len(base.documents()) == 3
    assert_searchable_exactly_once(base)


def test_document_without_its_rows_is_indexed_again(
    base: KnowledgeBase, three_files: Files
) -> None:
    base.add_files(three_files)
    kilns = next(item for item in base.documents() if item.file_name == "kilns.md")
    base._index.delete([kilns.id])
    fresh = KnowledgeBase(base.workspace, HashEmbedder())
    assert fresh.search("firebrick")[0].document_title == "Kilns"
    assert_searchable_exactly_once(base)


def test_rows_without_their_document_are_never_shown(
    base: KnowledgeBase, three_files: Files
) -> None:
    base.add_files(three_files)
    kilns = next(item for item in base.documents() if item.file_name == "kilns.md")
    (base.workspace.path / "documents" / kilns.id / "document.json").unlink()
    assert all(hit.chunk.document_id != kilns.id for hit in base.search("firebrick", k=50))
    assert base.repair().cleared == (kilns.id,)
    assert_searchable_exactly_once(base)


def test_search_does_not_wait_for_a_writer(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files)
    with base.writer.lock():
        assert KnowledgeBase(base.workspace, HashEmbedder()).search("firebrick")


def test_writer_that_waits_too_long_says_so(base: KnowledgeBase, three_files: Files) -> None:
    base.add_files(three_files[:1])
    other = KnowledgeBase(base.workspace, HashEmbedder())
    with base.writer.lock(), pytest.raises(WorkspaceError, match="Another process"):
        other.writer.repair(timeout=0.1)
