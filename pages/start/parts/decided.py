"""What was decided in a workspace: the headline of its newest record, and the way to it."""

from __future__ import annotations

import streamlit as st

from pages.ui import components
from pages.ui.errors import plain
from pages.ui.finished import tour
from ragft_core.advisor import newest_record
from ragft_core.samples import tour_of
from ragft_core.workspace import Workspace


def decided(workspace: Workspace) -> None:
    """Shows the newest kept decision, and begins the tour where there is one."""
    stops = tour_of(workspace)
    record = newest_record(workspace)
    if record is None:
        return
    with st.container(border=True):
        st.markdown(f":material/gavel: **{plain(record.result.headline.text)}**")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Decided {components.moment(record.created_at)}", width="content")
            if st.button("See why", icon=":material/balance:", key="home.decided"):
                st.switch_page(components.ADVISOR)
            if stops and st.button("Take the tour", icon=":material/tour:", key="home.tour"):
                tour.start(workspace.id)
                tour.go(workspace, stops[0])
