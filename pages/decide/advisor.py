import streamlit as st

from pages.ui import (
    advisor_cost,
    advisor_questions,
    advisor_record,
    advisor_views,
    components,
    state,
)
from pages.ui.errors import show_errors
from ragft_core.advisor import decide, gather_evidence, load_answers, load_criteria

VIEWS = {
    "questions": "Questions",
    "why": "Why",
    "what-if": "What if",
    "cost": "Cost",
    "article": "The article",
    "record": "Next steps and record",
}
CERTAINTY = {30.0: "rough", 100.0: "fair", 400.0: "firm"}

components.page_header(
    "Which strategy?",
    "Your answers, the literature and what this workspace measured, weighed in the open.",
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
    if view == "questions":
        answers = advisor_questions.questionnaire(workspace, criteria, answers, evidence)
    elif view == "what-if":
        weighing = st.container()
        with weighing:
            certainty = st.select_slider(
                "How firm are the weights?", list(CERTAINTY), value=certainty,
                format_func=CERTAINTY.get, key="advisor.what_if.certainty",
                help="The firmer, the less the simulation lets the weights vary.",
            )  # fmt: skip
            state.put("advisor.certainty", certainty)
            answers = advisor_questions.weights(workspace, criteria, answers)
    result = decide(
        criteria, answers, measurements=evidence.measurements, certainty=float(certainty)
    )
    with top:
        advisor_views.verdict(criteria, result)
    trace = advisor_views.Trace(criteria, evidence, result)
    if view == "why":
        advisor_views.why(trace)
    elif view == "what-if":
        advisor_views.what_if(trace)
    elif view == "cost":
        advisor_cost.costs(workspace, answers, evidence)
    elif view == "article":
        advisor_views.article(criteria, evidence)
    elif view == "record":
        advisor_record.next_steps(workspace, result, evidence)
        advisor_record.records(workspace, criteria, answers, result, evidence)
