"""The result in sentences, each with what it rests on.

Nothing is decided here: numbers come in, words go out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ragft_core.advisor.criteria.values import Criteria, MeasurementKind
from ragft_core.advisor.deciding.matrix import CriterionRow, Matrix
from ragft_core.advisor.deciding.recommendation import (
    AnswerFlip,
    Information,
    MeasurementFlip,
    Recommendation,
    Reference,
    Sentence,
    WeightFlip,
)
from ragft_core.advisor.deciding.voice import MAIN
from ragft_core.arms import STRATEGY_NAMES
from ragft_core.types import Strategy

SIMULATION = Reference("simulation", "wins")
REASONS = 4
OBJECTIONS = 2
CHANGES = 5
# Knowing something is proposed where it would change the leader in this share of the draws.
WORTH_KNOWING = 0.01


def explain(criteria: Criteria, matrix: Matrix, result: Recommendation) -> Recommendation:
    """The same result with its sentences written."""
    words = replace(
        result,
        confidence=confidence(result.share, informed=result.informed and result.leader is not None),
        headline=_headline(result),
        next_step=_next_step(criteria, result),
        cautions=_cautions(matrix, result),
    )
    if result.leader is None or not result.informed:
        return words
    leader = matrix.strategies.index(result.leader)
    return replace(
        words,
        reasons=_reasons(matrix, leader),
        objections=_objections(matrix, leader),
        changes=_changes(criteria, result, result.leader),
    )


def confidence(share: float, *, informed: bool = True) -> str:
    """The confidence in words for a share of simulations won."""
    if not informed:
        return "none yet"
    if share >= 0.95:
        return "high"
    if share >= 0.8:
        return "good"
    return "leaning" if share >= 0.6 else "open"


def name(strategy: Strategy, *, start: bool = False) -> str:
    """A strategy's name in a sentence."""
    text = STRATEGY_NAMES[strategy]
    return text[:1].upper() + text[1:] if start else text


def format_value(kind: MeasurementKind, value: float) -> str:
    """A measured value with its unit, as people write it."""
    if kind.unit == "share":
        return f"{value:.0%}".replace("%", " %")
    if kind.unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    if kind.unit == "tokens":
        return f"{value:,.0f} tokens"
    return f"{value:,.0f} {kind.unit}" if value >= 100 else f"{value:.3g} {kind.unit}"


def _percent(share: float) -> str:
    # 4,999 of 5,000 is not all of them.
    shown = min(round(share * 100), 99) if share < 1 else 100
    return f"{shown} %"


def _headline(result: Recommendation) -> Sentence:
    leader, runner_up = result.leader, result.runner_up
    if leader is None:
        gates = tuple(Reference("answer", veto.criterion) for veto in result.vetoes)
        return Sentence(
            "No strategy meets every must. At least one of the musts has to give way.", gates
        )
    if not result.informed:
        return Sentence("No clear winner: nothing has been answered or measured yet.")
    runs = f"{_percent(result.share)} of {result.simulations:,} simulations"
    if result.verdict is not None:
        only = "" if runner_up is not None else " It is the only strategy left by the musts."
        return Sentence(f"Take {name(leader)}: it wins {runs}.{only}", (SIMULATION,))
    behind = f", with {name(runner_up)} close behind" if runner_up else ""
    text = f"No clear winner: {name(leader)} leads in {runs}{behind}."
    return Sentence(text, (SIMULATION,))


def _references(row: CriterionRow) -> tuple[Reference, ...]:
    found = []
    if row.choice is not None:
        found.append(Reference("answer", row.criterion.id))
    if "measured" in row.basis:
        found.append(Reference("measurement", row.criterion.measurement))
    if "measured" not in row.basis or "adjusted" in row.basis:
        found += [Reference("source", source) for source in row.criterion.sources]
    return (*found, Reference("weight", row.criterion.id))


def _fact(matrix: Matrix, row: CriterionRow, shown: list[int]) -> Sentence:
    measured = "measured" in row.basis
    first, *rest = [
        (
            name(matrix.strategies[s]),
            f"{row.utility[s]:.2f}",
            " (guess)" if measured and row.basis[s] != "measured" else "",
        )
        for s in shown
    ]
    others = [f"{who} {rate}{guess}" for who, rate, guess in rest]
    rates = ", ".join([f"{first[0]} rates {first[1]} of 1{first[2]}", *others])
    if measured:
        lead = f"Measured here, in place of the guess for “{row.criterion.question}”"
    elif row.choice is not None:
        lead = row.choice.condition[:1].upper() + row.choice.condition[1:]
    else:
        lead = row.criterion.question
    return Sentence(f"{lead}: {rates}.", _references(row))


