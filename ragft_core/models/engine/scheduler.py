"""What the engine does next: which rows join, and how many tokens of which row are run.

Pure functions of the rows, so that fairness can be tested without a model.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragft_core.models.engine.sequences import SequenceState

MAX_SEQUENCES = 16
# While people wait for answers, so many background rows run beside theirs.
BACKGROUND_BESIDE = 4
# Prompt tokens in one step: few while somebody watches an answer grow, many otherwise.
CHUNK_WATCHED = 384
CHUNK = 768
CHUNK_BACKGROUND = 64


def admit(
    waiting: Sequence[SequenceState], running: Sequence[SequenceState]
) -> list[SequenceState]:
    """The waiting rows that may join: people first, then background work, in order of arrival."""
    people = sum(row.priority == 0 for row in running)
    background = len(running) - people
    anybody = people > 0 or any(row.priority == 0 for row in waiting)
    chosen = []
    # sorted() is stable, so that rows of one priority keep their order of arrival.
    for row in sorted(waiting, key=lambda row: row.priority):
        if row.generation.cancelled:  # joins to be ended at once
            chosen.append(row)
        elif row.priority == 0 and people < MAX_SEQUENCES:
            people += 1
            chosen.append(row)
        elif row.priority > 0 and background < (BACKGROUND_BESIDE if anybody else MAX_SEQUENCES):
            background += 1
            chosen.append(row)
    return chosen


def line_up(waiting: Sequence[SequenceState]) -> None:
    """Tells each waiting row its place, 1 being the next to join."""
    for place, row in enumerate(sorted(waiting, key=lambda row: row.priority), start=1):
        row.generation.place = place


def plan_step(running: Sequence[SequenceState]) -> list[tuple[SequenceState, int]]:
    """Tokens of each row in the next step: the newest one, or a piece of a prompt.

    While people wait, background rows beyond the first few pause.
    """
    ordered = sorted(running, key=lambda row: row.priority)
    people = [row for row in ordered if row.priority == 0]
    if people:
        ordered = ordered[: len(people) + BACKGROUND_BESIDE]
    # Prefill is cut into pieces, so that answers that are watched go on growing meanwhile.
    budget = CHUNK_WATCHED if any(row.n_new for row in people) else CHUNK
    background = CHUNK_BACKGROUND if people else budget
    work = []
    for row in ordered:
        left = len(row.ids) - row.n_computed
        # Decoding rows cost one token each and are never put off.
        if left == 1:
            work.append((row, 1))
            continue
        count = min(left, budget, background if row.priority > 0 else budget)
        if count > 0:
            work.append((row, count))
            budget -= count
            background -= count if row.priority > 0 else 0
    return work
