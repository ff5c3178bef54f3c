"""Next steps for a strategy, with owners and days, and its card: when not, and how it fails."""

from __future__ import annotations

import json
from datetime import date

import streamlit as st

from pages.decide.parts import charts
from pages.decide.parts.verdict import PAGES
from pages.ui.errors import plain, show_errors
from ragft_core.advisor import Evidence, Recommendation, make_recipe
from ragft_core.advisor.record import Card, Step, assign, strategy_cards
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace, now


def next_steps(workspace: Workspace, result: Recommendation, evidence: Evidence) -> None:
    """The checklist of a strategy, with links, its card and its configuration."""
    chosen = result.verdict or result.leader or next(iter(Strategy))
    st.header("Next steps", anchor=False)
    strategy = st.selectbox(
        "For which strategy",
        list(Strategy),
        index=list(Strategy).index(chosen) if result.informed else 0,
        format_func=charts.title,
        key=f"advisor.recipe.{chosen}",
    )
    recipe = make_recipe(workspace, strategy, evidence)
    for number, step in enumerate(recipe.steps):
        _step(workspace, step, number)
    st.download_button(
        "Starting configuration",
        json.dumps(recipe.configuration, indent=2, ensure_ascii=False),
        file_name=f"{strategy.value}.json",
        mime="application/json",
        icon=":material/tune:",
        on_click="ignore",
    )
    with st.expander(
        f"{charts.title(strategy)}: when not to take it, and how it fails",
        icon=":material/report:",
    ):
        card(strategy_cards()[strategy])


def _step(workspace: Workspace, step: Step, number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        done = ":green[:material/check_circle:]" if step.done else ":material/circle:"
        st.markdown(f"{done} {plain(step.text)}{_assigned(step)}", width="stretch")
        if not step.done:
            with st.popover("Who, and when", type="tertiary", key=f"advisor.step.who.{number}"):
                _assign(workspace, step)
            if step.page != "advisor":
                if st.button("Go there", key=f"advisor.step.{number}", type="tertiary"):
                    st.switch_page(PAGES[step.page])


def _assigned(step: Step) -> str:
    """Owner and day in small print; a day that has gone by is marked."""
    if step.done or not (step.owner or step.due):
        return ""
    late = bool(step.due) and step.due < now()[:10]
    parts = [plain(step.owner), f"by {step.due}" if step.due else ""]
    told = ", ".join(part for part in parts if part)
    return (
        f"  \n:{'orange' if late else 'gray'}[:material/person: {told}{', late' if late else ''}]"
    )


def _assign(workspace: Workspace, step: Step) -> None:
    with st.form(f"advisor.step.{step.key}", border=False):
        owner = st.text_input("Who does it", step.owner, max_chars=60)
        due = st.date_input("By when", date.fromisoformat(step.due) if step.due else None)
        if st.form_submit_button("Keep"):
            with show_errors():
                day = due.isoformat() if isinstance(due, date) else ""
                assign(workspace, step.key, owner, day)
                st.rerun()


def card(found: Card) -> None:
    """A strategy's card."""
    st.markdown(found.takes)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Do not take it when**")
        st.markdown("\n".join(f"- {text}" for text in found.not_when))
    with right:
        st.markdown("**How it fails, and what shows it**")
        st.markdown("\n".join(f"- {item.how} :gray[{item.sign}]" for item in found.fails))
