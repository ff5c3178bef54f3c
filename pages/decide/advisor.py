from dataclasses import replace

import streamlit as st

from pages.decide.parts import cost, home, people, questions, record, steps, verdict
from pages.ui import components, resources, state
from pages.ui.errors import plain, show_errors
from pages.ui.finished import origin
from ragft_core.advisor import (
    decide,
    gather_evidence,
    load_answers,
    load_criteria,
    with_seen,
)

VIEWS = {
    "questions": "Questions",
    "people": "People",
    "why": "Why",
    "what-if": "What if",
    "cost": "Cost",
    "article": "The article",
    "record": "Next steps and record",
}
# Views that are about something else than how the result came about.
BRIEF = ("people", "cost", "article", "record")
CERTAINTY = {30.0: "rough", 100.0: "fair", 400.0: "firm"}

components.page_header(
    "Which strategy?",
    "Your answers, the literature and what this workspace measured, weighed in the open.",
    "advisor",
)
workspace = components.require_workspace()

with show_errors():
    criteria = load_criteria(workspace)
    answers = load_answers(workspace, criteria)
    evidence = gather_evidence(workspace)
    # The result stands first on the page and is worked out last, from what is chosen below it.
    top = st.container()
    view = st.segmented_control(
        "View", list(VIEWS), default="questions", format_func=VIEWS.get, key="advisor_view",
        bind="query-params", label_visibility="collapsed", required=True,
    )  # fmt: skip
    certainty = float(state.get("advisor.certainty", 100.0))
    answers = with_seen(criteria, answers, evidence.facts)
    if view == "questions":
        who = people.whose(workspace)
        if who:
            theirs = replace(load_answers(workspace, criteria, who), who=who)
            theirs = people.ranking(workspace, criteria, theirs)
            answers = with_seen(criteria, theirs, evidence.facts)
        answers = questions.questionnaire(workspace, criteria, answers, evidence)
    elif view == "what-if":
        weighing = st.container()
        with weighing:
            certainty = st.select_slider(
                "How firm are the weights?", list(CERTAINTY), value=certainty,
                format_func=CERTAINTY.get, key="advisor.what_if.certainty",
                help="The firmer, the less the simulation lets the weights vary.",
            )  # fmt: skip
            state.put("advisor.certainty", certainty)
            answers = questions.weights(workspace, criteria, answers)
    result = resources.worked_out(
        decide,
        criteria,
        answers,
        measurements=evidence.measurements,
        leads=evidence.leads,
        certainty=float(certainty),
    )
    with top:
        if answers.who:
            st.caption(f":material/person: What follows from {plain(answers.who)}'s answers:")
        verdict.verdict(criteria, result, brief=view in BRIEF)
        measured_in = evidence.provenance.get("evaluation id")
        if measured_in:
            origin.notice(workspace, measured_in)
        questions.contradicted(criteria, answers, evidence)
    trace = verdict.Trace(criteria, evidence, result)
    if view == "people":
        people.together(workspace, criteria, answers, evidence)
    elif view == "why":
        verdict.why(trace)
    elif view == "what-if":
        verdict.what_if(trace)
    elif view == "cost":
        cost.costs(workspace, answers, evidence)
    elif view == "article":
        verdict.article(criteria, evidence)
    elif view == "record":
        steps.next_steps(workspace, result, evidence)
        home.take_home(workspace, result.verdict or result.leader)
        record.records(workspace, answers, result)