def _reasons(matrix: Matrix, leader: int) -> tuple[Sentence, ...]:
    """The criteria that lift the leader most above the mean of the other allowed strategies.

    Where no other is allowed, the musts that put the others out are the reason.
    """
    rivals = [int(s) for s in np.flatnonzero(matrix.allowed) if s != leader]
    ahead = _measured_ahead(matrix, matrix.strategies[leader])
    if not rivals:
        out = tuple(
            Sentence(
                f"{name(veto.strategy, start=True)} is out: {veto.reason}",
                (Reference("answer", veto.criterion),),
            )
            for veto in matrix.vetoes
        )
        return ahead + out
    lifts = []
    for weight, row in zip(matrix.weights, matrix.rows, strict=True):
        lift = float(weight * (row.utility[leader] - row.utility[rivals].mean()))
        if lift > 1e-9:
            lifts.append((lift, row))
    lifts.sort(key=lambda pair: -pair[0])
    found = []
    for _, row in lifts[:REASONS]:
        order = sorted(rivals, key=lambda s: -row.utility[s])
        found.append(_fact(matrix, row, [leader, *order]))
    return (*ahead, *found)


def _measured_ahead(matrix: Matrix, leader: Strategy) -> tuple[Sentence, ...]:
    """Over whom the leader was clearly ahead on the same questions."""
    mine = sorted((x for x in matrix.leads if x.better == leader), key=lambda x: -x.gap)
    if not mine:
        return ()
    parts = [
        f"{name(x.worse)} by {100 * x.gap:.0f} points ({100 * x.low:.0f} to {100 * x.high:.0f})"
        for x in mine
    ]
    text = f"Measured here: {name(leader)} is right clearly more often than {', '.join(parts)}."
    return (Sentence(text, (Reference("measurement", MAIN),)),)


def contradictions(matrix: Matrix, result: Recommendation) -> list[Sentence]:
    """Where answers and measurements point to different strategies, in words."""
    found = []
    measured = Reference("measurement", MAIN)
    guess, leader = result.by_answers, result.leader
    if leader and guess and guess != leader and result.measured_weight:
        text = (
            f"The answers alone speak for {name(guess)}; what was measured here speaks for "
            f"{name(leader)}, and counts for {_percent(result.measured_weight)} of the weight."
        )
        found.append(Sentence(text, (measured,)))
    for veto in matrix.vetoes:
        lost = [lead.worse for lead in matrix.leads if lead.better == veto.strategy]
        if leader in lost:
            text = (
                f"{name(veto.strategy, start=True)} was right clearly more often than "
                f"{name(leader)}, and is out by a must only: {veto.reason}"
            )
            found.append(Sentence(text, (measured, Reference("answer", veto.criterion))))
    return found


def _objections(matrix: Matrix, leader: int) -> tuple[Sentence, ...]:
    """The criteria on which another allowed strategy is furthest ahead."""
    rivals = [int(s) for s in np.flatnonzero(matrix.allowed) if s != leader]
    gaps = []
    for weight, row in zip(matrix.weights, matrix.rows, strict=True):
        best = max(rivals, key=lambda s: float(row.utility[s]), default=leader)
        gap = float(weight * (row.utility[best] - row.utility[leader]))
        if gap > 1e-9:
            gaps.append((gap, row, best))
    gaps.sort(key=lambda triple: -triple[0])
    return tuple(_fact(matrix, row, [int(best), leader]) for _, row, best in gaps[:OBJECTIONS])


def _changes(criteria: Criteria, result: Recommendation, leader: Strategy) -> tuple[Sentence, ...]:
    seen: set[str] = set()
    found = []
    flips = result.answer_flips
    # Two musts at most, so that the softer turning points are seen as well.
    for vetoes, most in ((False, 3), (True, 2)):
        taken = 0
        for flip in flips:
            fits = flip.vetoes_leader is vetoes and flip.margin < 0 and flip.criterion not in seen
            if fits and taken < most:
                seen.add(flip.criterion)
                taken += 1
                found.append(flip_sentence(criteria, leader, flip))
    found += [measurement_sentence(criteria, flip) for flip in result.measurement_flips[:1]]
    if not found and flips:
        text = "No other answer to a single question would change the leader."
        found.append(Sentence(text, (Reference("answer", flips[0].criterion),)))
    return tuple(found[:CHANGES])


def flip_sentence(criteria: Criteria, leader: Strategy, flip: AnswerFlip) -> Sentence:
    """Says what another answer would do, in the words of that answer."""
    criterion = criteria.get(flip.criterion)
    condition = criterion.choice(flip.choice).condition
    references: tuple[Reference, ...] = (Reference("answer", criterion.id),)
    references += tuple(Reference("source", source) for source in criterion.sources)
    if flip.winner is None:
        return Sentence(f"If {condition}, no strategy is left.", references)
    if flip.vetoes_leader:
        text = f"If {condition}, {name(leader)} is out and {name(flip.winner)} takes over."
    elif flip.margin < 0:
        text = f"If {condition}, {name(flip.winner)} overtakes."
    else:
        text = f"If {condition}, {name(leader)} still leads, by {flip.margin:.2f}."
    return Sentence(text, references)


