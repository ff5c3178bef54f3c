"""Who may sign in, with which role, and whose a workspace is."""

from __future__ import annotations

from typing import Annotated

import typer

from ragft_core.access.rights import Role, members_of
from ragft_core.commands.output import Json, Name, opened, show, table


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
