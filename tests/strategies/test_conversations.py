from __future__ import annotations

import pytest

from ragft_core.errors import WorkspaceError
from ragft_core.strategies import (
    Turn,
    Vote,
    list_conversations,
    load_conversation,
    load_votes,
    save_turn,
    save_vote,
)
from ragft_core.types import Answer, Strategy
from ragft_core.workspace import Workspace

CHAT = "chat-20261122-090000-aaaa"
ARMS = (Strategy.PROMPT, Strategy.RAG)


def turn(number: int) -> Turn:
    answers = tuple(Answer(arm, f"q{number}", f"{arm} says {number}") for arm in ARMS)
    return Turn(f"turn-{number}", f"q{number}", answers, "2026-11-22T09:00:00+00:00")


def test_turns_come_back_as_they_were_saved(workspace: Workspace) -> None:
    save_turn(workspace, CHAT, turn(1))
    save_turn(workspace, CHAT, turn(2))
    assert load_conversation(workspace, CHAT).turns == (turn(1), turn(2))


def test_each_arm_remembers_its_own_answers(workspace: Workspace) -> None:
    save_turn(workspace, CHAT, turn(1))
    history = load_conversation(workspace, CHAT).history()
    assert [m.content for m in history[Strategy.RAG]] == ["q1", "rag says 1"]
    assert [m.content for m in history[Strategy.PROMPT]] == ["q1", "prompt says 1"]


def test_a_later_vote_replaces_the_earlier(workspace: Workspace) -> None:
    save_turn(workspace, CHAT, turn(1))
    for choice in ("tie", "rag"):
        save_vote(workspace, CHAT, Vote("turn-1", choice, ARMS, "2026-11-22T09:01:00+00:00"))
    assert [vote.choice for vote in load_votes(workspace)] == ["rag"]


def test_conversations_are_listed_newest_first(workspace: Workspace) -> None:
    for day in ("21", "22"):
        save_turn(workspace, f"chat-202611{day}-090000-aaaa", turn(1))
    assert [c.id for c in list_conversations(workspace)] == [
        "chat-20261122-090000-aaaa",
        "chat-20261121-090000-aaaa",
    ]


@pytest.mark.parametrize("name", ["../evil", "chat-../x", "x", "chat-a\0"])
def test_an_id_from_the_url_cannot_leave_the_folder(workspace: Workspace, name: str) -> None:
    with pytest.raises(WorkspaceError, match="not the id"):
        load_conversation(workspace, name)
