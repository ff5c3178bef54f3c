"""What the curves of a run say, in words: over-fitting, forgetting, nothing learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

# A validation loss counts as risen above its least from this share on; less is noise of few rows.
RISEN = 0.05
# Nats per token by which general questions get harder: each token is 1.6 times less likely.
FORGOTTEN = 0.5
# Nats per token below which most answers are given, as by what begins as the reader.
KNOWN = 0.3


def signs(metrics: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Warnings that a run's metrics give so far, each a sentence or two.

    Args:
        metrics: The rows of ``metrics.jsonl``, oldest first.
    """
    losses = [(row["step"], row["loss"]) for row in metrics if "loss" in row]
    if any(not math.isfinite(loss) for _, loss in losses):
        return ("The loss is no number any more: take a lower learning rate.",)
    watched = [(row["step"], row["val_loss"]) for row in metrics if "val_loss" in row]
    general = [row["general_loss"] for row in metrics if "general_loss" in row]
    found = [_overfits(metrics, watched), _nothing(metrics, watched), _forgets(general)]
    return tuple(text for text in found if text)


def right_answers(metrics: Sequence[dict[str, Any]]) -> list[tuple[int, int, int]]:
    """(step, right, asked) of every evaluation whose questions were not trained yet."""
    return [
        (row["step"], sum(answer["right"] for answer in row["answers"]), len(row["answers"]))
        for row in metrics
        if row.get("answers") and row.get("phase") != "refit"
    ]


def _overfits(metrics: Sequence[dict[str, Any]], watched: Sequence[tuple[int, float]]) -> str:
    if len(watched) < 3:
        return ""
    step, least = min(watched, key=lambda item: item[1])
    last_step, last = watched[-1]
    after = [loss for at, loss in watched if at > step]
    if len(after) < 2 or not step or last <= least * (1 + RISEN) or last < KNOWN:
        return ""
    text = (
        f"It over-fits: the validation loss has risen from {least:.2f} at step {step} to "
        f"{last:.2f} at step {last_step}."
    )
    recited = {row["step"]: row["recited"] for row in metrics if "recited" in row}
    if recited.get(last_step, 0) > recited.get(step, 0):
        return ""  # surer of what it has wrong, and right more often all the same
    return (
        f"{text} Its adapter is kept from the step that gave most of the watched answers exactly."
    )


def _nothing(metrics: Sequence[dict[str, Any]], watched: Sequence[tuple[int, float]]) -> str:
    if len(watched) < 4 or min(loss for _, loss in watched[1:]) < watched[0][1]:
        return ""
    before = [(right, asked) for step, right, asked in right_answers(metrics) if step == 0]
    right, asked = before[0] if before else (0, 0)
    mostly = 2 * right > asked
    if watched[0][1] < KNOWN or mostly:
        told = f"{right} of {asked} right" if mostly else f"loss {watched[0][1]:.2f}"
        return (
            f"The watched questions were mostly known before the first step ({told}), so that they "
            "cannot show what is learned. An evaluation can."
        )
    return (
        "Nothing is learned: the validation loss has not been below the base model's "
        f"({watched[0][1]:.2f}). Take another learning rate, or look at the examples."
    )


def _forgets(general: Sequence[float]) -> str:
    if len(general) < 2 or general[-1] - general[0] < FORGOTTEN:
        return ""
    return (
        f"It forgets: general questions that are not trained cost {general[-1]:.2f} nats a token, "
        f"{general[0]:.2f} before. Mix in more general questions, train fewer steps, or the MLP "
        "layers alone."
    )
