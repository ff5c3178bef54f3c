"""The one prompt renderer (law 2): training and inference build their messages here.

Passages come first and the question last. On FinanceBench the same model with the same document
answered 25 % of the questions with the question in front and 79 % with it at the end
(patronus-ai/financebench, runs ``inContext`` and ``inContext_reverse``), and everything before
the question can be shared between questions, in training and in the key/value cache.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragft_core.types import Message, Passage

ABSTENTION = "The documents do not say."
DEFAULT_INSTRUCTION = "Answer the question in a few words."
GROUNDING = f"Use only the passages. If they do not hold the answer, reply: {ABSTENTION}"
WRITER_INSTRUCTION = "Write the question that the given words answer, from the passage."


def with_labels(instruction: str, labels: Sequence[str], pattern: str = "") -> str:
    """The standing instruction with the labels to choose from, where it does not name them itself.

    Args:
        instruction: The workspace's or an arm's own.
        labels: The workspace's labels; none for questions that ask for no label.
        pattern: The form of a whole answer, which the instruction has to explain by itself.
    """
    named = all(_names(instruction, label) for label in labels)
    if not labels or pattern or named:
        return instruction
    return f"{instruction} Answer with one of: {'; '.join(labels)}."


def _names(instruction: str, label: str) -> bool:
    """Whether a label stands there by itself; short ones as spelled, for "a" is no "A"."""
    found = re.search(
        rf"(?<!\w){re.escape(label)}(?!\w)", instruction, re.IGNORECASE if len(label) > 2 else 0
    )
    return found is not None


def render_messages(
    question: str,
    *,
    instruction: str = DEFAULT_INSTRUCTION,
    passages: Sequence[tuple[str, str]] = (),
    examples: Sequence[Message] = (),
    history: Sequence[Message] = (),
) -> tuple[Message, ...]:
    """Builds the conversation that an arm sends to the model.

    Args:
        question: What the user asks, as typed.
        instruction: The workspace's standing instruction.
        passages: (title, text) pairs in the order of their rank; empty for arms that read nothing.
        examples: Turns of a few-shot prompt, before the conversation.
        history: Earlier turns of this conversation, oldest first, without their passages.

    Returns:
        A system message, the examples, the history, and the user's turn.
    """
    system = f"{instruction} {GROUNDING}" if passages else instruction
    body = f"{render_passages(passages)}\n\nQuestion: {question}" if passages else question
    return (Message("system", system), *examples, *history, Message("user", body.strip()))


def render_passages(passages: Sequence[tuple[str, str]]) -> str:
    """Numbers the passages from 1, each under its title."""
    return "\n\n".join(
        f"[{number}] {title}\n{text.strip()}"
        for number, (title, text) in enumerate(passages, start=1)
    )


def render_writing(title: str, text: str, answer: str) -> tuple[Message, ...]:
    """Builds the conversation that asks the question writer for a question with this answer."""
    body = f"{render_passages([(title, text)])}\n\nAnswer: {answer}"
    return (Message("system", WRITER_INSTRUCTION), Message("user", body))


def passage_texts(passages: Sequence[Passage]) -> list[tuple[str, str]]:
    """The (title, text) pairs of retrieved passages, in rank order."""
    return [(passage.document_title, passage.chunk.text) for passage in passages]
