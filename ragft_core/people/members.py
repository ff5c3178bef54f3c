"""Whose a workspace is, and who else works in it."""

from __future__ import annotations

from collections.abc import Sequence

from ragft_core.access import rights
from ragft_core.access.rights import MEMBERS_FILE, Members, Right
from ragft_core.errors import SettingsError
from ragft_core.files import write_json
from ragft_core.people.accounts import clean_id, known_people
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace


def share_workspace(
    workspace: Workspace, *, owner: str | None = None, members: Sequence[str] | None = None
) -> Members:
    """Gives a workspace another owner or other members; None leaves what is.

    Raises:
        SettingsError: There is no such person.
        NotAllowedError: It is not the acting person's.
    """
    folder = workspace.path
    rights.require(Right.OWN, folder)
    before = rights.members_of(folder)
    new_owner = before.owner if owner is None else clean_id(owner)
    listed = before.members if members is None else tuple(dict.fromkeys(map(clean_id, members)))
    after = Members(new_owner, tuple(one for one in listed if one != new_owner))
    strangers = {after.owner, *after.members} - {"", before.owner, *before.members}
    strangers -= set(known_people())
    if strangers:
        raise SettingsError(
            f"There is no {sorted(strangers)[0][:80]!r} among the people.",
            "Ask an administrator to add them.",
        )
    with rights.as_the_lab():
        write_json(folder / MEMBERS_FILE, to_dict(after))
    rights.note("members", folder, f"owner {after.owner}; {', '.join(after.members)}")
    return after
