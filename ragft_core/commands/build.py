"""Workspaces, documents, examples, fine-tuning and the jobs behind them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.approval import approve, is_approved, unapproved, what_for
from ragft_core.commands.output import (
    Json,
    Name,
    Only,
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
    tell_cluster,
)
from ragft_core.errors import ModelError, WorkspaceError
from ragft_core.jobs import JobState
from ragft_core.models.remote import SERVED, check_served, served_models
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice, SearchMode
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import create_workspace, list_archived, list_workspaces, locate


def init(
    w: Name,
    sample: Annotated[str, typer.Option(help="Fill it with a sample: knowledge or triage.")] = "",
    finished: Annotated[
        bool, typer.Option("--finished", help="With its adapters, evaluations and decision.")
    ] = False,
    made_with: Annotated[
        str, typer.Option(help="The finished case of this model; without it, the bundled one's.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Makes a workspace, empty or from a sample."""
    settings = Settings()
    path = locate(settings, w)
    if (finished or made_with) and not (sample and finished):
        raise WorkspaceError("Only samples have finished cases.", "Add --sample and --finished.")
    if sample:
        from ragft_core.samples import load_sample, open_finished

        made = partial(open_finished, model=made_with) if finished else load_sample
        workspace = made(settings, sample, path, workspace_name=path.name, on_progress=outcomes)
    else:
        workspace = create_workspace(settings, path.name, path)
    found = {"id": workspace.id, "path": str(workspace.path), **to_dict(workspace.settings())}
    show(found, as_json, lambda row: f"Workspace {row['id']} at {row['path']}")


def status(w: Name, as_json: Json = False) -> None:
    """Shows the five steps: what is done, and what comes next."""
    from ragft_core.overview import workspace_steps

    tell_cluster()
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

    tell_cluster()
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
    revision: Annotated[str, typer.Option(help="Commit on the hub; main is pinned at once.")] = "",
    tuned: Annotated[
        str, typer.Option(help="The fine-tuned arm's model there: an adapter's or an ft: name.")
    ] = "",
    tuned_hybrid: Annotated[
        str, typer.Option(help="The hybrid arm's; tuned on prompts with passages.")
    ] = "",
    served: Annotated[
        bool, typer.Option("--served", help="List the models of the endpoint.")
    ] = False,
    allow: Annotated[
        bool, typer.Option("--allow", help="Allow what a workspace from elsewhere names.")
    ] = False,
    thinking: Annotated[
        str, typer.Option(help="on or off, for a model that can think before it answers.")
    ] = "",
    find: Annotated[str, typer.Option(help="Search the hub for models by name.")] = "",
    as_json: Json = False,
) -> None:
    """Shows the workspace's model, or checks another one, asks it once and uses it."""
    from ragft_core.knowledge import version_models
    from ragft_core.models import check_model, search_hub, try_model

    if find:
        columns = {
            "name": "model", "size": "parameters", "licence": "licence", "gated": "gated",
            "downloads": "downloads",
        }  # fmt: skip
        rows = [to_dict(row) | {"size": _millions(row.parameters)} for row in search_hub(find)]
        show(rows, as_json, lambda found: table(found, columns, "Nothing found."))
        return
    workspace = opened(w)
    choice = workspace.settings().model
    if allow:
        for named in unapproved(workspace, version_models(workspace)):
            note(f"Allowed: it {what_for(named)}.")
            approve(workspace, named)
    if kind:
        choice = ModelChoice(kind, name or ModelChoice().name, url, key_variable, revision=revision)
    if thinking:
        choice = from_dict(ModelChoice, to_dict(choice) | {"thinking": thinking}, "--thinking")
    if served:
        columns = {"name": "model", "base": "tuned from, as it says"}
        show(served_models(choice), as_json, lambda rows: table(rows, columns, "None."))
        return
    report = check_model(choice, Settings())
    if not report.usable:
        raise ModelError(report.problem, report.remedy)
    names = {"adapter": tuned, "hybrid_adapter": tuned_hybrid}
    for name in filter(None, names.values()):
        note(check_served(choice, name))
    tried = None
    if (kind or thinking) and (choice.kind != "bundled" or thinking == "on"):
        pinned = replace(choice, revision=report.revision)
        tried = try_model(pinned, Settings(), lambda _, text: note(text))
        note(tried.text)
        choice = replace(choice, context_tokens=tried.context_tokens)
    changed = thinking or report.revision != choice.revision
    if kind or (changed and is_approved(workspace, choice)):
        choice = replace(choice, revision=report.revision)
        workspace.update(model=choice)
        approve(workspace, choice)
    workspace.update(**{field: f"{SERVED}{name}" for field, name in names.items() if name})
    told = to_dict(report) | {"memory": report.memory_text, "tried": to_dict(tried)}
    keys = ("name", "licence", "note", "memory")
    show(told, as_json, lambda row: "  ".join(str(row[key]) for key in keys if row[key]))


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:,.0f} M" if parameters else "not said"


