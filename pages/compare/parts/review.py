"""Settling answers by hand: both texts beside each other, three buttons, and what comes of it."""

from __future__ import annotations

import streamlit as st

from pages.ui import arms, components, state
from pages.ui.errors import plain
from ragft_core.evaluation import Results
from ragft_core.evaluation.reports import (
    ENOUGH,
    Case,
    agreement_by_hand,
    corrected_shares,
    review_cases,
)
from ragft_core.evaluation.store import PARTLY, RIGHT, WRONG, review_key, save_review

CHOICES = (
    ("Right", RIGHT, ":material/check:", "1"),
    ("Partly", PARTLY, ":material/contrast:", "2"),
    ("Wrong", WRONG, ":material/close:", "3"),
)


def review(results: Results) -> None:
    """The next answer to settle, and the shares corrected by those that are."""
    cases = review_cases(results)
    if not cases:
        st.caption("Nothing to settle: labels and refusals are told by rules without doubt.")
        return
    skipped = set(state.get(_skipped(results), ()))
    waiting = [case for case in cases if case.settled is None and _key(case) not in skipped]
    _standing(cases)
    if not waiting:
        st.caption("Every answer is settled.")
        return
    _settle(results, waiting[0])


def _standing(cases: list[Case]) -> None:
    agreed, settled = agreement_by_hand(cases)
    if settled < ENOUGH:
        st.progress(
            settled / ENOUGH,
            text=f"{settled} of {ENOUGH} answers settled; then the shares are corrected by them.",
        )
        st.caption("The answers are drawn from what the score is sure of and what it is not.")
        return
    st.markdown(f"**Right answers, corrected by {settled} that people settled**")
    st.caption(f"The score called {agreed} of these {settled} as people did.")
    for row in corrected_shares(cases):
        look = arms.look(row.arm)
        st.markdown(
            f":{look.badge}-badge[{look.icon} {arms.label(row.arm)}] **{100 * row.mean:.0f} %** "
            f"({100 * row.low:.0f} % to {100 * row.high:.0f} %) :small[the score alone: {100 * row.called:.0f} %]"
        )


def _settle(results: Results, case: Case) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(case.question.text)}**")
        gold, given = st.columns(2)
        with gold.container(border=True, height="stretch"):
            st.caption("The right answer")
            st.markdown(plain("  \n".join(case.question.golds)))
        with given.container(border=True, height="stretch"):
            st.caption("What was answered")
            st.markdown(plain(case.text) or "*said nothing*")
        with st.container(horizontal=True):
            for label, value, icon, shortcut in CHOICES:
                # A second click is for the answer that was shown, not for the next.
                key = f"eval.review.{label}.{_key(case)}"
                if st.button(label, icon=icon, shortcut=shortcut, key=key):
                    save_review(results.workspace, review_key(case.question, case.text), value)
                    st.rerun()
            if st.button("Skip", type="tertiary", key=f"eval.review.skip.{_key(case)}"):
                name = _skipped(results)
                state.put(name, [*state.get(name, ()), _key(case)])
                st.rerun()
        row = results.answer(case.arm, case.question.id)
        if row and row.answer.passages:
            with st.expander("The passages that were read"):
                for passage in row.answer.passages:
                    components.passage_card(passage)


def _skipped(results: Results) -> str:
    return f"eval.skipped.{results.plan.id}"


def _key(case: Case) -> str:
    return f"{case.arm} {case.question.id}"
