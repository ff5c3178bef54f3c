"""The jobs that fill an index. Ingest: files wait in the job's folder and are taken in from there.

    jobs/<id>/inbox/<number>   the files as they came, until the job has ended well
    jobs/<id>/reports.jsonl    what became of each, written once that is on the disk

Their names stand in the order, never on the disk. A job that was interrupted goes on with the
first file that has no report.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from ragft_core.access import Right, rights
from ragft_core.approval import approve, require_approval
from ragft_core.documents import (
    check_size,
    clean_folder,
    clean_name,
    is_archive,
    members,
    open_archive,
    open_member,
)
from ragft_core.errors import DocumentError
from ragft_core.jobs import Job, JobContext, Needs, start_job
from ragft_core.knowledge import store
from ragft_core.knowledge.base import KnowledgeBase
from ragft_core.knowledge.embedders import chosen_embedder, embedder_of, in_workspace, open_embedder
from ragft_core.knowledge.ingest import REFUSED, STAGES, FileReport
from ragft_core.knowledge.workers.spread import workers_of
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, append_jsonl, read_jsonl

INBOX = "inbox"
REPORTS = "reports.jsonl"
# The file as it came twice, its text, and the text with its vectors in the index.
DISK_FACTOR = 4
# Seen: 670 MB resident while 200 notes were embedded; long chunks take more.
MEMORY_MB = 900.0
# No time is told before so much of the work has been seen.
_TELLING_SHARE = 0.02


@dataclass(frozen=True)
class Ingest:
    """How far an ingest job is.

    ``reports`` are those of the files that are settled, in the order of the upload; ``n_chunks``
    counts the chunks of the documents among them.
    """

    n_files: int
    reports: tuple[FileReport, ...]

    @property
    def n_chunks(self) -> int:
        """How many chunks the settled documents have."""
        return sum(report.document.n_chunks for report in self.reports if report.document)


def start_ingest(
    workspace: Workspace,
    files: Sequence[tuple[str, Path | IO[bytes]]],
    *,
    keep_names: bool = False,
) -> Job:
    """Copies files into the workspace and starts a job that takes them in.

    When this returns, nothing is lost that happens to the page, the server or the originals.

    Args:
        workspace: Whose documents they become.
        files: (name, file) pairs, where a file is a path or open for reading. A name may have the
            folders before it in which the file lay. The files of a zip archive come in each by itself.
        keep_names: Whether documents stay whose name a file has; the file then gets another name.
            Otherwise the file is their new version and replaces them.

    Raises:
        JobError: The disk is too small; or the cluster takes no jobs, and the files are kept in one
            that can be resumed.
    """
    with ExitStack() as opened:
        coming = [item for name, file in files for item in _coming(name, file, opened)]
        needs = Needs(MEMORY_MB, DISK_FACTOR * sum(item.size for item in coming) / 1e6)

        def prepare(folder: Path) -> None:
            (folder / INBOX).mkdir(mode=0o700)
            refused = []
            for number, item in enumerate(coming):
                try:
                    check_size(item.size, item.name)
                    with item.open() as source:
                        _copy(source, folder / INBOX / str(number))
                except DocumentError as error:
                    (folder / INBOX / str(number)).unlink(missing_ok=True)
                    report = FileReport(item.name, None, error.message, error.remedy, REFUSED)
                    refused.append(_row(number, report))
            append_jsonl(folder / REPORTS, refused)

        spec = {"names": [item.path for item in coming], "keep_names": keep_names}
        return start_job(workspace, "ingest", spec, prepare, needs, keep=True)


@dataclass(frozen=True)
class _Coming:
    """A file on its way into the inbox; opening it raises ``DocumentError`` where it is refused.

    ``path`` is its name behind the folders in which it lay.
    """

    path: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    @property
    def name(self) -> str:
        """What it is called."""
        return clean_name(self.path)


def _clean(path: str) -> str:
    return "/".join(filter(None, [clean_folder(path), clean_name(path)]))


def _coming(path: str, file: Path | IO[bytes], opened: ExitStack) -> list[_Coming]:
    """The file itself, or each file of an archive, which stays open until ``opened`` closes it."""
    path, name = _clean(path), clean_name(path)
    alone = _Coming(path, _size(file), partial(_opened, file, name))
    if not is_archive(name):
        return [alone]
    try:
        check_size(alone.size, name)
        archive = opened.enter_context(open_archive(opened.enter_context(alone.open()), name))
        above = path.removesuffix(name)
        return [
            _Coming(above + _clean(item.name), item.size or 1, partial(open_member, archive, item))
            for item in members(archive, name)
        ]
    except DocumentError as error:
        return [replace(alone, open=partial(_refused, error))]


def _refused(error: DocumentError) -> AbstractContextManager[IO[bytes]]:
    raise error


@contextmanager
def _opened(file: Path | IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A file for reading; one that was open already stays so.

    Raises:
        DocumentError: It cannot be opened.
    """
    if not isinstance(file, Path):
        yield file
        return
    try:
        source = file.open("rb")
    except OSError as error:
        raise DocumentError(
            f"{name} cannot be opened: {error.strerror}.", "Check the path and its permissions."
        ) from None
    with source:
        yield source