def add(
    w: Name,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files, folders and zips.")
    ],
    keep_names: Annotated[
        bool, typer.Option(help="Keep documents of the same name beside the new ones.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the end; Ctrl-C keeps what is in.")] = True,
    as_json: Json = False,
) -> None:
    """Takes documents into the knowledge base; files that cannot be read are refused one by one."""
    from ragft_core.knowledge import ingest_state, start_ingest

    named = [pair for file in files for pair in _files_in(file)]
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


def _files_in(path: Path) -> list[tuple[str, Path]]:
    """A folder's files, however deep, without hidden ones and a system's own; a file itself.

    With each the name that it gets: behind its folders, from the one that was named on.
    """
    from ragft_core.documents import is_litter

    if not path.is_dir():
        return [(path.name, path)]
    found = sorted(item for item in path.rglob("*") if item.is_file())
    named = [(item.relative_to(path).as_posix(), item) for item in found]
    return [
        (f"{path.name}/{name}".lstrip("/"), item) for name, item in named if not is_litter(name)
    ]


def documents(w: Name, as_json: Json = False) -> None:
    """Lists the documents."""
    from ragft_core.knowledge import documents as list_documents

    workspace = opened(w)
    columns = {"id": "id", "file_name": "file", "format": "type", "n_chunks": "chunks"}
    found = list_documents(workspace)
    if any(document.folder for document in found):
        columns["folder"] = "folder"
    name_damage(workspace, "documents/")

    def listed(rows: list[dict[str, Any]]) -> str:
        told = [
            f"{row['file_name']}: {' '.join(row['warnings'])}" for row in rows if row["warnings"]
        ]
        return "\n".join([table(rows, columns, "No documents yet."), *told])

    show(found, as_json, listed)


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
    only: Only = "",
    as_json: Json = False,
) -> None:
    """Shows what retrieval finds for a question."""
    base = knowledge_of(opened(w))
    files = {document.id: document.file_name for document in base.documents()}
    meaning = base.workspace.settings().meaning
    passages = base.search(question, mode, k, reranker or None, meaning, only)
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


def workspaces(
    rename: Annotated[
        tuple[str, str] | None, typer.Option(metavar="W NAME", help="Call a workspace otherwise.")
    ] = None,
    archive: Annotated[
        str, typer.Option(metavar="W", help="Put it away: out of the lists, only to be read.")
    ] = "",
    restore: Annotated[str, typer.Option(metavar="W", help="Bring an archived one back.")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="List the archived ones.")] = False,
    delete: Annotated[str, typer.Option(metavar="W", help="Delete this workspace.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    export: Annotated[
        tuple[str, Path] | None, typer.Option(metavar="W FILE", help="Write it into a zip file.")
    ] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Bring in such a file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Lists the workspaces; renames, archives, deletes, exports and imports them."""
    from ragft_core.overview import (
        archive_workspace,
        export_workspace,
        import_workspace,
        remove_workspace,
        rename_workspace,
        restore_workspace,
    )

    if rename:
        rename_workspace(opened(rename[0]), rename[1])
    if archive:
        archive_workspace(opened(archive))
    if restore:
        restore_workspace(opened(restore))
    if export:
        size = export_workspace(opened(export[0]), export[1])
        note(f"{export[1].name}: {size / 1e6:.1f} MB.")
    if import_:
        if not import_.is_file():
            raise WorkspaceError(f"There is no file {import_.name}.", "Check the path.")
        note(f"The workspace is {import_workspace(Settings(), import_).id}.")
    if delete:
        gone = opened(delete)
        if not yes:
            typer.confirm(
                f"Delete {gone.settings().name} with its documents, adapters and evaluations?",
                abort=True,
                err=True,
            )
        remove_workspace(gone)
    found = (list_archived if archived else list_workspaces)(Settings())
    rows = [{"id": one.id, "name": one.settings().name} for one in found]
    show(rows, as_json, lambda found: table(found, {"id": "id", "name": "name"}, "No workspaces."))
