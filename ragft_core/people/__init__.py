"""People: who may sign in, in which way, and whose a workspace is (``rights`` says what they may do).

RAGFT_HOME/people.json          the table of people: id, role, suspended
RAGFT_HOME/password             the shared password, as Argon2id left it
workspaces/<id>/.members.json   a workspace's owner and members
"""

from ragft_core.people.accounts import (
    Account,
    add_person,
    audit_log,
    change_person,
    list_people,
    remove_person,
)
from ragft_core.people.members import share_workspace
from ragft_core.people.passwords import set_password
from ragft_core.people.sign_in import (
    Visit,
    by_claims,
    by_headers,
    by_password,
    not_ready,
    seen_again,
)

__all__ = [
    "Account",
    "Visit",
    "add_person",
    "audit_log",
    "by_claims",
    "by_headers",
    "by_password",
    "change_person",
    "list_people",
    "not_ready",
    "remove_person",
    "seen_again",
    "set_password",
    "share_workspace",
]
