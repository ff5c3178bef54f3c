"""The adaptive arm: per question it answers from passages, from memory, or not at all.

What it goes by are signals that cost nothing more than both answers: how near the best passage lies,
how many of the question's words the passages hold, how sure the model was of each answer, and how
far the two agree. A logistic regression turns them into each answer's chance of being right
(docs/adaptive.md); a workspace that has measured both arms calibrates it by Platt scaling (Platt
1999). The likelier answer is given, or none where neither reaches the workspace's caution.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import content_words, exact_match, stem, token_f1, words
from ragft_core.strategies.pending import PendingAnswer
from ragft_core.types import Answer, Calibration

if TYPE_CHECKING:
    import numpy as np

# Weights of (1, nearness, coverage, log confidence, agreement), fitted on the sets of docs/adaptive.md.
FROM_PASSAGES = (-0.37, 1.36, 0.71, 2.58, 0.81)
FROM_MEMORY = (3.4, -4.28, -0.98, 3.08, 1.78)
POLICY = [FROM_PASSAGES, FROM_MEMORY]
# Where a model tells no confidence: that of a middling answer.
UNKNOWN_CONFIDENCE = 0.5
# Precision of the calibration's prior around (0, 1): a few rows move it little.
PRIOR_STRENGTH = 2.0


@dataclass(frozen=True)
class Signals:
    """What is known of two answers to one question before anybody scores them.

    ``nearness`` is the best passage's cosine to the question, ``coverage`` the share of the
    question's content words that the passages hold, ``agreement`` the answers' token F1; the
    confidences are geometric means of token probabilities. All lie between 0 and 1.
    """

    nearness: float
    coverage: float
    read_confidence: float
    recalled_confidence: float
    agreement: float

    def row(self, confidence: float) -> tuple[float, ...]:
        """The features of one of the two answers."""
        sure = math.log(max(confidence, 1e-4))
        return (1.0, self.nearness, self.coverage, sure, self.agreement)


@dataclass(frozen=True)
class Choice:
    """Which answer is given: its text, its chance of being right, and why in words."""

    text: str
    chance: float
    why: str
    from_passages: bool


def signals_of(read: Answer, recalled: Answer) -> Signals:
    """The signals of an answer from passages and one without."""
    asked = [stem(word) for word in content_words(read.question)]
    held = {stem(word) for p in read.passages for word in words(p.chunk.text)}
    return Signals(
        nearness=max((p.similarity or 0.0 for p in read.passages), default=0.0),
        coverage=sum(word in held for word in asked) / len(asked) if asked else 0.0,
        read_confidence=_or_unknown(read.confidence),
        recalled_confidence=_or_unknown(recalled.confidence),
        agreement=token_f1(read.text, recalled.text),
    )


def chances(signals: Signals, calibration: Calibration | None = None) -> tuple[float, float]:
    """How likely the answer from passages and the one from memory are right, each 0 to 1."""
    own = calibration or Calibration()
    read = _dot(FROM_PASSAGES, signals.row(signals.read_confidence))
    recalled = _dot(FROM_MEMORY, signals.row(signals.recalled_confidence))
    return _logistic(_dot(own.passages, (1.0, read))), _logistic(_dot(own.memory, (1.0, recalled)))


def choose(
    read: Answer, recalled: Answer, caution: float, calibration: Calibration | None = None
) -> Choice:
    """Chooses between an answer from passages, one from memory, and none.

    Args:
        read: The answer with passages.
        recalled: The answer to the same question without.
        caution: The chance of being right below which nothing is answered. What a reader is right
            about in other documents tells little about these (docs/adaptive.md), so that without a
            calibration it concerns answers from memory only.
        calibration: The workspace's own; None takes the chances as they are.
    """
    by_reading, by_heart = chances(signals_of(read, recalled), calibration)
    by_reading = 0.0 if declines(read.text) else by_reading
    by_heart = 0.0 if declines(recalled.text) else by_heart
    best = max(by_reading, by_heart)
    reads = by_reading >= by_heart
    if best < caution and (calibration or not reads or not by_reading):
        why = f"Declined: the likeliest answer has a chance of {_percent(best)}, and {_percent(caution)} is asked."
        return Choice(ABSTENTION, best, why, from_passages=True)
    if reads:
        return Choice(
            read.text, best, f"From the passages, {_percent(best)} sure.", from_passages=True
        )
    return Choice(recalled.text, best, f"Without the passages, {_percent(best)} sure.", False)


class AdaptiveAnswer(PendingAnswer):
    """Both answers while they are made; the likelier is given."""

    def __init__(
        self,
        read: PendingAnswer,
        recalled: PendingAnswer,
        caution: float,
        calibration: Calibration | None,
    ) -> None:
        self._read, self._recalled = read, recalled
        self._caution, self._calibration = caution, calibration

    @property
    def arm(self) -> str:
        """The id of the arm that answers."""
        return self._read.arm

    @property
    def text(self) -> str:
        """Nothing before both are there: what is shown must not be taken back."""
        return self.answer().text if self.done else ""

    @property
    def done(self) -> bool:
        """Whether both answers are complete."""
        return self._read.done and self._recalled.done

    @property
    def place(self) -> int:
        """The later place of the two."""
        return max(self._read.place, self._recalled.place)

    @property
    def passages(self) -> int:
        """How many passages were found."""
        return self._read.passages

    def cancel(self) -> None:
        """Ends both soon."""
        self._read.cancel()
        self._recalled.cancel()

    def answer(self, timeout: float | None = None) -> Answer:
        """Waits for both and gives the chosen one, with the tokens and the time of both."""
        read, recalled = self._read.answer(timeout), self._recalled.answer(timeout)
        failed = next((answer for answer in (read, recalled) if answer.error), None)
        if failed is not None:
            return dataclasses.replace(read, error=failed.error, finish="error")
        chosen = choose(read, recalled, self._caution, self._calibration)
        kept = read if chosen.from_passages else dataclasses.replace(recalled, passages=())
        return dataclasses.replace(
            kept,
            arm=self.arm,
            text=chosen.text,
            citations=read.citations if chosen.text == read.text else (),
            passages=read.passages,
            index_version=read.index_version,
            named_version=read.named_version,
            prompt_tokens=read.prompt_tokens + recalled.prompt_tokens,
            completion_tokens=read.completion_tokens + recalled.completion_tokens,
            retrieval_s=read.retrieval_s,
            first_token_s=max(read.total_s, recalled.total_s),
            total_s=max(read.total_s, recalled.total_s),
            cost=read.cost + recalled.cost,
            memory_bytes=read.memory_bytes + recalled.memory_bytes,
            note=" ".join(part for part in (chosen.why, read.note) if part),
            confidence=chosen.chance,
        )


def calibrated(rows: Sequence[tuple[Signals, bool | None, bool | None]]) -> Calibration:
    """Fits the chances to answers whose rightness is known.

    Args:
        rows: Signals, whether the answer from passages was right, and the one from memory; None for
            one that declined, whose chance nobody asks for.
    """
    read = [
        (_dot(FROM_PASSAGES, s.row(s.read_confidence)), right)
        for s, right, _ in rows
        if right is not None
    ]
    recalled = [
        (_dot(FROM_MEMORY, s.row(s.recalled_confidence)), right)
        for s, _, right in rows
        if right is not None
    ]
    return Calibration(_platt(read), _platt(recalled), len(rows))


def _platt(rows: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """Intercept and slope of P(right) over the score, held near (0, 1) by a Gaussian prior."""
    import numpy as np
    from scipy.optimize import minimize

    x = np.array([score for score, _ in rows])
    y = np.array([right for _, right in rows], dtype=float)

    def loss(weights: np.ndarray) -> float:
        z = weights[0] + weights[1] * x
        prior = PRIOR_STRENGTH * (weights[0] ** 2 + (weights[1] - 1) ** 2) / 2
        return float(np.sum(np.logaddexp(0.0, z) - y * z) + prior)

    found = minimize(loss, np.array([0.0, 1.0])).x
    return float(found[0]), float(found[1])


def declines(text: str) -> bool:
    """Whether an answer says nothing, or that the documents do not say."""
    return not text.strip() or bool(exact_match(text, ABSTENTION))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _or_unknown(confidence: float | None) -> float:
    return UNKNOWN_CONFIDENCE if confidence is None else confidence


def _dot(weights: Sequence[float], row: Sequence[float]) -> float:
    return sum(w * x for w, x in zip(weights, row, strict=True))


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
