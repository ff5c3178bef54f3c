"""How the data check and the recognised facts are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from pages.ui import components, resources, state
from pages.ui.errors import plain, show_errors
from ragft_core.finetuning.examples import (
    Finding,
    by_fact,
    changing_examples,
    fixed,
    joined,
    parted,
)
from ragft_core.types import Example
from ragft_core.workspace import Workspace

TITLES = {
    "empty": "Empty rows",
    "duplicate": "Duplicates",
    "near-duplicate": "Near-duplicates",
    "contradiction": "Contradictions",
    "leak": "Test rows that are trained",
    "too-long": "Too long",
    "balance": "Few rows of a label",
}
MOST_SHOWN = 60


def check_section(workspace: Workspace, examples: list[Example]) -> None:
    """What is wrong with the examples, each with its rows and its fix."""
    with st.spinner("Looking through the examples"):
        findings = resources.findings(workspace, examples)
    if not findings:
        st.success(
            "No duplicates, contradictions, rows that are too long, or test rows that are trained.",
            icon=":material/check_circle:",
        )
        return
    by_id = {example.id: example for example in examples}
    for finding in findings:
        key = finding.problem.value
        with st.container(border=True):
            st.markdown(f"**{TITLES[key]}**")
            st.caption(plain(finding.text))
            st.dataframe(
                [_row(by_id[name], finding) for name in finding.ids[:MOST_SHOWN]],
                hide_index=True,
                width="stretch",
                height=min(240, 38 + 35 * len(finding.ids)),
                alt=f"{TITLES[key]}: the rows",
            )
            if not finding.fix:
                st.caption("Which is right only you can tell: mend it in the view Table.")
            elif st.button(finding.fix, key=f"examples.fix.{key}", icon=":material/build:"):
                _change(workspace, partial(fixed, findings=[finding]))
    fixable = [finding for finding in findings if finding.fix]
    if len(fixable) > 1 and st.button(
        "Fix all of them", type="primary", key="examples.fix.all", icon=":material/build:"
    ):
        _change(workspace, partial(fixed, findings=fixable))


def _row(example: Example, finding: Finding) -> dict[str, str]:
    what = "leave out" if example.id in finding.remove else ""
    what = "train" if example.id in finding.train else what
    return {
        "Question": example.question,
        "Answer": example.answer,
        "Split": example.split.value,
        "Fix": what,
    }


def _change(workspace: Workspace, change: Callable[[list[Example]], list[Example]]) -> None:
    with show_errors():
        with changing_examples(workspace) as rows:
            before = len(rows)
            rows[:] = change(rows)
        gone = before - len(rows)
        state.notify(f"{gone} rows were left out." if gone else "The rows are mended.")
        st.rerun()


def summary(workspace: Workspace, examples: Sequence[Example]) -> None:
    """One line for each problem, where a run is about to start."""
    findings = resources.findings(workspace, examples)
    if not findings:
        return
    named = ", ".join(f"{TITLES[f.problem.value].lower()} ({len(f.ids)})" for f in findings)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":orange[:material/warning:] The examples have {named}.")
        if st.button("See the check", key="finetune.check", type="tertiary"):
            state.put("examples.view", "Check")
            st.switch_page(components.EXAMPLES)


def facts_section(workspace: Workspace, examples: list[Example]) -> None:
    """Which rows are taken as wordings of one fact, and how to correct it."""
    groups = sorted(by_fact(examples), key=len, reverse=True)
    several = [group for group in groups if len(group) > 1]
    number = {row.id: n for n, group in enumerate(groups, start=1) for row in group}
    st.caption(
        f"{len(groups)} facts, {len(several)} of them in several wordings. Rows with one answer and "
        "alike questions are taken as one fact; training and test are kept apart by fact. Mark "
        "rows, then join them as one fact or part them."
    )
    ordered = [row for group in groups for row in group]
    table = st.dataframe(
        [
            {
                "Fact": number[row.id],
                "Question": row.question,
                "Answer": row.answer,
                "Told by": "you" if row.fact else "likeness",
            }
            for row in ordered
        ],
        hide_index=True,
        width="stretch",
        height=420,
        key=f"examples.facts.{workspace.id}.{len(groups)}.{len(ordered)}",
        on_select="rerun",
        selection_mode="multi-row",
        alt="The examples by fact",
    )
    chosen = [ordered[place].id for place in table.selection.rows if place < len(ordered)]
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "They are one fact", disabled=len(chosen) < 2, icon=":material/join:", key="facts.join"
        ):
            _change(workspace, lambda rows: joined(rows, chosen))
        if st.button(
            "Each is a fact of its own", disabled=not chosen, icon=":material/call_split:",
            key="facts.part",
        ):  # fmt: skip
            _change(workspace, lambda rows: parted(rows, chosen))
        st.caption(f"{len(chosen)} rows marked.")
