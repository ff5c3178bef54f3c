"""Follow-up questions made whole for retrieval: "And what does it cost?" finds nothing by itself.

The question before it is searched for as well, which is the usual baseline of conversational search
(raw concatenation, TREC CAsT 2019) and needs no model: a small one that rewrites questions invents
as often as it helps. What the arm reads stays as it was typed; only the search sees both. What points
back is known in English only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragft_core.overlap import content_words
from ragft_core.types import Message

# Words that point back: with one of them, a question is hardly whole.
_POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|her|hers|there|then|"
    r"one|ones|same|such|former|latter|instead|else)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"^\s*(and|or|but|so|what about|how about|why|why not)\b", re.IGNORECASE)
# With fewer words that carry meaning, nobody could tell what is asked.
_FEWEST = 2


def searched_for(question: str, history: Sequence[Message]) -> str:
    """What retrieval looks for: the question, behind the one before it where it goes on from there.

    Args:
        question: As it was typed.
        history: The conversation's earlier turns.
    """
    asked = [message.content for message in history if message.role == "user"]
    if not asked or not _goes_on(question):
        return question
    return f"{asked[-1]} {question}"


def _goes_on(question: str) -> bool:
    if _POINTS_BACK.search(question) or _GOES_ON.search(question):
        return True
    # Scripts without spaces have no words to count.
    return question.isascii() and len(set(content_words(question))) < _FEWEST
