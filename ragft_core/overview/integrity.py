"""What in a workspace is damaged, named one by one, and set aside without losing it.

A damaged thing is left out by the lists of its room, so that everything else works. Here it is
found and named; setting it aside moves it, or a copy of its file, into ``set-aside/``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ragft_core.advisor import load_criteria, load_record
from ragft_core.advisor.cost import PrefilledCosts, load_costs, load_scenarios
from ragft_core.advisor.criteria.answers import Answers
from ragft_core.advisor.record.assignments import load_assignments
from ragft_core.errors import RagftError
from ragft_core.evaluation import EvaluationReport
from ragft_core.evaluation.judging.judge import Judgement
from ragft_core.evaluation.reports.classifier import Classified
from ragft_core.evaluation.running.forecast import Effort
from ragft_core.evaluation.store.answers import StoredAnswer, Timing
from ragft_core.evaluation.store.plans import load_plan
from ragft_core.evaluation.store.reviews import Review
from ragft_core.finetuning import check_adapter
from ragft_core.finetuning.writing.roundtrip import Candidate
from ragft_core.jobs import JobStatus, made_elsewhere
from ragft_core.jobs.elsewhere import FILE as MADE_ELSEWHERE
from ragft_core.jobs.kinds import KINDS
from ragft_core.knowledge import Version, check_document, shelf_of
from ragft_core.strategies.changes import Change
from ragft_core.strategies.conversations import read_row
from ragft_core.types import Example
from ragft_core.values import from_dict
from ragft_core.workspace import Workspace, now, read_json, write_text

T = TypeVar("T")
FOLDER = "set-aside"
NEWER = "was written by a newer version of the lab"


@dataclass(frozen=True)
class Damage:
    """One damaged thing: its path in the workspace, why, and which rows where it is a file of rows.

    ``newer`` says that it was written by a newer version of the lab, and is as it should be.
    """

    path: str
    reason: str
    rows: tuple[int, ...] = ()

    @property
    def newer(self) -> bool:
        """Whether only a newer version of the lab can read it."""
        return NEWER in self.reason


def find_damage(
    workspace: Workspace, *, digests: bool = False, under: tuple[str, ...] = ("",)
) -> list[Damage]:
    """Everything in a workspace that cannot be read as what it should be.

    Args:
        workspace: What to look through.
        digests: Whether every document's file is compared with its digest, which reads them all.
        under: Beginnings of the paths to look at.
    """
    root = workspace.path
    found: list[Damage] = []
    for pattern, check in _under(_FOLDERS, under):
        for file in sorted(root.glob(pattern)):
            reason = _reason(lambda check=check, file=file: check(workspace, file, digests))  # type: ignore[misc]
            if reason:
                found.append(Damage(file.parent.relative_to(root).as_posix(), reason))
    for pattern, look in _under(_FILES, under):
        for file in sorted(root.glob(pattern)):
            reason = _reason(lambda look=look, file=file: look(workspace, file))  # type: ignore[misc]
            if reason:
                found.append(Damage(file.relative_to(root).as_posix(), reason))
    for pattern, read in _under(_ROWS, under):
        for file in sorted(root.glob(pattern)):
            place = file.relative_to(root).as_posix()
            unread = _reason(file.read_bytes)
            bad = {} if unread else {n: reason for n, _, reason in _rows(file, read) if reason}
            if unread:
                found.append(Damage(place, unread))
            elif bad:
                found.append(Damage(place, next(iter(bad.values())), tuple(bad)))
    whole = {damage.path for damage in found if not damage.rows}
    return [
        item for item in found if not whole & {str(p) for p in PurePosixPath(item.path).parents}
    ]


def _under(table: dict[str, T], beginnings: tuple[str, ...]) -> list[tuple[str, T]]:
    return [item for item in table.items() if item[0].startswith(beginnings)]


def stamp(workspace: Workspace) -> str:
    """Changes with any file that ``find_damage`` reads without digests; costs a stat a file."""
    patterns = (*_FOLDERS, *_FILES, *_ROWS)
    stats = [
        (file.as_posix(), (stat := file.stat()).st_size, stat.st_mtime_ns)
        for pattern in patterns
        for file in sorted(workspace.path.glob(pattern))
    ]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def set_aside(workspace: Workspace, damage: Damage) -> Path:
    """Takes a damaged thing out of the way and returns where it lies now.

    A folder or file is moved; of a file of rows a copy is kept, and only its damaged rows go.

    Raises:
        OSError: The disk is full or read-only.
    """
    source = workspace.path / damage.path
    target = workspace.folder(FOLDER, now().replace(":", "")) / damage.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not damage.rows:
        shutil.move(source, target)
        return target
    shutil.copy2(source, target)
    read = next(read for pattern, read in _ROWS.items() if source.match(pattern))
    kept = [line for _, line, reason in _rows(source, read) if not reason]
    write_text(source, "".join(line + "\n" for line in kept))
    return target


def _document(workspace: Workspace, file: Path, digests: bool) -> None:
    check_document(workspace, file.parent.name, digest=digests)


def _version(workspace: Workspace, file: Path, digests: bool) -> None:
    shelf = shelf_of(workspace, from_dict(Version, read_json(file), file.name))
    for document in sorted(shelf.path.glob("documents/*/document.json")):
        check_document(shelf, document.parent.name, digest=digests)


def _adapter(_: Workspace, file: Path, __: bool) -> None:
    check_adapter(file.parent)


def _job(_: Workspace, file: Path, __: bool) -> None:
    head = read_json(file)
    if head.get("kind") not in KINDS:
        raise ValueError(f"{file.name} names no kind of job")
    if not isinstance(head.get("spec"), dict) or type(head.get("created_ns")) is not int:
        raise ValueError(f"{file.name} does not say what the job is to do, or since when")


def _evaluation(workspace: Workspace, file: Path, _: bool) -> None:
    load_plan(workspace, file.parent.name)


def _holds(kind: type[Any]) -> Callable[[Workspace, Path], object]:
    return lambda _, file: from_dict(kind, read_json(file), file.name)


def _costs(workspace: Workspace, _: Path) -> None:
    load_costs(workspace)
    load_scenarios(workspace, PrefilledCosts())


def _similarity(row: dict[str, Any]) -> None:
    if not isinstance(row["value"], (int, float)):
        raise ValueError("value is no number")


_FOLDERS: dict[str, Callable[[Workspace, Path, bool], None]] = {
    "documents/*/document.json": _document,
    "versions/*/version.json": _version,
    "adapters/*/card.json": _adapter,
    "jobs/*/spec.json": _job,
    "evaluations/eval-*/plan.json": _evaluation,
}
_FILES: dict[str, Callable[[Workspace, Path], object]] = {
    "advisor/answers*.json": _holds(Answers),
    MADE_ELSEWHERE: lambda workspace, _: made_elsewhere(workspace),
    "advisor/costs.json": _costs,
    "advisor/steps.json": lambda workspace, _: load_assignments(workspace),
    "advisor/criteria.toml": lambda workspace, _: load_criteria(workspace),
    "advisor/records/record-*.json": lambda workspace, file: load_record(workspace, file.stem),
    "changes/*/change.json": _holds(Change),
    "evaluations/eval-*/report.json": _holds(EvaluationReport),
    "evaluations/eval-*/classifier.json": _holds(Classified),
    "jobs/*/status.json": _holds(JobStatus),
    "jobs/*/result.json": lambda _, file: read_json(file),
}
_ROWS: dict[str, Callable[[Any], object]] = {
    "examples.jsonl": lambda row: from_dict(Example, row),
    "chats/chat-*.jsonl": read_row,
    "evaluations/eval-*/answers.jsonl": lambda row: from_dict(StoredAnswer, row),
    "evaluations/eval-*/latency.jsonl": lambda row: from_dict(Timing, row),
    "evaluations/eval-*/judgements.jsonl": lambda row: from_dict(Judgement, row),
    "evaluations/eval-*/similarity.jsonl": _similarity,
    "evaluations/reviews.jsonl": lambda row: from_dict(Review, row),
    "evaluations/seconds_per_answer.jsonl": lambda row: from_dict(Effort, row),
    "jobs/*/metrics.jsonl": dict,
    "jobs/*/candidates.jsonl": lambda row: from_dict(Candidate, row),
    "jobs/*/dropped.jsonl": lambda row: from_dict(Candidate, row),
}


def _reason(check: Callable[[], object]) -> str:
    """Why a check fails; empty where it does not."""
    try:
        check()
    except RagftError as error:
        return error.message
    except json.JSONDecodeError as error:
        return f"It is no JSON from line {error.lineno}, column {error.colno} on."
    except RecursionError:
        return "It is nested too deep."
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return f"It cannot be read: {getattr(error, 'strerror', None) or error}."
    return ""


def _rows(file: Path, read: Callable[[Any], object]) -> Iterator[tuple[int, str, str]]:
    """Number, text and what is wrong of every row that is not empty."""
    *lines, last = file.read_bytes().decode("utf-8", errors="replace").split("\n")
    # What stands behind the last end of a line is being written, or was cut: readers leave it out,
    # and the next writer drops it.
    if last.strip() and not _reason(lambda: json.loads(last)):
        lines.append(last)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line, _reason(lambda line=line: read(json.loads(line)))  # type: ignore[misc]
