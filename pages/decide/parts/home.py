"""Taking an arm home: a folder that runs without the lab, or every arm over an API."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import arms, components, resources, state
from pages.ui.errors import plain, show_errors
from pages.ui.waiting import work
from ragft_core.models.remote import served_name
from ragft_core.shipping import ADAPTER, GGUF, MERGED, ship
from ragft_core.strategies import arm_states
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

SHAPES = {
    ADAPTER: "Adapter beside its base, exactly as measured",
    MERGED: "Merged into one model, 16-bit",
    GGUF: "Merged, and as GGUF for Ollama and llama.cpp",
}


def take_home(workspace: Workspace, chosen: Strategy | None) -> None:
    """The arm, the folder, and what the folder is for."""
    st.header("Take it home", anchor=False)
    by_id = {each.arm.id: each for each in arm_states(workspace) if each.ready}
    ready = list(by_id)
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    names = {arm_id: arms.label(arm_id) for arm_id in ready}
    arm_id = left.selectbox(
        "Arm",
        ready,
        index=ready.index(chosen.value) if chosen and chosen.value in ready else 0,
        format_func=components.distinct(names),
        key="advisor.home.arm",
    )
    folder = right.text_input(
        "New folder on this machine",
        f"~/{workspace.id}-{arm_id}",
        key=f"advisor.home.folder.{arm_id}",
    )
    form = ADAPTER
    if by_id[arm_id].adapter and not served_name(by_id[arm_id].adapter):
        form = st.selectbox(
            "The trained model", list(SHAPES), format_func=SHAPES.get, key="advisor.home.form"
        )
    st.caption(
        "It holds the scripts, the index or the adapter, the model, ten questions with the lab's "
        "answers to compare with, and what was measured. It needs nothing of the lab."
    )
    if st.button("Write the folder", key="advisor.home.write", icon=":material/home_storage:"):
        with show_errors():
            place, lab = Path(folder.strip()).expanduser().resolve(), resources.lab(workspace)
            done = work.done(
                f"ship.{place}",
                lambda _: ship(lab, arm_id, place, state.settings(), form=form),
                "Asking ten questions and copying",
            )
            st.success(
                f"{done.n_bytes / 1e6:,.0f} MB in {plain(done.folder)}. Try it there: "
                "`pip install -r requirements.txt`, then `python smoke_test.py`."
            )
    st.caption("Every arm over an OpenAI-compatible API, on this machine:")
    st.code(f"python -m ragft_core serve {workspace.id}", language=None, wrap_lines=True)
