"""The strategies made runnable: arms over one base model and one knowledge base.

``open_lab`` puts a workspace's generator and knowledge base together; ``Lab.ask`` answers one
question with any arms at the same time. ``arm_states`` says, without loading a model, which arms
can run and what the others miss.
"""

from ragft_core.strategies.arms import (
    ArmState,
    Need,
    add_arm,
    add_seed_arms,
    arm_states,
    arms_on,
    remove_arm,
    workspace_arms,
)
from ragft_core.strategies.changes import Change, change_and_ask, list_changes, undo
from ragft_core.strategies.chat_export import export_examples
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
    open_embedder,
    open_lab,
    open_workspace_generator,
)
from ragft_core.strategies.passages import training_passages
from ragft_core.strategies.pending import PendingAnswer
from ragft_core.strategies.prepare import search_settings
from ragft_core.strategies.sharing import WorkspaceGenerator, open_shared_generator

__all__ = [
    "ArmState",
    "Change",
    "Conversation",
    "Lab",
    "Need",
    "PendingAnswer",
    "Turn",
    "Vote",
    "WorkspaceGenerator",
    "add_arm",
    "add_seed_arms",
    "arm_states",
    "arms_on",
    "change_and_ask",
    "export_examples",
    "list_changes",
    "list_conversations",
    "load_conversation",
    "load_votes",
    "open_embedder",
    "open_lab",
    "open_shared_generator",
    "open_workspace_generator",
    "remove_arm",
    "save_turn",
    "save_vote",
    "search_settings",
    "training_passages",
    "undo",
    "workspace_arms",
]
