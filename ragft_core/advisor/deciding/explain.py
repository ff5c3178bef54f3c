"""The result in sentences, each with what it rests on.

Nothing is decided here: numbers come in, words go out.
"""

from __future__ import annotations

from dataclasses import replace

from ragft_core.advisor.criteria.values import Criteria
from ragft_core.advisor.deciding.matrix import CriterionRow, Matrix
from ragft_core.advisor.deciding.reasons import objections_to, reasons_for
from ragft_core.advisor.deciding.recommendation import (
    AnswerFlip,
    Information,
    MeasurementFlip,
    Recommendation,
    Reference,
    Sentence,
    WeightFlip,
)
from ragft_core.advisor.deciding.voice import CLASSIFIER, MAIN
from ragft_core.advisor.deciding.words import confidence, format_value, name, percent
from ragft_core.types import Strategy

SIMULATION = Reference("simulation", "wins")
CHANGES = 5
# Knowing something is proposed where it would change the leader in this share of the draws.
WORTH_KNOWING = 0.01


def explain(criteria: Criteria, matrix: Matrix, result: Recommendation) -> Recommendation:
    """The same result with its sentences written."""
    words = replace(
        result,
        confidence=confidence(result.share, informed=result.informed and result.leader is not None),
        headline=_outside(criteria, matrix, result) or _headline(result),
        next_step=_next_step(criteria, result),
        cautions=_cautions(criteria, matrix, result),
    )
    if result.leader is None or not result.informed:
        return words
    leader = matrix.strategies.index(result.leader)
    return replace(
        words,
        reasons=reasons_for(criteria, matrix, leader),
        objections=objections_to(criteria, matrix, leader),
        changes=_changes(criteria, result, result.leader),
    )


def _outside(criteria: Criteria, matrix: Matrix, result: Recommendation) -> Sentence | None:
    """What is called for instead of any of the five, and which of them comes nearest."""
    if not result.outside:
        return None
    found = criteria.outside[result.outside]
    sources = tuple(Reference("source", source) for source in found.sources)
    near = f" Of the five, {name(result.leader)} comes nearest." if result.leader else ""
    rows = (r for r in matrix.rows if r.choice and r.choice.outside == result.outside)
    row = next(rows, None)
    if row is not None and row.choice is not None:
        text = f"None of the five: {row.choice.condition}. Take {found.title}.{near}"
        return Sentence(text, (Reference("answer", row.criterion.id), *sources))
    item = [m for m in result.measurements if m.id == CLASSIFIER][-1]
    kind = criteria.measurements[CLASSIFIER]
    value, low, high = (format_value(kind, x) for x in (item.value, item.low, item.high))
    text = (
        f"None of the five is needed: {found.title} is right on {value} ({low} to {high}, "
        f"n = {item.n}), not clearly behind the best of them.{near}"
    )
    return Sentence(text, (Reference("measurement", CLASSIFIER), *sources))


def _headline(result: Recommendation) -> Sentence:
    leader, runner_up = result.leader, result.runner_up
    if leader is None:
        gates = tuple(Reference("answer", veto.criterion) for veto in result.vetoes)
        return Sentence(
            "No strategy meets every must. At least one of the musts has to give way.", gates
        )
    if not result.informed:
        return Sentence("No clear winner: nothing has been answered or measured yet.")
    trials = f"{percent(result.share)} of {result.simulations:,} trials of the weights and guesses"
    if result.verdict is not None:
        only = "" if runner_up is not None else " It is the only strategy left by the musts."
        taken = f"a {name(leader)}" if leader is Strategy.PROMPT else name(leader)
        return Sentence(f"Take {taken}: it comes first in {trials}.{only}", (SIMULATION,))
    behind = f", with {name(runner_up)} close behind" if runner_up else ""
    text = f"No clear winner: {name(leader)} comes first in {trials}{behind}."
    return Sentence(text, (SIMULATION,))


def contradictions(matrix: Matrix, result: Recommendation) -> list[Sentence]:
    """Where answers and measurements point to different strategies, in words."""
    found = []
    measured = Reference("measurement", MAIN)
    guess, leader = result.by_answers, result.leader
    if leader and guess and guess != leader and result.measured_weight:
        text = (
            f"The answers alone speak for {name(guess)}; what was measured here speaks for "
            f"{name(leader)}, and counts for {percent(result.rests_on['measured'])} of the weight."
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
    if result.outside:
        found = criteria.outside[result.outside]
        return Sentence(found.says, tuple(Reference("source", s) for s in found.sources))
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
    moved = f"It would change the leader in {percent(best.changes)} of the trials"
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
        what = f"of {arms}" if arms else "with more questions"
        text = f"{lead}: the {best.measurement} {what}. {moved}"
    else:
        of = f" of {arms}" if arms else ", with more questions"
        text = f"{lead}: {kind.title[:1].lower() + kind.title[1:]}{of}. {kind.how} {moved}"
    return Sentence(text, (Reference("measurement", kind.id), SIMULATION))


def _cautions(criteria: Criteria, matrix: Matrix, result: Recommendation) -> tuple[Sentence, ...]:
    found = [
        Sentence(
            criteria.outside[row.choice.try_first].says,
            (Reference("answer", row.criterion.id),)
            + tuple(Reference("source", s) for s in criteria.outside[row.choice.try_first].sources),
        )
        for row in matrix.rows
        if row.choice and row.choice.try_first
    ]
    found += contradictions(matrix, result)
    if result.assumed:
        number = len(result.assumed)
        text = (
            f"{number} answer{'s are' if number > 1 else ' is'} taken from the template "
            f"“{result.template}”: typical of such a case, and confirmed by nobody."
        )
        found.append(Sentence(text, tuple(Reference("answer", key) for key in result.assumed)))
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
