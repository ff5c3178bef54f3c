"""Taking files in, many at a time: read, split, embed, keep.

Files are read and embedded by workers, and kept by this process in groups: one batch of chunks of about one length is embedded faster than many small ones, and one write to the index
is one commit. A group is small enough that an interruption costs seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path, PurePosixPath

import numpy as np

from ragft_core.documents import check_size, clean_folder, clean_name
from ragft_core.errors import DocumentError, RagftError, WorkspaceError
from ragft_core.knowledge import store
from ragft_core.knowledge.index import Entry
from ragft_core.knowledge.workers.reading import ReadFile, Source, Workers
from ragft_core.knowledge.writer import Prepared, Writer, indexed_text
from ragft_core.types import Document
from ragft_core.workspace import file_digest, now

Progress = Callable[[str, str, float], None]
OnReport = Callable[[int, "FileReport"], None]

STAGES = ("reading", "embedding", "saving")
ADDED, REPLACED, UNCHANGED, REFUSED = "added", "replaced", "already there", "refused"
OUTCOMES = (ADDED, REPLACED, UNCHANGED, REFUSED)
_GROUP_CHUNKS = 256
# Shares of a file's way; embedding is nearly all of the time.
_READ, _EMBEDDED = 0.15, 0.95


@dataclass(frozen=True)
class FileReport:
    """What became of a file. ``document`` is None where it was refused, and ``error`` says why.

    ``outcome`` is one of ``OUTCOMES``. ``warnings`` say what was left out or guessed.
    """

    file_name: str
    document: Document | None = None
    error: str = ""
    remedy: str = ""
    outcome: str = ADDED
    warnings: tuple[str, ...] = ()


@dataclass
class _Batch:
    """The state of one call: the files' names as they came, what is settled, and who is told."""

    names: Sequence[str]
    on_progress: Progress
    on_report: OnReport
    reports: dict[int, FileReport] = field(default_factory=dict)
    share: float = 0.0

    def settle(self, number: int, report: FileReport) -> None:
        """Notes what became of a file."""
        self.reports[number] = report
        self.on_report(number, report)
        self._advance(len(self.reports))
        self.on_progress(report.file_name, report.outcome, self.share)

    def tell(self, sources: Sequence[Source], stage: str, way: float) -> None:
        """Says how far along their way these files are."""
        self._advance(len(self.reports) + way * len(sources))
        for source in sources:
            self.on_progress(source.name, stage, self.share)

    def embedding(self, group: Sequence[ReadFile], share: float) -> None:
        """Says how far the embedding of a group is."""
        way = _READ + (_EMBEDDED - _READ) * share
        self.tell([item.source for item in group], STAGES[1], way)

    def _advance(self, n_files: float) -> None:
        # A bar never goes back, also while the files of a group are settled one by one.
        self.share = max(self.share, min(n_files / len(self.names), 1.0))


def add_files(
    writer: Writer,
    workers: Workers,
    files: Sequence[tuple[str, Path]],
    on_progress: Progress,
    on_report: OnReport,
    keep: Collection[str],
    encoding: str | None = None,
) -> list[FileReport]:
    """Takes files in; see ``KnowledgeBase.add_files``.

    ``encoding`` reads them in that one, or with ``""`` by what they say, also where the same content
    is there as another reading.
    """
    batch = _Batch([clean_name(name) for name, _ in files], on_progress, on_report)
    sources = _new_sources(writer, files, batch, keep, encoding)
    known_before = {document.file_name for document in store.documents(writer.workspace)}
    groups = _groups(_read(workers, sources, batch, encoding or ""))
    work = ((group, _texts(group)) for group in groups)
    for group, vectors in workers.embed(work, batch.embedding):
        _keep(writer, group, vectors, known_before, batch)
    if any(report.outcome in (ADDED, REPLACED) for report in batch.reports.values()):
        writer.tidy()
    _settle_copies(files, sources, batch)
    return [batch.reports[number] for number in range(len(files))]


def _new_sources(
    writer: Writer,
    files: Sequence[tuple[str, Path]],
    batch: _Batch,
    keep: Collection[str],
    encoding: str | None,
) -> list[Source]:
    """The files that have to be read, no two of one name; the others are settled.

    The names of what is there already are given away first: of two files of one name, the one that
    has not changed since the last time keeps the name that it got then.
    """
    found: dict[str, Source] = {}
    taken = set(keep)
    there = store.documents(writer.workspace)
    # A content that is there in a chosen encoding stays so, whoever adds it again.
    chosen = {d.sha256: d for d in there if d.encoding}
    for number, (given, path) in enumerate(files):
        name, folder = batch.names[number], clean_folder(given)
        try:
            digest = _digest(name, path)
            known = store.find(writer.workspace, store.document_id(digest, encoding or ""))
            if known is None and encoding is None:
                known = chosen.get(digest)
        except (DocumentError, WorkspaceError) as error:  # the document of this content is damaged
            batch.settle(number, _refusal(name, error))
            continue
        if known is not None:
            taken.add(known.file_name)
            if folder and not known.folder:  # it was added when folders were not kept, or alone
                known = writer.put_in(known, folder)
            report = FileReport(name, known, outcome=UNCHANGED, warnings=known.warnings)
            batch.settle(number, report)
        else:  # a second copy is settled when the first is
            found.setdefault(digest, Source(number, name, path, digest, encoding or "", folder))
    sources = []
    for source in found.values():
        sources.append(_named(source, there, taken))
        taken.add(sources[-1].name)
    return sources


