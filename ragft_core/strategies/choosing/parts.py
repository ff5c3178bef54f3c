"""Questions that ask for two things: where they part.

The bundled reader answers one of the two and stops (docs/reading.md), so that it is asked one after
the other. Only what surely asks twice is parted: "and who" without a comma may
belong to the noun before it ("the man who built it and who owns it").
"""

from __future__ import annotations

import re

_ASKS = r"(?:what|which|who|whose|whom|when|where|why|how)\b"
_OPENS = rf"(?:(?:at|by|for|from|in|of|on|to|with|within|since|until) )?{_ASKS}"
# Words that begin no clause of a noun.
_NEVER_RELATIVE = r"(?:what|why|how)\b"
_TWO = re.compile(
    rf"^(?P<one>.*?\b{_ASKS}.{{6,}}?)"
    rf"(?:\?\s+(?:and\s+)?(?={_OPENS})|,\s+and\s+(?={_OPENS})|\s+and\s+(?={_NEVER_RELATIVE}))"
    r"(?P<other>[^?]{6,})\?*$",
    re.IGNORECASE | re.DOTALL,
)
_POINTS = re.compile(
    r"\b(?:it|its|they|them|their|she|he|her|his|him|this|that|these|those|there|so)\b",
    re.IGNORECASE,
)
_SHORTEST = 3  # words of each part


def two_questions(question: str) -> tuple[str, str] | None:
    """The two questions of one, as a person would print them; None where it asks for one thing."""
    found = _TWO.match(" ".join(question.split()))
    if found is None:
        return None
    parts = [found["one"].strip(" ,.?"), found["other"].strip(" ,.?")]
    if any(len(part.split()) < _SHORTEST for part in parts) or two_questions(f"{parts[1]}?"):
        return None
    one, other = (f"{part[:1].upper()}{part[1:]}?" for part in parts)
    return one, other


def points_back(question: str) -> bool:
    """Whether a question needs the one before it to be understood."""
    return bool(_POINTS.search(question))
