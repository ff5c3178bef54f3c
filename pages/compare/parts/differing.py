"""A walk through the questions of the last evaluation on which the arms disagree."""

from __future__ import annotations

import streamlit as st

from pages.compare.parts import chat as chat_views
from pages.ui import components, resources, state
from pages.ui.errors import plain
from pages.ui.finished import origin
from ragft_core.evaluation.reports.pairing import disagreeing_run, splits
from ragft_core.strategies import Turn
from ragft_core.workspace import Workspace

STEP = "chat.differing"


def button(workspace: Workspace) -> None:
    """Begins the walk; there only where an evaluation was finished."""
    if disagreeing_run(workspace) is None:
        return
    if st.button("Show me where they differ", icon=":material/alt_route:", key="chat.differ"):
        state.put(STEP, 0)
        st.rerun()


def walk(workspace: Workspace) -> bool:
    """Draws the question where the walk is, and says whether one is on."""
    step, plan = state.get(STEP), disagreeing_run(workspace)
    if step is None or plan is None:
        return False
    results, report = resources.evaluation(workspace, plan.id)
    found = splits(results)
    if not found:
        st.caption("On every question of the last evaluation all arms are right, or all are wrong.")
        state.drop(STEP)
        return False
    step = min(step, len(found) - 1)
    _bar(step, len(found), f"{plan.name}, {components.moment(plan.created_at)}")
    origin.notice(workspace, plan.id)
    split = found[step]
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(plain(split.question.text))
        chat_views.gold_line(split.question)
    turn = Turn(
        f"split-{step}", split.question.text, tuple(s.answer for s in split.said), report.created_at
    )
    right = {item.arm: item.right for item in split.said}
    chat_views.turn_columns(workspace, turn, None, f"differ.{plan.id}.{step}", right, timed=False)
    return True


def _bar(step: int, n: int, run: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{step + 1} of {n}** questions on which they differ", width="content")
        back = st.button(
            "Earlier", icon=":material/arrow_back:", disabled=step == 0, key="differ.back"
        )
        more = st.button(
            "Next question", icon=":material/arrow_forward:", disabled=step == n - 1,
            key="differ.next",
        )  # fmt: skip
        leave = st.button("Back to the chat", type="tertiary", key="differ.leave")
    st.caption(f"As they answered in the evaluation {plain(run)}.")
    if back or more:
        state.put(STEP, step + (1 if more else -1))
        st.rerun()
    if leave:
        state.drop(STEP)
        st.rerun()
