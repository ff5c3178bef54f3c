"""Question by question: flips between two arms, the worst and the best cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.compare.parts.charts import look_of, name_of, shown
from pages.ui import components
from pages.ui.errors import plain
from pages.ui.people.visit import dialog
from ragft_core.evaluation import Results
from ragft_core.evaluation.questions import KIND_LABELS, Question
from ragft_core.evaluation.reports import Flip, Slice, flips
from ragft_core.evaluation.scoring import BY_NAME

PAGE = 10
RAG, TUNED = "rag", "fine-tuned"


def cases(results: Results, score: str, part: Slice) -> None:
    """The questions behind the numbers."""
    ranked = list(results.ranked_arms)
    if len(ranked) > 1:
        _flips(results, score, part, ranked)
    _extremes(results, score, part)


def _flips(results: Results, score: str, part: Slice, ranked: list[str]) -> None:
    st.markdown("**Where two arms differ**")
    left, right = st.columns(2)
    a = left.selectbox("One arm", ranked, _at(ranked, RAG), format_func=name_of, key="eval.a")
    others = [arm for arm in ranked if arm != a]
    b = right.selectbox(
        "The other", others, _at(others, TUNED), format_func=name_of, key=f"eval.b.{a}"
    )
    found = flips(results, a, b, score, part)
    ahead = [flip for flip in found if flip.a_score > flip.b_score]
    behind = [flip for flip in reversed(found) if flip.a_score < flip.b_score]
    rate = BY_NAME[score].rate
    one, other = (
        f"{name_of(x)} right, {name_of(y)} wrong" if rate else f"{name_of(x)} above {name_of(y)}"
        for x, y in ((a, b), (b, a))
    )
    first, second = st.columns(2)
    with first.expander(f"{one}: {len(ahead)}"):
        _list_flips(results, ahead, (a, b), score, "ahead")
    with second.expander(f"{other}: {len(behind)}"):
        _list_flips(results, behind, (a, b), score, "behind")


def _at(names: list[str], wanted: str) -> int:
    return names.index(wanted) if wanted in names else 0


def _list_flips(
    results: Results, found: Sequence[Flip], pair: tuple[str, str], score: str, key: str
) -> None:
    if not found:
        st.caption("None.")
    many = st.slider("Show", 1, len(found), PAGE, key=f"eval.{key}") if len(found) > PAGE else PAGE
    questions = {question.id: question for question in results.ranked}
    for flip in found[:many]:
        _case(results, questions[flip.question_id], pair, score, f"{key}.{flip.question_id}")


def _extremes(results: Results, score: str, part: Slice) -> None:
    ranked = results.ranked_arms
    values = np.array([results.row(score, arm) for arm in ranked]).reshape(len(ranked), -1)
    scored = part.mask & ~np.isnan(values).all(axis=0)
    if not scored.any():
        return
    means = np.where(scored, np.nanmean(np.where(scored, values, 0.0), axis=0), np.nan)
    order = [int(place) for place in np.argsort(means, kind="stable") if scored[place]]
    order = order if BY_NAME[score].higher_is_better else order[::-1]
    worst, best = st.columns(2)
    with worst.expander("Worst cases: every arm does badly"):
        for place in order[:PAGE]:
            _case(results, results.ranked[place], ranked, score, f"worst.{place}")
    with best.expander("Best cases: every arm does well"):
        for place in order[::-1][:PAGE]:
            _case(results, results.ranked[place], ranked, score, f"best.{place}")


def _case(
    results: Results, question: Question, shown_arms: Sequence[str], score: str, key: str
) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(question.text)}**")
        gold = plain(" | ".join(question.golds)) or "*none: the right answer is to decline*"
        where = results.titles.get(question.document_id, "")
        st.caption(
            f"Gold: {gold} · {KIND_LABELS[question.kind]}" + (f" · {plain(where)}" if where else "")
        )
        for arm in shown_arms:
            row = results.answer(arm, question.id)
            if row is None:
                continue
            value = results.details[arm, question.id][score]
            number = shown(BY_NAME[score], value.value) if value.value is not None else value.reason
            look = look_of(arm)
            text = plain(row.answer.error or row.answer.text) or "*said nothing*"
            st.markdown(
                f":{look.badge}-badge[{look.icon} {name_of(arm)}] :small[{plain(number)}]  \n{text}"
            )
        if st.button(
            "What the models saw",
            icon=":material/visibility:",
            key=f"eval.saw.{key}",
            type="tertiary",
        ):
            _saw(results, question, tuple(shown_arms))


@dialog("What the models saw", width="large")
def _saw(results: Results, question: Question, shown_arms: tuple[str, ...]) -> None:
    for arm in shown_arms:
        row = results.answer(arm, question.id)
        if row is None:
            continue
        answer = row.answer
        st.markdown(f"**{name_of(arm)}**")
        st.caption(
            f"{plain(answer.model)} · weights {answer.weights[:12]} · adapter "
            f"{plain(answer.adapter or 'none')} · {answer.prompt_tokens} + "
            f"{answer.completion_tokens} tokens"
            + (f" · kept from {row.reused}" if row.reused else "")
        )
        if answer.prompt:
            st.code(answer.prompt, language=None, wrap_lines=True)
        for passage in answer.passages:
            components.passage_card(passage)
