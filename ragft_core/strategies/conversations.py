"""Conversations and votes, kept in the workspace as JSON lines.

A conversation is ``chats/<id>.jsonl``: one line a turn or a vote, in the order they came. A later
vote on the same turn replaces the earlier one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ragft_core.access import rights
from ragft_core.errors import WorkspaceError
from ragft_core.types import Answer, Message
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, append_jsonl, read_jsonl

TIE = "tie"
ALL_BAD = "all-bad"
_ID = re.compile(r"chat-[0-9a-f-]+")


@dataclass(frozen=True)
class Turn:
    """One question with the answers of every arm, in the order of their columns.

    ``by`` says who asked; empty for the local owner.
    """

    id: str
    question: str
    answers: tuple[Answer, ...]
    at: str
    blind: bool = False
    by: str = ""


@dataclass(frozen=True)
class Vote:
    """A person's verdict on a turn: the arm that won, ``tie`` or ``all-bad``; ``by`` says whose."""

    turn: str
    choice: str
    arms: tuple[str, ...]
    at: str
    blind: bool = False
    by: str = ""


@dataclass(frozen=True)
class Conversation:
    """The turns of a conversation and, by turn id, the votes on them."""

    id: str
    turns: tuple[Turn, ...] = ()
    votes: dict[str, Vote] | None = None

    @property
    def title(self) -> str:
        """The first question, which is what people remember a conversation by."""
        return self.turns[0].question if self.turns else "New conversation"

    def vote_on(self, turn: Turn) -> Vote | None:
        """The vote on a turn, or None."""
        return (self.votes or {}).get(turn.id)

    def history(self) -> dict[str, tuple[Message, ...]]:
        """What each arm remembers: the questions with its own answers, without passages."""
        past: dict[str, tuple[Message, ...]] = {}
        for turn in self.turns:
            for answer in turn.answers:
                if answer.text:
                    said = (Message("user", turn.question), Message("assistant", answer.text))
                    past[answer.arm] = past.get(answer.arm, ()) + said
        return past


def save_turn(workspace: Workspace, conversation_id: str, turn: Turn) -> None:
    """Adds a turn to a conversation, with who asked."""
    _append(workspace, conversation_id, {"turn": to_dict(replace(turn, by=rights.by()))})


def save_vote(workspace: Workspace, conversation_id: str, vote: Vote) -> None:
    """Adds a vote to a conversation, with who votes."""
    _append(workspace, conversation_id, {"vote": to_dict(replace(vote, by=rights.by()))})


def _append(workspace: Workspace, conversation_id: str, row: dict[str, object]) -> None:
    if not _ID.fullmatch(conversation_id):
        raise WorkspaceError(f"{conversation_id!r} is not the id of a conversation.")
    append_jsonl(workspace.folder("chats") / f"{conversation_id}.jsonl", [row])


def load_conversation(workspace: Workspace, conversation_id: str) -> Conversation:
    """Reads a conversation without its damaged rows; one that was never written to is empty.

    Raises:
        WorkspaceError: The id is none.
    """
    if not _ID.fullmatch(conversation_id):
        raise WorkspaceError(f"{conversation_id!r} is not the id of a conversation.")
    turns: list[Turn] = []
    votes: dict[str, Vote] = {}
    path = workspace.path / "chats" / f"{conversation_id}.jsonl"
    for row in read_jsonl(path, skip_damaged=True):
        with suppress(ValueError, TypeError):  # named by ``integrity``
            read = read_row(row)
            if isinstance(read, Turn):
                turns.append(read)
            elif read is not None:
                votes[read.turn] = read
    return Conversation(conversation_id, tuple(turns), votes)


def read_row(row: dict[str, Any]) -> Turn | Vote | None:
    """What a line of a conversation holds; None where it is of a kind that is not known.

    Raises:
        InvalidValueError: It does not hold what it should.
    """
    if "turn" in row:
        return from_dict(Turn, row["turn"])
    return from_dict(Vote, row["vote"]) if "vote" in row else None


def list_conversations(workspace: Workspace) -> list[Conversation]:
    """All conversations of a workspace, newest first."""
    files = sorted(workspace.path.glob("chats/chat-*.jsonl"), reverse=True)
    return [load_conversation(workspace, file.stem) for file in files]


def load_votes(workspace: Workspace) -> list[Vote]:
    """The last vote on every turn of every conversation."""
    return [
        vote
        for conversation in list_conversations(workspace)
        for vote in (conversation.votes or {}).values()
    ]
