"""Questions of general knowledge that are trained along, so that a small model does not forget.

The bundled model answers each of them rightly before any training (``general.tsv``, written for
this purpose; none of the questions that the benchmarks ask).
"""

from __future__ import annotations

import random
from pathlib import Path

from ragft_core.types import Example, QuestionKind, Split

FILE = Path(__file__).with_name("general.tsv")
# Kept out of training: their loss shows what the model forgets of what it is not reminded of.
WATCHED = 24


def general_questions(wanted: int, seed: int = 0) -> tuple[list[Example], list[Example]]:
    """Questions to train along, ``wanted`` at most, and others to watch."""
    lines = [line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines()]
    rows = [
        Example(f"general-{n}", question, answer, Split.TRAIN, kind=QuestionKind.GENERAL)
        for n, (question, answer) in enumerate(lines)
    ]
    random.Random(seed).shuffle(rows)
    return rows[WATCHED : WATCHED + wanted], rows[:WATCHED]