def _size(file: Path | IO[bytes]) -> int:
    """The size of a file in bytes; 1 where it cannot be told, which the copy then explains."""
    if isinstance(file, Path):
        return file.stat().st_size if file.is_file() else 1
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _copy(source: IO[bytes], target: Path) -> None:
    """Copies block by block, into a file that is its owner's alone."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as sink:
        shutil.copyfileobj(source, sink)
        sink.flush()
        os.fsync(sink.fileno())


def ingest_state(job: Job) -> Ingest:
    """What an ingest job has done so far."""
    names = job.spec.get("names", [])
    return Ingest(len(names), tuple(_reports(job.folder).values()))


def _row(number: int, report: FileReport) -> dict[str, Any]:
    return {"number": number, "report": to_dict(report)}


def _reports(folder: Path) -> dict[int, FileReport]:
    """The reports by the files' places, in their order."""
    rows = read_jsonl(folder / REPORTS, skip_damaged=True)
    found = ((int(row["number"]), from_dict(FileReport, row["report"], REPORTS)) for row in rows)
    return dict(sorted(found, key=itemgetter(0)))


class _StopError(Exception):
    """Somebody asked the job to end."""


def run_ingest(context: JobContext) -> None:
    """Takes the inbox's files in; what is kept until a stop stays.

    Raises:
        RetrievalError: The index belongs to another embedder.
    """
    names = [str(name) for name in context.spec["names"]]
    done = _reports(context.folder)
    left = [number for number in range(len(names)) if number not in done]
    n_before, began = len(done), time.monotonic()

    def reported(place: int, report: FileReport) -> None:
        done[left[place]] = report
        append_jsonl(context.folder / REPORTS, [_row(left[place], report)])

    def told(name: str, stage: str, share: float) -> None:
        state = Ingest(len(names), tuple(done.values()))
        # What was done before a resume took no time in this attempt.
        eta = (time.monotonic() - began) * (1 - share) / share if share > _TELLING_SHARE else None
        overall = (n_before + share * len(left)) / len(names)
        message = f"{len(done)} of {len(names)} documents, {state.n_chunks:,} chunks"
        if stage in STAGES:  # documents are kept in groups, and until then nothing else moves
            message += f"; {stage} {name}"
        context.progress(overall, message, eta)
        if stage in STAGES and context.stopping:
            raise _StopError

    if left:
        settings = Settings()
        embedder = embedder_of(context.workspace, settings)
        workers = workers_of(chosen_embedder(context.workspace), embedder, settings)
        base = KnowledgeBase(context.workspace, embedder, workers=workers)
        files = [(names[number], context.folder / INBOX / str(number)) for number in left]
        keep = {report.document.file_name for report in done.values() if report.document}
        if context.spec.get("keep_names"):
            keep |= {document.file_name for document in store.documents(context.workspace)}
        with suppress(_StopError):
            base.add_files(files, told, reported, keep)
    context.finish({"reports": [to_dict(report) for _, report in sorted(done.items())]})
    if len(done) == len(names):
        shutil.rmtree(context.folder / INBOX, ignore_errors=True)


def start_embedding(workspace: Workspace, choice: ModelChoice | None) -> Job:
    """Starts the job that embeds all documents anew; who starts it agrees to the model.

    Raises:
        JobError: The job cannot be started.
    """
    rights.require(Right.CHANGE, workspace.path)
    if choice is not None:
        # One that was tuned here reaches nowhere, so no administrator has to choose it.
        with rights.as_the_lab() if _is_own(workspace, choice) else nullcontext():
            approve(workspace, choice)
    return start_job(
        workspace, "embed", {"embedder": to_dict(choice) if choice else None}, once=True
    )


def _is_own(workspace: Workspace, choice: ModelChoice) -> bool:
    place = (workspace.path / choice.name).resolve()
    return (
        choice.kind == "folder"
        and place.is_dir()
        and place.is_relative_to((workspace.path / "embedders").resolve())
    )


def run_embedding(context: JobContext) -> None:
    """Indexes all documents with another embedding model; until all are, the old index serves.

    The order's ``embedder`` is a ``ModelChoice``, or None for the bundled model. Stopped or
    interrupted, it leaves the workspace as it was, and goes on where it was when resumed.

    Raises:
        ModelError: The model cannot be had.
    """
    given = context.spec["embedder"]
    choice = from_dict(ModelChoice, given, "spec.json") if given else None
    if choice is not None:
        require_approval(context.workspace, choice)
    context.progress(0.0, "Loading the embedding model")
    opened = in_workspace(context.workspace, choice)
    settings = Settings()
    embedder = open_embedder(opened, settings)
    workers = workers_of(opened, embedder, settings)
    base = KnowledgeBase(context.workspace, embedder, workers=workers)

    def told(name: str, stage: str, share: float) -> None:
        context.progress(share, f"{name}: {stage}")
        if context.stopping:
            raise _StopError

    n_chunks = None
    with suppress(_StopError):
        n_chunks = base.take_over(told, lambda: context.workspace.update(embedder=choice))
    context.finish({"n_chunks": n_chunks, "embedder": base.embedder.identity})
