"""The strategies made runnable: five arms over one base model, one knowledge base.

``open_lab`` puts a workspace's generator and knowledge base together; ``Lab.ask`` answers one
question with any arms at the same time. ``arm_states`` says, without loading a model, which arms
can run and what the others miss.
"""

from ragft_core.strategies.arms import ArmState, Need, arm_states
from ragft_core.strategies.conversations import (
    Conversation,
    Turn,
    Vote,
    list_conversations,
    load_conversation,
    load_votes,
    save_turn,
    save_vote,
)
from ragft_core.strategies.lab import (
    Lab,
    PendingAnswer,
    open_embedder,
    open_lab,
    open_workspace_generator,
)
from ragft_core.strategies.passages import training_passages

__all__ = [
    "ArmState",
    "Conversation",
    "Lab",
    "Need",
    "PendingAnswer",
    "Turn",
    "Vote",
    "arm_states",
    "list_conversations",
    "load_conversation",
    "load_votes",
    "open_embedder",
    "open_lab",
    "open_workspace_generator",
    "save_turn",
    "save_vote",
    "training_passages",
]
