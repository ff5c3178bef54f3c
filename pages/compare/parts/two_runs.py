"""Two evaluations of the same questions side by side: which answers got better, which worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.ui import arms, components, resources
from pages.ui.errors import plain
from ragft_core.evaluation import Plan, Results, list_plans
from ragft_core.evaluation.reports.pairing import (
    ArmChange,
    Moved,
    comparable_runs,
    compare_evaluations,
)
from ragft_core.evaluation.scoring import BY_NAME
from ragft_core.workspace import Workspace

PAGE = 10


def others(workspace: Workspace, evaluation_id: str) -> list[Plan]:
    """The runs that this one can be put beside; questions are read again only after a new run."""
    plans = {plan.id: plan for plan in list_plans(workspace)}
    found = _others(str(workspace.path), evaluation_id, tuple(plans))
    return [plans[key] for key in found if key in plans]


@st.cache_data(max_entries=64, show_spinner=False)
def _others(path: str, evaluation_id: str, ids: tuple[str, ...]) -> list[str]:
    return [plan.id for plan in comparable_runs(Workspace(Path(path)), evaluation_id)]


def section(workspace: Workspace, results: Results, scores: Sequence[str]) -> None:
    """Chooses the other run, and shows arm by arm what changed since the earlier of the two."""
    found = {plan.id: plan for plan in others(workspace, results.plan.id)}
    by_run, by_score = st.columns(2)
    labels = {
        key: f"{plan.name} · {components.moment(plan.created_at)}" for key, plan in found.items()
    }
    picked = by_run.selectbox(
        "Beside", list(found), format_func=components.distinct(labels), key="eval.beside"
    )
    score = by_score.selectbox(
        "Score", scores, format_func=lambda name: BY_NAME[name].label, key="eval.beside.score"
    )
    other, _ = resources.evaluation(workspace, picked)
    before, after = sorted((results, other), key=lambda run: (run.plan.created_at, run.plan.id))
    both = compare_evaluations(before, after, score)
    st.caption(
        f"From **{_named(before.plan)}** to **{_named(after.plan)}**, on the {both.n} questions that "
        "are in both. Every arm is compared with itself; p values are corrected over the arms."
    )
    for change in both.arms:
        _arm(change)
    for ids, where in ((both.only_before, before.plan), (both.only_after, after.plan)):
        if ids:
            names = ", ".join(map(arms.label, ids))
            st.caption(f"Only in {_named(where)}: {names}.")


def _named(plan: Plan) -> str:
    return f"{plain(plan.name)} ({components.moment(plan.created_at)})"


def _arm(change: ArmChange) -> None:
    look = arms.look(change.arm)
    with st.container(border=True):
        # The sentence names the arm; the icon alone says it a second time.
        st.markdown(f":{look.badge}-badge[{look.icon}] {plain(change.text)}")
        for text in change.changed:
            st.caption(f"Changed: {plain(text)}")
        if not (change.better or change.worse):
            return
        better, worse = st.columns(2)
        for column, rows, label, icon in (
            (better, change.better, "better", ":material/trending_up:"),
            (worse, change.worse, "worse", ":material/trending_down:"),
        ):
            if rows:
                with column.expander(f"{len(rows)} {label}", icon=icon):
                    _moves(rows, f"eval.beside.{change.arm}.{label}")


def _moves(rows: Sequence[Moved], key: str) -> None:
    many = st.slider("Show", 1, len(rows), PAGE, key=key) if len(rows) > PAGE else PAGE
    for row in rows[:many]:
        gold = plain(row.gold) or "*none: the right answer is to decline*"
        st.markdown(f"**{plain(row.question)}**  \n:small[Gold: {gold}]")
        st.markdown(
            f":gray-badge[before] {plain(row.before_text) or '*said nothing*'}  \n"
            f":gray-badge[after] {plain(row.after_text) or '*said nothing*'}"
        )
