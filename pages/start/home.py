from functools import partial

import streamlit as st

from pages.start.parts.decided import decided
from pages.start.parts.moving import archived_section, bring_in, moving_section
from pages.start.parts.trust import consent_notice, damage_notice
from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from pages.ui.finished import origin, tour
from pages.ui.waiting import work
from pages.ui.workspace_settings import settings_section
from ragft_core.access import Right, rights
from ragft_core.overview import next_step, workspace_steps
from ragft_core.samples import (
    Case,
    Sample,
    finished_cases,
    list_samples,
    load_sample,
    open_finished,
    tour_of,
)
from ragft_core.workspace import create_workspace

PAGES = {
    "documents": components.DOCUMENTS,
    "examples": components.EXAMPLES,
    "finetune": components.FINETUNE,
    "compare": components.CHAT,
    "decide": components.ADVISOR,
}


def _open(sample: Sample, case: Case | None = None) -> None:
    """Makes a workspace of a sample and goes there, of a finished one to its decision."""
    with show_errors():
        make = partial(open_finished, model=case.origin.model) if case else load_sample
        made = work.done(
            _opening(sample, case),
            lambda told: make(state.settings(), sample.name, on_progress=told),
            "Reading the documents",
        )
        state.open_workspace(made.id)
        if case:
            tour.start(made.id)
            tour.go(made, tour_of(made)[0])
        state.notify(f"The sample {sample.title} is open.")
        st.rerun()


def _opening(sample: Sample, case: Case | None = None) -> str:
    return f"open.{sample.name}.{case.origin.model if case else ''}"


components.page_header(
    "Which strategy should you pick?",
    "A better prompt, RAG, a LoRA fine-tune or both: measured on your own documents, "
    "on this machine.",
    "home",
)
for sample in list_samples():  # whatever was clicked since, what is being opened comes first
    for case in (None, *finished_cases(sample, state.settings())):
        if work.goes_on(_opening(sample, case)):
            _open(sample, case)

workspace = state.current_workspace()
if workspace:
    with show_errors():
        settings = workspace.settings()
        st.header(plain(settings.name), anchor=False)
        origin.notice(workspace)
        consent_notice(workspace)
        damage_notice(workspace)
        decided(workspace)
        steps = workspace_steps(workspace)
        upcoming = next_step(steps)
        cards = st.grid(len(steps), min_column_width=140)  # two beside each other on a phone
        for number, step in enumerate(steps, start=1):
            card = cards.container(border=True, height="stretch", vertical_alignment="distribute")
            with card:
                icon = ":green[:material/check_circle:]" if step.done else f"**{number}**"
                with st.container():
                    st.markdown(f"{icon} **{step.title}**")
                    st.caption(step.purpose)
                    st.markdown(step.text[:1].upper() + step.text[1:])
                first = step is upcoming
                if st.button(
                    "Start here" if first else "Open",
                    type="primary" if first else "secondary",
                    key=f"home.step.{step.key}",
                    width="stretch",
                ):
                    st.switch_page(PAGES[step.key])
        if upcoming is None:
            st.caption("All five steps are done. The advisor's page has the decision record.")
        with st.expander("Settings of this workspace", icon=":material/tune:"):
            settings_section(workspace)
            st.divider()
            moving_section(workspace)

if not rights.may(Right.MAKE):
    if workspace is None:
        components.empty_state(
            "No workspace is shared with you yet.",
            f"Ask the owner of one to add {plain(rights.by())} to its members.",
        )
    archived_section()
    st.stop()

opened = state.opened_samples()
# Without a workspace this is what the page is for; later it steps back.
with st.expander("Open a sample or make a workspace") if workspace else st.container():
    samples, own = st.columns([2, 1], gap="large")
    with samples:
        st.markdown("**Samples**")
        for sample in list_samples():
            with st.container(border=True):
                st.markdown(f"**{sample.title}**")
                st.caption(sample.description)
                cases = finished_cases(sample, state.settings())
                case = cases[0] if cases else None
                if len(cases) > 1:
                    case = st.selectbox(
                        "Model of the finished case", cases, key=f"home.case.{sample.name}",
                        format_func=lambda case: case.origin.model,
                    )  # fmt: skip
                with st.container(horizontal=True, vertical_alignment="center"):
                    seen = case and (sample.name, case.origin.model) in opened
                    look = case and not seen and st.button(
                        "Look at a finished case", key=f"home.finished.{sample.name}",
                        type="primary", icon=":material/verified:",
                        help="With its adapters, evaluations and decision, and a tour of five steps.",
                    )  # fmt: skip
                    mine = (sample.name, "") in opened
                    begin = not mine and st.button(
                        "Open this sample", key=f"home.sample.{sample.name}",
                        help="The documents and examples; the rest is yours to do.",
                    )  # fmt: skip
                if seen or mine:
                    st.caption(":material/check: Already open; pick it in the sidebar.")
                if look or begin:
                    _open(sample, case if look else None)
    with own:
        st.markdown("**Your own**")
        # A second click is for the form that was shown, not for that of the workspace it made.
        with st.form(f"home.create.{workspace.id if workspace else ''}", border=True):
            name = st.text_input("Name", placeholder="Support handbook", max_chars=64)
            if st.form_submit_button("Make a workspace", width="stretch"):
                with show_errors():
                    made = create_workspace(state.settings(), name)
                    state.open_workspace(made.id)
                    state.notify(f"The workspace {made.settings().name} is ready.")
                    st.rerun()
        bring_in()
archived_section()
