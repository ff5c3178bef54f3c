"""How texts are made comparable before anything is counted: plain tokens and refusals."""

from __future__ import annotations

import re
import string

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import normalise, with_plain_numbers

# Ways of saying "I cannot tell", besides the sentence that the prompt asks for. Each is looked
# for in the first sentence only: a refusal opens an answer, an aside further down is none.
_REFUSALS = re.compile(
    r"(documents?|passages?|text|context|information|sources?) (provided )?"
    r"(do|does|did)(n.t| not) (say|mention|state|contain|provide|specify|include|hold|give)"
    r"|\bnot (mentioned|stated|specified|answerable)\b"
    r"|\bnot (provided|given|found|available|known) (in|from|by) (the|these|those|any) "
    r"(documents?|passages?|text|context|sources?)"
    r"|\b(i|we) (do(n.t| not) know|can(not|.t| not) (answer|say|tell|find|determine))"
    r"|\b(no|not enough|insufficient) (answer|information)\b"
    r"|\b(unanswerable|there is no (answer|information|mention))\b"
    r"|^\W*(unknown|n/?a|none)\W*$",
    re.IGNORECASE,
)


def plain_tokens(text: str) -> list[str]:
    """Normalised tokens in which a number has one spelling: ``3.5 million`` is ``3500000``."""
    spelled = with_plain_numbers(text).lower()
    tokens = (token.strip(string.punctuation) for token in spelled.split())
    return [token for token in tokens if token and token not in ("a", "an", "the")]


def is_abstention(text: str) -> bool:
    """Whether an answer declines to answer: the agreed sentence, or a usual refusal."""
    if normalise(ABSTENTION) in normalise(text):
        return True
    first = re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=1)[0]
    return not text.strip() or bool(_REFUSALS.search(first))
