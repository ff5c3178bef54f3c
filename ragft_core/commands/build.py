"""Workspaces, documents, examples, fine-tuning and the jobs behind them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.approval import approve, unapproved, what_for
from ragft_core.commands.output import (
    Json,
    Name,
    finish,
    follow,
    knowledge_of,
    name_damage,
    note,
    opened,
    outcomes,
    passage_row,
    show,
    table,
)
from ragft_core.errors import ModelError
from ragft_core.jobs import JobState
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice, SearchMode
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, create_workspace, locate


class TrainFor(StrEnum):
    """Which arm an adapter is trained for."""

    FINE_TUNED = "fine-tuned"
    HYBRID = "hybrid"
    BOTH = "both"


def init(
    w: Name,
    sample: Annotated[str, typer.Option(help="Fill it with a sample: knowledge or triage.")] = "",
    as_json: Json = False,
) -> None:
    """Makes a workspace, empty or from a sample."""
    settings = Settings()
    path = locate(settings, w)
    if sample:
        from ragft_core.samples import load_sample

        workspace = load_sample(
            settings, sample, path, workspace_name=path.name, on_progress=outcomes
        )
    else:
        workspace = create_workspace(settings, path.name, path)
    found = {"id": workspace.id, "path": str(workspace.path), **to_dict(workspace.settings())}
    show(found, as_json, lambda row: f"Workspace {row['id']} at {row['path']}")


def status(w: Name, as_json: Json = False) -> None:
    """Shows the five steps: what is done, and what comes next."""
    from ragft_core.overview import workspace_steps

    columns = {"title": "step", "done": "done", "text": "state"}
    show(workspace_steps(opened(w)), as_json, lambda rows: table(rows, columns, ""))


def doctor(
    w: Annotated[str, typer.Argument(metavar="[W]", help="Workspace; none for all of them.")] = "",
    mend: Annotated[
        bool, typer.Option("--mend", help="Set damaged files aside, rebuild a differing index.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examines the lab and its workspaces; ends with 1 where something is wrong and not mended."""
    from ragft_core.overview import examine, examine_machine
    from ragft_core.workspace import list_workspaces

    settings = Settings()
    found = {"": examine_machine(settings)}
    for workspace in [opened(w)] if w else list_workspaces(settings):
        found[workspace.id] = examine(workspace, knowledge_of, mend=mend)
    rows = [{"workspace": name, **to_dict(item)} for name, items in found.items() for item in items]
    columns = {
        "workspace": "workspace",
        "place": "where",
        "problem": "what",
        "remedy": "what to do",
    }
    show(rows, as_json, lambda rows: table(rows, columns, "All is well."))
    if not all(row["mended"] for row in rows):
        raise typer.Exit(1)


