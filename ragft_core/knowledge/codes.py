"""Codes in a question: part numbers, error codes, acronyms. A passage that holds one comes first.

Embeddings hardly see a code, and rank fusion gives a passage that words alone find less than one
that both ways find in passing. But whoever types "E-4031" wants the passage that says E-4031.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(r"[^\W_]+(?:[-_/][^\W_]+)*")
_GROUP = re.compile(r"[^\W\d_]+|\d+")
_MAX_CODES = 4


@dataclass(frozen=True)
class Code:
    """A code as typed. Its separators may differ in a text: E-4031, E4031 and E 4031 are one."""

    typed: str

    @cached_property
    def groups(self) -> list[str]:
        """Its runs of letters and of digits."""
        return _GROUP.findall(self.typed)

    @property
    def is_acronym(self) -> bool:
        """Whether it is a word in capitals; "WHO" is not "who"."""
        return self.typed.isalpha()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        body = "[-_/ ]?".join(map(re.escape, self.groups))
        flags = 0 if self.is_acronym else re.IGNORECASE
        return re.compile(rf"(?<![^\W_]){body}(?![^\W_])", flags)

    def is_in(self, text: str) -> bool:
        """Whether a text holds the code, not as a part of a longer word or number."""
        return bool(self._pattern.search(text))


def codes_in(question: str) -> list[Code]:
    """The codes of a question in its order, four at most.

    Codes are letters with digits ("X310", "e-4031"), long or divided numbers ("77-0032"), and words
    in capitals ("WHO"), unless the whole question is in capitals. Quantities are none ("5kg", "3rd",
    "24/7").
    """
    tokens: Sequence[str] = dict.fromkeys(_TOKEN.findall(question))  # type: ignore[assignment]
    shouted = question.isupper() and len(tokens) > 2
    return [Code(token) for token in tokens if _is_code(token, shouted)][:_MAX_CODES]


def _is_code(token: str, shouted: bool) -> bool:
    n_digits = sum(char.isdigit() for char in token)
    if not n_digits:
        return token.isalpha() and token.isupper() and len(token) > 1 and not shouted
    if any(char.isalpha() for char in token):
        return token[0].isalpha() or n_digits > 3
    return n_digits > (4 if token.isalnum() else 3)
