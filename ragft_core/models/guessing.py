"""Guessing the next tokens from what was read: answers over passages mostly copy.

Where the last few tokens occurred before, what followed then is proposed, and one pass checks all
of it: each position's own choice decides, so the answer is the same as without guesses, greedy or
sampled. With packed weights four tokens cost about a fifth more than one, so a right guess is
nearly free; rows whose guesses fail stop guessing for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 7
NGRAMS = (3, 2)
PAUSE = 8


@dataclass
class Guesser:
    """One row's guesses: how long the next one may be, given how the last ones went."""

    length: int = 3
    pause: int = 0
    guessed: int = 0
    right: int = 0

    def guess(self, ids: Sequence[int], most: int) -> list[int]:
        """At most ``most`` tokens that may follow ``ids``; often none."""
        if self.pause:
            self.pause -= 1
            return []
        return lookup(ids, min(most, self.length))

    def judge(self, guessed: int, right: int) -> None:
        """Learns how many of a guess's tokens were right."""
        if not guessed:
            return
        self.guessed += guessed
        self.right += right
        if right == guessed:
            self.length = min(LONGEST, self.length + 2)
        elif not right:
            self.length = max(1, self.length // 2)
            self.pause = PAUSE if self.length == 1 else 1


def lookup(ids: Sequence[int], most: int) -> list[int]:
    """What followed the latest earlier occurrence of the last tokens."""
    for size in NGRAMS:
        if most < 1 or len(ids) <= size:
            continue
        wanted = tuple(ids[-size:])
        for start in range(len(ids) - size - 1, -1, -1):
            if ids[start] == wanted[0] and tuple(ids[start : start + size]) == wanted:
                return list(ids[start + size : start + size + most])
    return []
