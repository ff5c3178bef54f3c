"""What the commands share: arguments, opening a workspace, printing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragft_core.jobs import Job, JobStatus, made_elsewhere
from ragft_core.settings import Settings
from ragft_core.types import Answer, Document, Passage
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from ragft_core.knowledge import KnowledgeBase

Name = Annotated[str, typer.Argument(metavar="W", help="Workspace: an id, or a path.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option(help="Wait for the end.")]
Only = Annotated[
    str,
    typer.Option(
        help="Documents to read: names with * and ?, folder:rules, type:pdf, since:2026-01-31, before:DAY."
    ),
]


def opened(name: str) -> Workspace:
    """The workspace that the user named."""
    return open_workspace(Settings(), name)


def name_damage(workspace: Workspace, *beginnings: str) -> None:
    """Names on standard error what a list had to leave out, which lies under these paths."""
    from ragft_core.overview import find_damage

    for damage in find_damage(workspace, under=beginnings):
        note(f"{damage.path} is left out: {damage.reason} 'doctor {workspace.id} --mend' helps.")


def tell_origin(workspace: Workspace) -> None:
    """Says on standard error what of a workspace was made on another machine."""
    origin = made_elsewhere(workspace)
    if origin is not None:
        things = [*origin.adapters, *origin.evaluations, *origin.records]
        note(f"{origin.text} That is: {', '.join(things)}.")


def show(data: Any, as_json: bool, human: Callable[[Any], str]) -> None:
    """Prints data as JSON, or as the text that ``human`` makes of it."""
    plain = to_dict(data)
    typer.echo(json.dumps(plain, ensure_ascii=False, indent=2) if as_json else human(plain))


def note(text: str) -> None:
    """Progress goes to standard error, so that output can be piped."""
    typer.echo(text, err=True)


def outcomes(_: float, text: str) -> None:
    """Names what is done with a file, not every stage on the way."""
    if not text.endswith((": reading", ": embedding", ": saving")):
        note(text)


def table(rows: list[dict[str, Any]], columns: dict[str, str], none: str) -> str:
    """Rows as aligned text; ``columns`` maps keys to headings."""
    if not rows:
        return none
    cells = [[str(row.get(key, "")) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns.values(), *cells, strict=True)]
    lines = [list(columns.values()), *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def tell_cluster() -> None:
    """Names the cluster that jobs run on, where one is set, and its machines."""
    from ragft_core.jobs.cluster import cluster_of

    if cluster := cluster_of(Settings()):
        note(cluster.text())


def job_row(job: Job) -> dict[str, Any]:
    """A job with its present status and its result."""
    return {"id": job.id, "kind": job.kind, **to_dict(job.status()), "result": job.result()}


def job_line(row: dict[str, Any]) -> str:
    """A job in one line."""
    return f"{row['id']}  {row['state']}  {row['error'] or row['message']}"


def finish(job: Job, wait: bool, as_json: bool) -> None:
    """Shows a started job; with ``wait`` follows it first, and fails where it fails."""
    if wait:
        follow(job)
    row = job_row(job)
    show(row, as_json, job_line)
    if wait and row["state"] != "succeeded":
        note(row["error"] or f"The job {job.id} is {row['state']}.")
        raise typer.Exit(1)


def follow(job: Job) -> JobStatus:
    """Waits until a job has ended and tells its progress meanwhile."""
    shown = ""
    while (status := job.wait(timeout=1)).active:
        if status.message != shown:
            shown = status.message
            note(f"{100 * status.share:.0f} % {shown}")
    return status


def passage_row(passage: Passage, files: dict[str, str]) -> dict[str, Any]:
    """A passage; ``document`` is the name of its file."""
    return {
        "rank": passage.rank,
        "document": files.get(passage.chunk.document_id, passage.document_title),
        "title": passage.document_title,
        "chunk": passage.chunk.id,
        "score": passage.score,
        "found_by": passage.found_by,
        "similarity": passage.similarity,
        "page": passage.chunk.page,
        "start": passage.chunk.start,
        "end": passage.chunk.end,
        "text": passage.chunk.text,
    }


def answer_row(answer: Answer, files: dict[str, str]) -> dict[str, Any]:
    """An arm's answer with all its provenance; ``answer`` is the text."""
    row = to_dict(answer)
    row.pop("question")
    row["answer"] = row.pop("text")
    return row | {"passages": [passage_row(passage, files) for passage in answer.passages]}


def named_document(base: KnowledgeBase, name: str) -> Document:
    """The document with this id, file name or title.

    Raises:
        DocumentError: There is none.
    """
    named = [item for item in base.documents() if name in (item.id, item.file_name, item.title)]
    return named[0] if named else base.document(name)


def knowledge_of(workspace: Workspace) -> KnowledgeBase:
    """A workspace's knowledge base, with its embedder."""
    from ragft_core.knowledge import KnowledgeBase, embedder_of

    return KnowledgeBase(workspace, embedder_of(workspace, Settings()))