def _named(source: Source, there: Sequence[Document], taken: Collection[str]) -> Source:
    """The file under the name that it gets: of the document that it is the new version of, or another.

    A file whose folder is known takes the place of the one of that folder, or of none; any other the
    place of the document of its name, and its folder.
    """
    if not source.folder:
        name = source.name
        if name in taken:
            name = _free_name(name, {*taken, *(d.file_name for d in there if d.folder)})
        older = next((d for d in there if d.file_name == name), None)
        if older is not None:
            return replace(source, name=name, folder=older.folder, came_as=older.came_as)
    else:
        own = (source.folder, source.name)
        for older in there:
            if (older.folder, older.came_as or older.file_name) == own:
                if older.file_name not in taken:
                    return replace(source, name=older.file_name, came_as=older.came_as)
        others = {d.file_name for d in there if d.folder}
        name = source.name
        if name in others or name in taken:
            name = _free_name(name, {*taken, *(d.file_name for d in there), name})
    return replace(source, name=name, came_as=source.name if name != source.name else "")


def _free_name(name: str, taken: Collection[str]) -> str:
    """The name, or where it is taken the next one: ``notes (2).md``, ``notes (3).md``."""
    path = PurePosixPath(name)
    names = (f"{path.stem} ({number}){path.suffix}" for number in count(2))
    return name if name not in taken else next(other for other in names if other not in taken)


def _digest(name: str, path: Path) -> str:
    try:
        check_size(path.stat().st_size, name)
        return file_digest(path)
    except OSError as error:
        raise DocumentError(
            f"{name} cannot be opened: {error.strerror}.", "Check the path and its permissions."
        ) from None


def _refusal(name: str, error: RagftError) -> FileReport:
    return FileReport(name, None, error.message, error.remedy, REFUSED)


def _read(
    workers: Workers, sources: Sequence[Source], batch: _Batch, encoding: str
) -> Iterator[ReadFile]:
    """The files that can be read; the others are settled."""
    results = workers.read(sources, encoding)
    for source in sources:
        batch.tell([source], STAGES[0], 0.0)
        result = next(results)
        if isinstance(result, DocumentError):
            batch.settle(source.number, _refusal(source.name, result))
        else:
            yield replace(result, document=replace(result.document, added_at=now()))


def _groups(files: Iterable[ReadFile]) -> Iterator[list[ReadFile]]:
    group: list[ReadFile] = []
    for file in files:
        group.append(file)
        if sum(len(item.chunks) for item in group) >= _GROUP_CHUNKS:
            yield group
            group = []
    if group:
        yield group


def _texts(group: list[ReadFile]) -> list[str]:
    return [indexed_text(item.document.title, chunk) for item in group for chunk in item.chunks]


def _keep(
    writer: Writer,
    group: list[ReadFile],
    vectors: np.ndarray,
    known_before: set[str],
    batch: _Batch,
) -> None:
    """Makes the documents of a group count."""
    sources = [item.source for item in group]
    rows = iter(zip(_texts(group), vectors, strict=True))
    prepared = [
        Prepared(
            item.document,
            item.source.path,
            item.parsed,
            tuple(Entry(chunk, *next(rows)) for chunk in item.chunks),
        )
        for item in group
    ]
    batch.tell(sources, STAGES[2], _EMBEDDED)
    kept = writer.keep(prepared)
    for item in group:
        document, there = kept[item.document.id]
        outcome = REPLACED if item.source.name in known_before else ADDED
        outcome = UNCHANGED if there else outcome
        warnings = item.parsed.warnings
        name = batch.names[item.source.number]
        if item.source.name != name:
            warnings += (
                f"Another document is called {name}; this one is kept as {item.source.name}.",
            )
        report = FileReport(item.source.name, document, outcome=outcome, warnings=warnings)
        batch.settle(item.source.number, report)


def _settle_copies(
    files: Sequence[tuple[str, Path]], sources: Sequence[Source], batch: _Batch
) -> None:
    """A second copy of a file in one batch shares the fate of the first."""
    first = {source.sha256: batch.reports[source.number] for source in sources}
    for number, (_, path) in enumerate(files):
        if number not in batch.reports:
            report = first[file_digest(path)]
            outcome = UNCHANGED if report.document else report.outcome
            batch.settle(number, replace(report, file_name=batch.names[number], outcome=outcome))
