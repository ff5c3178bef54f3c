"""What those do who run the lab for others: who may sign in, where indices lie, backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragft_core.access.rights import Role, members_of
from ragft_core.commands.output import Json, Name, note, opened, show, table
from ragft_core.errors import WorkspaceError
from ragft_core.settings import Settings


def move_index(
    w: Name,
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="Where to: s3://, gs://, az://, db:// or local.")
    ],
    from_: Annotated[
        str, typer.Option("--from", metavar="URI", help="Where from; without it, local.")
    ] = "local",
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove the old one once the new one is verified.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copies a workspace's index to another place and compares them; RAGFT_INDEX_URI then uses it."""
    from ragft_core.knowledge import embedder_of
    from ragft_core.knowledge import move_index as move
    from ragft_core.storage import place_at

    workspace = opened(w)
    source, target = place_at(from_, workspace), place_at(uri, workspace)
    embedder = embedder_of(workspace, Settings())
    done = move(workspace, embedder, source, target, lambda share, text: note(text))
    if clear:
        source.clear()
    switch = "without RAGFT_INDEX_URI" if uri == "local" else f"with RAGFT_INDEX_URI={uri}"
    show(
        done,
        as_json,
        lambda row: (
            f"{row['n_chunks']} chunks are at {row['where']}, {row['n_copied']} of them copied now; "
            f"both places hold the same. Start the lab {switch} to use them."
        ),
    )


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Where to.")],
    as_json: Json = False,
) -> None:
    """Writes all workspaces and records of the home into a file, also while the lab runs."""
    from ragft_core.overview import back_up

    done = back_up(Settings(), file)
    show(
        done,
        as_json,
        lambda row: (
            f"{len(row['workspaces'])} workspaces, {row['n_files']} files, "
            f"{row['n_bytes'] / 1e6:.1f} MB. Left out: {', '.join(row['left_out']) or 'nothing'}."
        ),
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What 'backup' wrote.")],
    over: Annotated[
        bool, typer.Option("--over", help="Move what is here into replaced/ first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Puts a backup back after checking every file of it; writes over nothing."""
    from ragft_core.overview import restore as put_back

    if not file.is_file():
        raise WorkspaceError(f"There is no file {file.name}.", "Check the path.")
    done = put_back(Settings(), file, over=over)
    show(done, as_json, lambda row: f"Put back: {', '.join(row['workspaces']) or 'nothing'}.")


def accounts(
    add: Annotated[str, typer.Option(metavar="ID", help="Let a person sign in: a mail.")] = "",
    role: Annotated[str, typer.Option(help="Their role: viewer, editor or admin.")] = "",
    change: Annotated[str, typer.Option(metavar="ID", help="Give a person another --role.")] = "",
    suspend: Annotated[str, typer.Option(metavar="ID", help="Out at their next click.")] = "",
    resume: Annotated[str, typer.Option(metavar="ID", help="Let them in again.")] = "",
    remove: Annotated[str, typer.Option(metavar="ID", help="Take them out of the table.")] = "",
    set_password: Annotated[
        bool, typer.Option("--set-password", help="Ask for the shared password, twice.")
    ] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Show what people did.")] = False,
    as_json: Json = False,
) -> None:
    """Lists who may sign in; adds, changes, suspends and removes people."""
    from ragft_core import people

    if add:
        people.add_person(add, role or Role.VIEWER)
    if change:
        people.change_person(change, role=role or None)
    if suspend:
        people.change_person(suspend, suspended=True)
    if resume:
        people.change_person(resume, suspended=False)
    if remove:
        people.remove_person(remove)
    if set_password:
        people.set_password(
            typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        )
    if audit:
        columns = {
            "at": "when", "who": "who", "what": "what", "workspace": "workspace",
            "about": "about", "result": "result",
        }  # fmt: skip
        show(people.audit_log(), as_json, lambda rows: table(rows, columns, "Nothing yet."))
        return
    columns = {"id": "id", "name": "name", "role": "role", "suspended": "suspended"}
    show(people.list_people(), as_json, lambda rows: table(rows, columns, "Nobody."))


def share(
    w: Name,
    owner: Annotated[str, typer.Option(metavar="ID", help="Give it to this person.")] = "",
    member: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Who works in it; may be repeated.")
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="No members but the owner.")] = False,
    as_json: Json = False,
) -> None:
    """Shows whose a workspace is; hands it over, and sets its members."""
    from ragft_core.people import share_workspace

    workspace = opened(w)
    if owner or member or nobody:
        members = [] if nobody else member or None
        share_workspace(workspace, owner=owner or None, members=members)
    show(
        members_of(workspace.path),
        as_json,
        lambda row: (
            f"owner: {row['owner'] or 'nobody'}\nmembers: {', '.join(row['members']) or '-'}"
        ),
    )
