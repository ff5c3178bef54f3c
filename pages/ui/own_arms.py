"""A workspace's own arms: a copy of any arm with other settings, so that two can be compared."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.ui import arms, state
from pages.ui.components import distinct
from pages.ui.errors import plain, show_errors
from ragft_core.arms import MOST_PASSAGES, MOST_SHOTS, AdapterKind, Arm, Reads
from ragft_core.finetuning import list_adapters
from ragft_core.knowledge import list_versions
from ragft_core.strategies import add_arm, remove_arm, workspace_arms
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace

AS_WORKSPACE = "as the workspace"
# What people copy most: one more RAG set-up.
USUAL = "rag"


def section(workspace: Workspace) -> None:
    """The own arms with what they do otherwise, and a form for another."""
    known = workspace_arms(workspace)
    for arm in known:
        if arm.base:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"{arm.icon} **{plain(arm.name)}** · {plain(told(arm))}")
                if st.button("Remove", key=f"arms.remove.{arm.id}", type="tertiary"):
                    remove_arm(workspace, arm.id)
                    st.rerun()
    ids = [arm.id for arm in known]
    base = st.selectbox("A copy of", ids, ids.index(USUAL), format_func=arms.label, key="arms.base")
    name = st.text_input("Name", max_chars=40, placeholder="RAG, 8 passages", key="arms.name")
    changes = _changes(workspace, arms.look(base))
    if st.button("Add this arm", key="arms.add"):
        with show_errors():
            arm = add_arm(workspace, base, name, **changes)
            state.notify(f"{arm.name} can be chosen now.")
            st.rerun()


def told(arm: Arm) -> str:
    """What an own arm is a copy of and what it does otherwise."""
    parts = {
        "passages": arm.settings.passages,
        "search": arm.settings.search_mode,
        "re-ranker": arm.settings.reranker,
        "reader": {True: "on", False: "off"}.get(arm.settings.reader),  # type: ignore[call-overload]
        "selection": {True: "on", False: "off"}.get(arm.settings.select),  # type: ignore[call-overload]
        "adapter": arm.settings.adapter,
        "examples in the prompt": arm.settings.shots or None,
        "instruction": arm.settings.instruction,
        "model": arm.settings.model.name if arm.settings.model else None,
        "documents": f"of the version {arm.settings.version}" if arm.settings.version else None,
    }
    said = [f"{key} {value}" for key, value in parts.items() if value is not None]
    return "; ".join([f"like {arms.label(arm.base)}", *said])


def _changes(workspace: Workspace, base: Arm) -> dict[str, Any]:
    """The inputs that mean something for the copied arm, as fields of ``ArmSettings``."""
    changes: dict[str, Any] = {}
    if base.retrieves:
        k = st.number_input(
            "Passages", 1, MOST_PASSAGES, None, placeholder=AS_WORKSPACE, key="arms.k"
        )
        mode = st.selectbox(
            "Search", list(SearchMode), index=None, placeholder=AS_WORKSPACE, key="arms.mode"
        )
        ranker = st.text_input(
            "Re-ranker", placeholder="none", key="arms.ranker",
            help="A cross-encoder of sentence-transformers: a folder on this machine or a hub id.",
        )  # fmt: skip
        changes |= {"passages": k, "search_mode": mode, "reranker": ranker.strip() or None}
    versions = [version.name for version in list_versions(workspace)]
    if versions and base.reads is not Reads.NOTHING:
        changes["version"] = st.selectbox(
            "Documents of a named version", versions, index=None, placeholder=AS_WORKSPACE,
            key="arms.version",
            help="Read as they were then, by the embedding model of then, also in an evaluation that "
            "runs on another version.",
        )  # fmt: skip
    if base.adapter is AdapterKind.READER:
        reader = st.selectbox(
            "Reading adapter", ["on", "off"], index=None, placeholder=AS_WORKSPACE,
            key="arms.reader",
        )  # fmt: skip
        changes["reader"] = {"on": True, "off": False}.get(reader or "")
    if base.retrieves and base.adapter is not AdapterKind.NONE:
        select = st.selectbox(
            "Select among answers", ["on", "off"], index=None, placeholder=AS_WORKSPACE,
            key="arms.select",
        )  # fmt: skip
        changes["select"] = {"on": True, "off": False}.get(select or "")
    if base.is_trained:
        names = {
            adapter.id: adapter.name
            for adapter in list_adapters(workspace)
            if not adapter.bundled and adapter.with_context == base.retrieves
        }
        changes["adapter"] = st.selectbox(
            "Adapter", list(names), index=None, format_func=distinct(names), placeholder=AS_WORKSPACE,
            key="arms.adapter",
        )  # fmt: skip
    shots = st.number_input(
        "Examples in the prompt", 0, MOST_SHOTS, base.settings.shots, key=f"arms.shots.{base.id}",
        help="The training examples most like the question, shown as earlier turns.",
    )  # fmt: skip
    text = st.text_area(
        "Instruction", placeholder=workspace.settings().instruction, key="arms.instruction",
        help="A better prompt is an arm, too: write one, and an evaluation says whether it is better.",
    )  # fmt: skip
    return changes | {"shots": int(shots), "instruction": text.strip() or None}
