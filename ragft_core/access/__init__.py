"""Who acts and what they may do, asked before anything is read or changed, and the log of it."""

from ragft_core.access import audit, rights
from ragft_core.access.rights import Members, Person, Right, Role

__all__ = [
    "Members",
    "Person",
    "Right",
    "Role",
    "audit",
    "rights",
]
