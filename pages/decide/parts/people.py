"""Several people: whose answers the page takes, what each says, and what the group says."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.decide.parts import charts
from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from ragft_core.advisor import Answers, Criteria, Evidence, list_stakeholders, save_answers
from ragft_core.advisor.criteria import GroupView, remove_stakeholder
from ragft_core.advisor.record import decide_together
from ragft_core.workspace import Workspace

OWN = "this workspace"
WHO = "advisor.who"


def whose(workspace: Workspace) -> str:
    """Whose answers are shown: a name, or empty for the workspace's own. A link holds the name."""
    known = list_stakeholders(workspace)
    linked = st.query_params.get("who", "")
    names = [OWN, *dict.fromkeys([*known, *([linked] if linked else [])])]
    chosen = st.selectbox(
        "Whose answers",
        names,
        index=names.index(linked) if linked else 0,
        accept_new_options=True,
        key=f"{WHO}.{workspace.id}",
        help="Type a name to answer as another person. The page's address then leads there.",
    )
    who = "" if chosen in (None, OWN) else " ".join(str(chosen).split())[:60]
    if who != linked:
        if who:
            st.query_params["who"] = who
        else:
            st.query_params.pop("who", None)
    return who


def ranking(workspace: Workspace, criteria: Criteria, answers: Answers) -> Answers:
    """The topics that matter most to a person, in order; returns the answers with them, saved."""
    titles = {group.id: plain(group.title) for group in criteria.groups}
    chosen = st.multiselect(
        "What matters most, the most important first",
        list(titles),
        default=list(answers.ranking),
        format_func=titles.get,
        key=f"advisor.rank.{workspace.id}.{answers.who}",
        help="Two people's ranks or more become the group's weights. Leave out what is all the same.",
    )
    if tuple(chosen) != answers.ranking:
        return save_answers(workspace, replace(answers, ranking=tuple(chosen)))
    return answers


def together(
    workspace: Workspace, criteria: Criteria, answers: Answers, evidence: Evidence
) -> None:
    """What each says, where they differ, how far they agree, and the group's result."""
    view, results = decide_together(workspace, criteria, evidence)
    if not view.people:
        components.empty_state(
            "Nobody has answered under a name yet.",
            "In “Questions”, type a name at “Whose answers”, send somebody the link, or bring a file in.",
        )
        return
    group = results[""]
    with st.container(border=True):
        st.markdown(f"**The group of {len(view.people)}**: {plain(group.headline.text)}")
        st.caption("An answer counts where more than half of those who gave one agree.")
        if st.button(
            "Take the group's answers over", icon=":material/groups:", key="advisor.group.take",
            help="They become this workspace's own, with the group's weights. Download yours first "
            "to keep them.",
        ):  # fmt: skip
            save_answers(workspace, view.answers)
            state.notify("The group's answers are this workspace's now.")
            st.rerun()
    st.header("What follows from each one's answers", anchor=False)
    for who in view.people:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(who)}**: {plain(results[who].headline.text)}", width="stretch")
            lost = f"{plain(who)}'s answers are removed for good."
            if components.confirmed("Remove", lost, "Remove them", f"advisor.person.remove.{who}"):
                with show_errors():
                    remove_stakeholder(workspace, who)
                    st.rerun()
    _differences(criteria, answers, view)
    _weights(criteria, view)


def _differences(criteria: Criteria, answers: Answers, view: GroupView) -> None:
    """One row a question on which two differ, one column a person."""
    rows = []
    for item in view.opinions:
        if not item.differs:
            continue
        criterion = criteria.get(item.criterion)
        said = {who: criterion.choice(c).label for c, all_ in item.choices.items() for who in all_}
        own = answers.choice(item.criterion)
        rows.append(
            {"Question": criterion.question}
            | {who: said.get(who, "–") for who in view.people}
            | {"The group": criterion.choice(item.group).label if item.group else "open"}
            | {"This workspace": criterion.choice(own).label if own else "–"}
        )
    st.header("Where they differ", anchor=False)
    if not rows:
        st.caption("Nobody contradicts anybody.")
        return
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        row_height=64,
        alt=f"{len(rows)} questions answered differently",
    )


def _weights(criteria: Criteria, view: GroupView) -> None:
    """The group's weights of the seven topics, and how far the ranks agree."""
    st.header("What matters to the group", anchor=False)
    if view.agreement is None:
        st.caption(
            "Two people or more have to rank the topics; until then the usual weights count."
        )
        return
    w = view.agreement.w
    told = "hardly" if w < 0.3 else "in part" if w < 0.6 else "largely" if w < 0.9 else "fully"
    st.markdown(
        f"The ranks of {plain(', '.join(view.agreement.people))} agree **{told}**: "
        f"Kendall's W {w:.2f} of 1, p = {view.agreement.p:.2g}.",
        help="0 is no agreement, 1 the same order by all. Weights are rank order centroids "
        "(Barron and Barrett 1996), averaged over the people.",
    )
    charts.topics({plain(group.title): view.weights[group.id] for group in criteria.groups})
