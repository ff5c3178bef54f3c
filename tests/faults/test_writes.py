"""The n-th write fails, for every n: it is told in words, and what was there before is there after."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragft_core.advisor import Answers, load_answers, load_criteria, save_answers
from ragft_core.errors import RagftError, explain
from ragft_core.evaluation import make_plan
from ragft_core.evaluation.store.plans import list_plans, save_plan
from ragft_core.finetuning import load_examples, save_examples
from ragft_core.jobs import list_jobs, start_job
from ragft_core.jobs.launcher import LocalLauncher
from ragft_core.knowledge import KnowledgeBase
from ragft_core.overview import find_damage
from ragft_core.settings import Settings
from ragft_core.strategies import Turn, list_conversations, save_turn
from ragft_core.types import Example
from ragft_core.workspace import Workspace, create_workspace
from tests.faults.writes import failing_write
from tests.knowledge.hashing import HashEmbedder

CODES = (errno.ENOSPC, errno.EIO, errno.EROFS)
OLD = [Example("a", "Which kiln?", "The Wren"), Example("b", "Which price?", "1200 euros")]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kept(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with something of everything that is written below."""
    monkeypatch.setattr(LocalLauncher, "spawn", lambda *_: None)
    _add(workspace, tmp_path, "old")
    save_examples(workspace, OLD)
    save_turn(workspace, "chat-1", Turn("t0", "Why?", (), "2026-01-01"))
    save_answers(workspace, Answers({"need": "facts"}))
    return workspace


def _add(workspace: Workspace, folder: Path, name: str) -> None:
    file = folder / f"{name}.txt"
    file.write_text(f"The {name} kiln weighs 40 kg.", encoding="utf-8")
    (report,) = KnowledgeBase(workspace, HashEmbedder()).add_files([(file.name, file)])
    if report.error:
        raise RagftError(report.error)


def _evaluation(workspace: Workspace) -> None:
    from ragft_core.arms import BY_ID
    from ragft_core.evaluation.questions.question_sets import Question, QuestionSet

    asked = QuestionSet("Kilns", (Question("q1", "Which kiln?", ("The Wren",)),))
    plan = make_plan(asked, [BY_ID["prompt"], BY_ID["rag"]])
    save_plan(workspace, plan, asked)
    start_job(workspace, "evaluate", {"evaluation": plan.id})


ACTS: dict[str, Callable[[Workspace, Path, int], object]] = {
    "document": lambda w, folder, n: _add(w, folder, f"new{n}"),
    "examples": lambda w, *_: save_examples(w, [*OLD, Example("c", "How heavy?", "38 kg")]),
    "chat": lambda w, *_: save_turn(w, "chat-1", Turn("t1", "How?", (), "2026-01-02")),
    "questionnaire": lambda w, *_: save_answers(w, Answers({"need": "style"})),
    "settings": lambda w, *_: w.update(top_k=7),
    "training": lambda w, *_: start_job(w, "train", {"config": {}}),
    "evaluation": lambda w, *_: _evaluation(w),
}


def _still_there(workspace: Workspace) -> None:
    assert find_damage(workspace) == []
    assert load_examples(workspace)[:2] == OLD
    assert list_conversations(workspace)[0].turns[0].id == "t0"
    assert load_answers(workspace, load_criteria(workspace)).choices.keys() <= {"need"}
    assert workspace.settings().name == "Test"
    base = KnowledgeBase(workspace, HashEmbedder())
    assert "old.txt" in [document.file_name for document in base.documents()]
    found = [passage.chunk.text for passage in base.search("old kiln", k=5)]
    assert found.count("The old kiln weighs 40 kg.") == 1
    assert all(job.status().state for job in list_jobs(workspace))
    list_plans(workspace)


@pytest.mark.slow
@pytest.mark.parametrize("what", ACTS)
def test_every_write_may_fail(kept: Workspace, tmp_path: Path, what: str) -> None:
    n = failed = 0
    while True:
        n += 1
        with failing_write(kept.path, n, CODES[n % len(CODES)]) as hook:
            told = ""
            try:
                ACTS[what](kept, tmp_path, n)
            except Exception as error:
                told = str(explain(error))
                assert "mistake in the lab" not in told, told
        if hook.seen < n:
            break
        failed += bool(told)
        _still_there(kept)
    assert failed > 0  # the hook has fired, and somebody was told
    _still_there(kept)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no RLIMIT_FSIZE")
def test_a_file_that_may_not_grow_is_told(kept: Workspace) -> None:
    """The kernel itself refuses: a limit of 4 kB a file, in a process of its own."""
    code = (
        "import sys, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from ragft_core.__main__ import main;"
        f"sys.argv = ['ragft_core', 'report', {str(kept.path)!r}]; main()"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, preexec_fn=limited,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    _still_there(kept)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB, which libraries that write past Python meet, too."""
    place = tmp_path / "small"
    place.mkdir()
    if (
        not shutil.which("mount")
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True
        ).returncode
    ):
        pytest.skip("this user may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_loses_nothing_that_was_in(small_disk: Path, tmp_path: Path) -> None:
    workspace = create_workspace(Settings(), "Small", small_disk / "workspace")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(4 << 20))
    added, told = [], ""
    while not told:
        name = f"kiln{len(added)}"
        (tmp_path / f"{name}.txt").write_text(f"The {name} kiln is hot. " * 5000, encoding="utf-8")
        try:
            (report,) = KnowledgeBase(workspace, HashEmbedder()).add_files(
                [(f"{name}.txt", tmp_path / f"{name}.txt")]
            )
            told = report.error
        except Exception as error:
            told = str(explain(error))
        if not told:
            added.append(f"{name}.txt")
    assert "The disk is full" in told
    assert added
    base = KnowledgeBase(workspace, HashEmbedder())
    assert [document.file_name for document in base.documents()] == added
    assert base.search("kiln0", k=1)
    filler.unlink()
    (report,) = base.add_files([(f"{name}.txt", tmp_path / f"{name}.txt")])
    assert report.outcome == "added"
    assert find_damage(workspace) == []
    assert base.differences() == []