def model(
    w: Name,
    kind: Annotated[str, typer.Option(help="bundled, hub, folder or endpoint.")] = "",
    name: Annotated[str, typer.Option(help="Hub id, folder, or the endpoint's model.")] = "",
    url: Annotated[str, typer.Option(help="Address of an endpoint.")] = "",
    key_variable: Annotated[str, typer.Option(help="Variable that holds its key.")] = "",
    allow: Annotated[
        bool, typer.Option("--allow", help="Allow what a workspace from elsewhere names.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Shows the workspace's model, or checks another one and uses it."""
    from ragft_core.models import check_model

    workspace = opened(w)
    choice = workspace.settings().model
    if allow:
        for named in unapproved(workspace):
            note(f"Allowed: it {what_for(named)}.")
            approve(workspace, named)
    if kind:
        choice = ModelChoice(kind, name or ModelChoice().name, url, key_variable)
    report = check_model(choice, Settings())
    if not report.usable:
        raise ModelError(report.problem, report.remedy)
    if kind:
        workspace.update(model=choice)
        approve(workspace, choice)
    show(report, as_json, lambda row: f"{row['name']}  {row['licence']}  {row['note']}".rstrip())


def add(
    w: Name,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files and folders.")],
    keep_names: Annotated[
        bool, typer.Option(help="Keep documents of the same name beside the new ones.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the end; Ctrl-C keeps what is in.")] = True,
    as_json: Json = False,
) -> None:
    """Takes documents into the knowledge base; files that cannot be read are refused one by one."""
    from ragft_core.knowledge import ingest_state, start_ingest

    named = [(found.name, found) for file in files for found in _files_in(file)]
    job = start_ingest(opened(w), named, keep_names=keep_names)
    if not wait:
        finish(job, False, as_json)
        return
    try:
        status = follow(job)
    except KeyboardInterrupt:
        job.stop()
        status = job.wait(timeout=60)
    reports = ingest_state(job).reports
    show(
        reports,
        as_json,
        lambda rows: "\n".join(
            " ".join([f"{row['file_name']}: {row['error'] or row['outcome']}", *row["warnings"]])
            for row in rows
        ),
    )
    refused = [report for report in reports if report.error]
    for report in refused:
        note(f"{report.file_name}: {report.error} {report.remedy}".rstrip())
    if status.state is not JobState.SUCCEEDED:
        note(f"{status.error} Go on: python -m ragft_core resume {w} {job.id}".lstrip())
    if refused or status.state is not JobState.SUCCEEDED:
        raise typer.Exit(1)


def _files_in(path: Path) -> list[Path]:
    """A folder's files, however deep, without the hidden ones; a file itself."""
    if not path.is_dir():
        return [path]
    found = sorted(item for item in path.rglob("*") if item.is_file())
    return [item for item in found if not item.name.startswith(".")]


def documents(w: Name, as_json: Json = False) -> None:
    """Lists the documents."""
    from ragft_core.knowledge import documents as list_documents

    workspace = opened(w)
    columns = {"id": "id", "file_name": "file", "format": "type", "n_chunks": "chunks"}
    name_damage(workspace, "documents/")
    show(list_documents(workspace), as_json, lambda rows: table(rows, columns, "No documents yet."))


def remove(
    w: Name, doc: Annotated[str, typer.Argument(metavar="DOC")], as_json: Json = False
) -> None:
    """Removes a document, named by its id, its file name or its title."""
    base = knowledge_of(opened(w))
    named = [item for item in base.documents() if doc in (item.id, item.file_name, item.title)]
    document = named[0] if named else base.document(doc)
    base.remove(document.id)
    show(document, as_json, lambda row: f"Removed {row['file_name']}.")


def rebuild(w: Name, as_json: Json = False) -> None:
    """Builds the search index again from the documents' texts."""
    n_chunks = knowledge_of(opened(w)).rebuild(
        lambda name, stage, share: outcomes(share, f"{name}: {stage}")
    )
    show({"n_chunks": n_chunks}, as_json, lambda row: f"Indexed {row['n_chunks']} chunks.")


def search(
    w: Name,
    question: str,
    mode: Annotated[SearchMode, typer.Option(help="How to search.")] = SearchMode.HYBRID,
    k: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 5,
    reranker: Annotated[str, typer.Option(help="Cross-encoder to sort by: folder or hub id.")] = "",
    as_json: Json = False,
) -> None:
    """Shows what retrieval finds for a question."""
    base = knowledge_of(opened(w))
    files = {document.id: document.file_name for document in base.documents()}
    passages = base.search(question, mode, k, reranker or None)
    found = [passage_row(passage, files) for passage in passages]
    show(
        found,
        as_json,
        lambda rows: (
            "\n\n".join(
                f"{row['rank']}. {row['title']} ({row['score']:.3f}, {row['found_by']})\n"
                f"{row['text']}"
                for row in rows
            )
            or "Nothing found."
        ),
    )


def examples(
    w: Name,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]")] = None,
    question: Annotated[str, typer.Option(help="Column of the questions.")] = "",
    answer: Annotated[str, typer.Option(help="Column of the answers.")] = "",
    generate: Annotated[int, typer.Option(help="Write N from the documents.")] = 0,
    as_json: Json = False,
) -> None:
    """Imports examples from a table, writes them from the documents, or lists them."""
    workspace = opened(w)
    if generate:
        _write(workspace, generate, as_json)
    elif file is not None:
        from ragft_core.finetuning import import_file

        columns = {"question": question, "answer": answer}
        given = {key: value for key, value in columns.items() if value}
        show(import_file(workspace, file, given or None), as_json, _imported)
    else:
        from ragft_core.finetuning import load_examples

        columns = {"split": "split", "question": "question", "answer": "answer"}
        rows = load_examples(workspace)
        show(rows, as_json, lambda items: table(items, columns, "No examples yet."))


def _imported(report: dict[str, Any]) -> str:
    rejected = [f"row {row['row']}: {row['reason']}" for row in report["rejected"]]
    told = [f"Imported {len(report['examples'])} examples.", *report["warnings"], *rejected]
    return "\n".join(told)


def _write(workspace: Workspace, target: int, as_json: bool) -> None:
    """Writes examples as a job, waits for it and takes what it kept, unreviewed."""
    from ragft_core.finetuning.writing.job import read_candidates, start_generation
    from ragft_core.finetuning.writing.review import accept
    from ragft_core.knowledge.store import chunks_of
    from ragft_core.knowledge.store import documents as list_documents

    chunks = [
        (document.title, chunk)
        for document in list_documents(workspace)
        for chunk in chunks_of(workspace, document.id)
    ]
    job = start_generation(workspace, chunks, target)
    finish(job, True, as_json)
    added = accept(workspace, job, read_candidates(job.folder))
    note(f"{added} examples were added. Read them: python -m ragft_core examples {workspace.id}")
