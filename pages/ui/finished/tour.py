"""A tour of five steps through a finished case: a line above each page, left at any time."""

from __future__ import annotations

import streamlit as st

from pages.ui import components, state
from pages.ui.errors import plain
from ragft_core.evaluation.reports.pairing import disagreeing_run
from ragft_core.samples import Stop, tour_of
from ragft_core.workspace import Workspace

# Where each stop is seen, and how the page is to be opened there.
PLACES = {
    "advisor": (components.ADVISOR, {"advisor_view": "Why"}),
    "documents": (components.DOCUMENTS, {}),
    "chat": (components.CHAT, {}),
    "evaluation": (components.EVALUATION, {}),
    "record": (components.ADVISOR, {"advisor_view": "Next steps and record"}),
}


def start(workspace_id: str) -> None:
    """Begins the tour at its first stop; the next run of the frame draws it."""
    state.put(_key(workspace_id), 0)


def go(workspace: Workspace, stop: Stop) -> None:
    """Opens the page of a stop as the stop wants it."""
    page, params = PLACES[stop.page]
    found = dict(params)
    if stop.page == "evaluation":
        run = disagreeing_run(workspace)
        found = {"eval": run.id} if run else {}
    if stop.page == "chat":
        state.put("chat.differing", 0)
    st.switch_page(page, query_params={state.WORKSPACE: workspace.id, **found})


def bar(url_path: str) -> None:
    """The line above a page, where a tour is on.

    Args:
        url_path: Of the page that is open, to know whether the stop is seen there.
    """
    workspace = state.current_workspace()
    step = state.get(_key(workspace.id)) if workspace else None
    stops = tour_of(workspace) if workspace and step is not None else ()
    if workspace is None or step is None or not stops:
        return
    step = min(step, len(stops) - 1)
    stop = stops[step]
    here = PLACES[stop.page][0].endswith(f"/{url_path}.py")
    with st.container(border=True, key="tour"):
        words, buttons = st.columns([9, 4], vertical_alignment="center")
        words.markdown(
            f":blue-badge[:material/tour: {step + 1} of {len(stops)}] **{plain(stop.title)}**  \n"
            f":small[{plain(stop.text)}]"
        )
        with buttons.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="xsmall"
        ):
            back = step > 0 and st.button("Back", icon=":material/arrow_back:", key="tour.back")
            show = not here and st.button("Show it", type="primary", key="tour.show")
            last = step == len(stops) - 1
            more = not last and st.button(
                "Next", icon=":material/arrow_forward:", key="tour.next",
                type="primary" if here else "secondary",
            )  # fmt: skip
            leave = st.button("End" if last else "Leave", type="tertiary", key="tour.leave")
    if back or more or show:
        step += (1 if more else 0) - (1 if back else 0)
        state.put(_key(workspace.id), step)
        go(workspace, stops[step])
    if leave:
        state.drop(_key(workspace.id))
        st.rerun()


def _key(workspace_id: str) -> str:
    return f"tour.{workspace_id}"
