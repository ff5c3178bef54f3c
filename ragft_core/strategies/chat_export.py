"""Examples as the file that services fine-tune from: OpenAI's chat JSONL.

One line an example, ``{"messages": [system, user, assistant]}``, rendered as the arm will ask, so
that a model which is tuned elsewhere learns the prompt that it will see. OpenAI, Together,
Fireworks, Mistral and axolotl read the form.
"""

from __future__ import annotations

import json
from pathlib import Path

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning import load_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.models.prompts import render_messages, with_labels
from ragft_core.strategies.passages import training_passages
from ragft_core.types import Message, Split
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_text

# What OpenAI asks for at least.
FEWEST = 10
ROLES = ["system", "user", "assistant"]


def export_examples(
    workspace: Workspace,
    file: Path,
    *,
    split: Split = Split.TRAIN,
    knowledge: KnowledgeBase | None = None,
) -> int:
    """Writes the examples of a split as chat JSONL, and returns how many there are.

    Args:
        workspace: Whose examples.
        file: Where to; what is there is replaced.
        split: Which part of them.
        knowledge: Where passages are retrieved for the hybrid arm's prompts; None for prompts
            without passages.

    Raises:
        TrainingDataError: There are too few, or one is not as services want it; nothing is written.
        RetrievalError: Passages cannot be searched.
    """
    own = workspace.settings()
    instruction = with_labels(own.instruction, own.labels, own.label_pattern)
    passages = training_passages(workspace, knowledge) if knowledge else None
    rows = [example for example in load_examples(workspace) if example.split is split]
    if split is Split.TRAIN and len(rows) < FEWEST:
        raise TrainingDataError(
            f"There are {len(rows)} examples to train on, and services ask for {FEWEST} at least.",
            "Add examples, or put more of them into the training split.",
        )
    if not rows:
        raise TrainingDataError(
            f"No example is in the {split} split.", "Put some there, or write another split."
        )
    lines = []
    for number, example in enumerate(rows, start=1):
        found = passages(example)[: own.top_k] if passages else []
        asked = render_messages(example.question, instruction=instruction, passages=found)
        messages = (*asked, Message("assistant", example.answer))
        if [m.role for m in messages] != ROLES or not all(m.content.strip() for m in messages):
            raise TrainingDataError(
                f"Line {number} of {file.name} would be no conversation of instruction, question and "
                "answer, none of them empty.",
                f"Fill in the workspace's instruction, and the example {example.question[:60]!r}.",
            )
        lines.append(json.dumps({"messages": to_dict(messages)}, ensure_ascii=False) + "\n")
    write_text(file, "".join(lines))
    return len(lines)