def measurement_sentence(criteria: Criteria, flip: MeasurementFlip) -> Sentence:
    """Says at which measured value the runner-up draws level."""
    kind = criteria.measurements[flip.measurement]
    worse = "or less" if kind.one > kind.zero else "or more"
    now = f" (now {format_value(kind, flip.now)})"
    text = (
        f"If “{kind.title[:1].lower() + kind.title[1:]}” measured {format_value(kind, flip.at)} "
        f"{worse} for {name(flip.strategy)}{now}, {name(flip.winner)} would draw level."
    )
    return Sentence(text, (Reference("measurement", kind.id), Reference("weight", flip.criterion)))


def weight_sentence(criteria: Criteria, flip: WeightFlip) -> Sentence:
    """Says at which weight another strategy takes over."""
    verb = "more" if flip.more else "less"
    question = criteria.get(flip.criterion).question
    text = (
        f"Let “{question}” count {verb}, {flip.at:.0%} of all weight instead of {flip.now:.0%}, "
        f"and {name(flip.winner)} draws level."
    ).replace("%", " %")
    return Sentence(text, (Reference("weight", flip.criterion),))


def _next_step(criteria: Criteria, result: Recommendation) -> Sentence:
    if result.leader is None:
        gates = tuple(Reference("answer", veto.criterion) for veto in result.vetoes)
        return Sentence("Look at the musts below and decide which one can give way.", gates)
    if not result.informed:
        first = max(criteria.criteria, key=lambda criterion: criterion.weight)
        return Sentence(
            f"Begin with: {first.question} {first.why}", (Reference("answer", first.id),)
        )
    undecided = result.verdict is None
    best = result.information[0] if result.information else None
    if best is not None and best.changes >= WORTH_KNOWING:
        return _find_out(criteria, best, undecided=undecided)
    if undecided and result.weight_flips:
        text = "Nothing to measure would settle it; the weights decide. "
        sentence = weight_sentence(criteria, result.weight_flips[0])
        return Sentence(text + sentence.text, sentence.references)
    return Sentence("Nothing more has to be found out to decide.", (SIMULATION,))


def _find_out(criteria: Criteria, best: Information, *, undecided: bool) -> Sentence:
    moved = f"It would change the leader in {_percent(best.changes)} of the simulations"
    moved += ", more than anything else that can be known." if undecided else "."
    criterion = criteria.get(best.criterion)
    if best.kind == "answer":
        lead = "Find out next" if undecided else "To be surer, find out"
        text = f"{lead}: {criterion.question} {moved}"
        return Sentence(text, (Reference("answer", criterion.id), SIMULATION))
    kind = criteria.measurements[criterion.measurement]
    lead = "Measure next" if undecided else "To be surer, measure"
    arms = ", ".join(name(strategy) for strategy in best.missing)
    if best.kind == "page":
        what = (
            f"{best.measurement} of {arms}" if arms else f"{best.measurement} with more questions"
        )
        text = f"{lead}: {what}. {moved}"
    else:
        of = f" of {arms}" if arms else ", with more questions"
        text = f"{lead}: {kind.title[:1].lower() + kind.title[1:]}{of}. {kind.how} {moved}"
    return Sentence(text, (Reference("measurement", kind.id), SIMULATION))


def _cautions(matrix: Matrix, result: Recommendation) -> tuple[Sentence, ...]:
    found = contradictions(matrix, result)
    leader, informed = result.leader, result.informed
    if informed and not any("measured" in row.basis for row in matrix.rows):
        found.append(
            Sentence(
                "Nothing has been measured here yet: this rests on answers and literature alone.",
                tuple(Reference("answer", key) for key in result.answers),
            )
        )
    if result.answers.get("evaluation_set") == "none":
        text = "Without test questions nobody can tell whether the choice worked: make some first."
        found.append(Sentence(text, (Reference("answer", "evaluation_set"),)))
    if leader is not None and informed:
        gates = [row for row in matrix.rows if row.choice is None and _could_veto(row, leader)]
        if gates:
            asked = "; ".join(f"“{row.criterion.question}”" for row in gates)
            text = f"Not answered, and able to rule {name(leader)} out: {asked}"
            found.append(
                Sentence(text, tuple(Reference("answer", row.criterion.id) for row in gates))
            )
        if not result.methods_agree:
            text = f"A second method (TOPSIS) does not put {name(leader)} first: take care."
            found.append(Sentence(text, (Reference("simulation", "topsis"),)))
    return tuple(found)


def _could_veto(row: CriterionRow, leader: Strategy) -> bool:
    return any(leader in choice.veto for choice in row.criterion.choices)
