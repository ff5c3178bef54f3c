"""Answers settled by hand: which are asked about, what they override, how shares are corrected."""

from __future__ import annotations

import random

import pytest

from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.reports.report import load_report, make_report, refresh_report
from ragft_core.evaluation.reports.results import load_results, version_of
from ragft_core.evaluation.reports.reviewing import (
    ENOUGH,
    Case,
    agreement_by_hand,
    corrected_shares,
    review_cases,
)
from ragft_core.evaluation.store.plans import REPORT_FILE, folder_of
from ragft_core.evaluation.store.reviews import load_reviews, review_key, save_review
from ragft_core.strategies import Vote, save_vote
from ragft_core.types import QuestionKind
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json
from tests.evaluation.conftest import make_questions, stored_run


def say(arm: str, question: Question, draw: int) -> str:
    good = int(question.id[1:]) % 2 == 0
    return f"It is {question.golds[0]}." if good and question.golds else "something else"


def test_a_judgement_overrides_the_score_in_every_run(stocked: Workspace) -> None:
    plans = [stored_run(stocked, make_questions(10), say) for _ in range(2)]
    results = load_results(stocked, plans[0].id)
    case = next(c for c in review_cases(results) if c.group == "sure, wrong" and c.arm == "rag")
    before = version_of(stocked, plans[1].id)
    save_review(stocked, review_key(case.question, case.text), 1.0)
    judged = version_of(stocked, plans[1].id)
    assert judged != before
    vote = Vote("t0", "rag", ("rag", "fine-tuned"), "2026-11-25T09:00:00")
    save_vote(stocked, "chat-20261125-090000000-abcd", vote)  # which a claim counts
    assert version_of(stocked, plans[1].id) != judged
    for plan in plans:
        results = load_results(stocked, plan.id)
        assert results.details["rag", case.question.id]["correct"].value == 1.0
        assert results.called["rag", case.question.id].value == 0.0
        assert results.settled("rag", case.question) == 1.0


def test_the_last_judgement_counts_and_damage_does_not(stocked: Workspace) -> None:
    for value in (1.0, 0.0, 0.5):
        save_review(stocked, "k", value)
    file = stocked.path / "evaluations" / "reviews.jsonl"
    file.write_text(
        file.read_text("utf-8") + '{"key": "k", "value": 7}\n{x\n{"key": "j", "value": 1}\n'
    )
    assert load_reviews(stocked) == {"k": 0.5, "j": 1.0}
    with pytest.raises(ValueError, match="value"):
        save_review(stocked, "k", 2.0)


def test_word_for_word_is_settled_and_not_counted(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(10), lambda arm, question, draw: question.golds[0])
    cases = review_cases(load_results(stocked, plan.id))
    assert all(case.settled == 1.0 for case in cases)
    assert agreement_by_hand(cases) == (0, 0)


def test_a_sign_apart_is_not_word_for_word(stocked: Workspace) -> None:
    asked = QuestionSet("Signs", (Question("q0", "How cold was it?", ("-1",)),))
    plan = stored_run(stocked, asked, lambda *_: "1")
    cases = review_cases(load_results(stocked, plan.id))
    assert {(case.group, case.settled) for case in cases} == {("sure, wrong", None)}


def test_labels_and_refusals_are_not_asked_about(stocked: Workspace) -> None:
    kinds = (QuestionKind.LABEL, QuestionKind.UNANSWERABLE, QuestionKind.DOCUMENT_FACT)
    asked = tuple(Question(f"q{n}", f"Q{n}?", ("a",), kind) for n, kind in enumerate(kinds))
    plan = stored_run(stocked, QuestionSet("Mixed", asked), say)
    cases = review_cases(load_results(stocked, plan.id))
    assert {case.question.id for case in cases} == {"q2"}


def test_a_stale_report_is_worked_out_anew(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(10), say)
    results = load_results(stocked, plan.id)
    file = folder_of(stocked, plan.id) / REPORT_FILE
    write_json(file, to_dict(make_report(results)))
    before = load_report(stocked, plan.id).table("correct").summaries["rag"].mean
    for case in review_cases(results):
        save_review(stocked, review_key(case.question, case.text), 1.0)
    refresh_report(stocked, plan.id)
    assert load_report(stocked, plan.id).table("correct").summaries["rag"].mean == 1.0 > before


def test_the_corrected_interval_holds_the_truth() -> None:
    held = widths = 0
    for seed in range(200):
        drawn = random.Random(seed)
        rates = {"sure, right": 0.95, "near, right": 0.7, "near, wrong": 0.4, "sure, wrong": 0.08}
        groups = drawn.choices(list(rates), (0.45, 0.1, 0.15, 0.3), k=200)
        truths = [float(drawn.random() < rates[group]) for group in groups]
        turns = dict.fromkeys(rates, 0)
        cases = []
        for group, truth in zip(groups, truths, strict=True):
            turns[group] += 1
            settled = truth if turns[group] <= 10 else None
            cases.append(Case("rag", Question("q", "Q?", ("a",)), "t", group, settled))
        (row,) = corrected_shares(cases)
        expected = 0.45 * 0.95 + 0.1 * 0.7 + 0.15 * 0.4 + 0.3 * 0.08
        held += row.low <= expected <= row.high
        widths += row.high - row.low
    assert held >= 0.9 * 200
    assert widths / 200 < 0.25


def test_below_enough_nothing_is_corrected() -> None:
    case = Case("rag", Question("q", "Q?", ("a",)), "t", "sure, right", 1.0)
    assert corrected_shares([case] * (ENOUGH - 1)) == []
    assert agreement_by_hand([case, Case("rag", case.question, "t", "near, wrong", 1.0)]) == (1, 2)


def test_any_beginning_holds_every_group(stocked: Workspace) -> None:
    plan = stored_run(stocked, make_questions(40), say)
    cases = review_cases(load_results(stocked, plan.id))
    groups = {case.group for case in cases}
    assert {case.group for case in cases[: len(groups)]} == groups
