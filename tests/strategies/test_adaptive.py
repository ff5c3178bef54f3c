"""The adaptive arm: what it goes by, what it chooses, and how it is calibrated."""

from __future__ import annotations

import random

import pytest

from ragft_core.models.prompts import ABSTENTION
from ragft_core.strategies.choosing.adaptive import (
    AdaptiveAnswer,
    Signals,
    calibrated,
    chances,
    choose,
    signals_of,
)
from ragft_core.strategies.pending import PendingAnswer
from ragft_core.types import Answer, Calibration, Chunk, Passage

QUESTION = "How much does the kiln at Quenby Yard hold?"


def passage(text: str, similarity: float) -> Passage:
    chunk = Chunk("c", "d", 0, text, 0, len(text))
    return Passage(chunk, "Kiln", similarity, 1, similarity=similarity)


def read(text: str = "90 litres", similarity: float = 0.8, **more: object) -> Answer:
    held = passage("The kiln at Quenby Yard holds 90 litres.", similarity)
    return Answer("adaptive", QUESTION, text, (held,), confidence=0.9, **more)  # type: ignore[arg-type]


def recalled(text: str = "about a ton", **more: object) -> Answer:
    return Answer("adaptive", QUESTION, text, confidence=0.4, **more)  # type: ignore[arg-type]


def test_signals_tell_nearness_coverage_confidence_and_agreement() -> None:
    found = signals_of(read(), recalled("90 litres"))
    assert found.nearness == 0.8
    assert found.coverage > 0.7
    assert (found.read_confidence, found.recalled_confidence) == (0.9, 0.4)
    assert found.agreement == 1.0
    far = Answer("adaptive", "Who is the emperor of Mars?", "90 litres", read().passages)
    assert signals_of(far, recalled()).coverage == 0.0


def test_passages_that_fit_are_trusted_and_others_are_not() -> None:
    near = Signals(0.8, 1.0, 0.9, 0.5, 0.0)
    far = Signals(0.1, 0.0, 0.9, 0.5, 0.0)
    assert chances(near)[0] > 0.5 > chances(far)[0]
    assert chances(far)[1] > chances(near)[1], "memory is for what the documents are not about"
    surer = Signals(0.8, 1.0, 0.99, 0.5, 0.0)
    assert chances(surer)[0] > chances(near)[0]


def test_the_likelier_answer_is_given_and_none_below_the_caution() -> None:
    assert choose(read(), recalled(), 0.1).text == "90 litres"
    foreign = Answer("adaptive", "Which planet is red?", "90 litres", (passage("Kilns.", 0.05),))
    chosen = choose(
        foreign, Answer("adaptive", "Which planet is red?", "Mars", confidence=0.95), 0.1
    )
    assert (chosen.text, chosen.from_passages) == ("Mars", False)
    surer = Answer("adaptive", "Which planet is red?", "Mars", confidence=0.95)
    assert choose(foreign, surer, 1.0).text == ABSTENTION
    assert "100 % is asked" in choose(foreign, surer, 1.0).why


def test_caution_concerns_answers_from_passages_once_they_are_calibrated() -> None:
    assert choose(read(), recalled(), 0.99).text == "90 litres"
    assert choose(read(), recalled(), 0.99, Calibration(n=40)).text == ABSTENTION


def test_a_declined_answer_leaves_it_to_the_other() -> None:
    assert choose(read(ABSTENTION), recalled("a ton"), 0.0).text == "a ton"
    assert choose(read("90 litres"), recalled(ABSTENTION), 0.0).text == "90 litres"
    assert choose(read(ABSTENTION), recalled(ABSTENTION), 0.2).text == ABSTENTION


def test_a_calibration_follows_what_was_right() -> None:
    chance = random.Random(0)
    rows = []
    for _ in range(200):  # here passages mislead: however near they lie, one in ten is right
        signals = Signals(chance.random(), chance.random(), 0.8, 0.8, 0.0)
        rows.append((signals, chance.random() < 0.1, chance.random() < 0.8))
    fitted = calibrated(rows)
    assert fitted.n == 200
    told = [chances(signals, fitted) for signals, _, _ in rows]
    assert sum(p for p, _ in told) / 200 == pytest.approx(0.1, abs=0.05)
    assert sum(p for _, p in told) / 200 == pytest.approx(0.8, abs=0.05)
    assert calibrated([(s, None, None) for s, _, _ in rows]) == Calibration(n=200)


def test_a_few_rows_move_the_chances_little() -> None:
    signals = Signals(0.8, 1.0, 0.9, 0.5, 0.0)
    before, after = chances(signals)[0], chances(signals, calibrated([(signals, False, False)]))[0]
    assert before - 0.25 < after < before


def test_the_answer_counts_what_both_took_and_says_why() -> None:
    first = PendingAnswer(read(prompt_tokens=100, completion_tokens=3, total_s=2.0))
    second = PendingAnswer(recalled(prompt_tokens=20, completion_tokens=5, total_s=3.0))
    both = AdaptiveAnswer(first, second, 0.1, Calibration())
    assert (both.arm, both.done, both.text) == ("adaptive", True, "90 litres")
    answer = both.answer()
    assert (answer.prompt_tokens, answer.completion_tokens, answer.total_s) == (120, 8, 3.0)
    assert answer.note.startswith("From the passages, ")
    assert answer.passages == read().passages
    assert answer.confidence is not None
    broken = AdaptiveAnswer(first, PendingAnswer(recalled(error="out of memory")), 0.1, None)
    assert broken.answer().error == "out of memory"
