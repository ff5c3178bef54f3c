"""The settings of a workspace: its standing instruction, retrieval, and which model it uses."""

from __future__ import annotations

import streamlit as st

from pages.ui import state
from pages.ui.errors import plain, show_errors
from ragft_core.approval import approve
from ragft_core.errors import ModelError
from ragft_core.knowledge import MODE_WORDS
from ragft_core.models import SUGGESTED, ModelReport, check_model
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace, WorkspaceSettings

KINDS = {
    "bundled": "Bundled",
    "hub": "Hugging Face id",
    "folder": "Folder",
    "endpoint": "Endpoint",
}


def settings_section(workspace: Workspace) -> None:
    """What every arm is asked with, and the model picker."""
    settings = workspace.settings()
    asking, model = st.columns(2, gap="large")
    with asking:
        _asking(workspace, settings)
    with model:
        _model(workspace, settings)


def _asking(workspace: Workspace, settings: WorkspaceSettings) -> None:
    with st.form(f"home.settings.{workspace.id}", border=False):
        st.markdown("**How the arms are asked**")
        instruction = st.text_area(
            "Instruction",
            settings.instruction,
            max_chars=2000,
            help="Every arm's prompt begins with it. An adapter learns it, so train again after "
            "a change.",
        )
        mode = st.selectbox(
            "Search by",
            list(MODE_WORDS),
            index=list(MODE_WORDS).index(settings.search_mode),
            format_func=MODE_WORDS.get,
        )
        k = st.number_input("Passages", 1, 8, settings.top_k)
        longest = st.number_input("Longest answer, tokens", 8, 1024, settings.max_new_tokens)
        if st.form_submit_button("Save"):
            workspace.update(
                instruction=instruction.strip(),
                search_mode=mode.value,
                top_k=int(k),
                max_new_tokens=int(longest),
            )
            state.notify("Saved.")
            st.rerun()


def _model(workspace: Workspace, settings: WorkspaceSettings) -> None:
    st.markdown("**The model of every arm**")
    current = settings.model
    st.caption(f"Now: {plain(current.name)} ({KINDS[current.kind].lower()})")
    kind = st.segmented_control(
        "Kind",
        list(KINDS),
        default=current.kind,
        format_func=KINDS.get,
        required=True,
        key=f"home.model.kind.{workspace.id}",
        label_visibility="collapsed",
    )
    own = current if current.kind == kind else ModelChoice(kind, "")
    choice = _choice(kind, own, f"home.model.endpoint.{workspace.id}")
    if choice is None or not st.button("Check and use it", key=f"home.model.{workspace.id}"):
        return
    with show_errors(), st.spinner("Checking"):
        report = check_model(choice, state.settings())
        if not report.usable:
            raise ModelError(report.problem, report.remedy)
        workspace.update(model=choice)
        approve(workspace, choice)  # also where it is what the workspace came with
        state.notify(f"This workspace uses {report.name} now. {_facts(report)}")
        st.rerun()


def _choice(kind: str, current: ModelChoice, key: str) -> ModelChoice | None:
    if kind == "bundled":
        st.caption("Comes with the lab: small, quick on two cores, with a reading adapter.")
        return ModelChoice()
    if kind == "hub":
        names = [item.name for item in SUGGESTED]
        name = st.selectbox(
            "Model", names, index=None, accept_new_options=True, placeholder="owner/model",
            help="Only safetensors are fetched, and no code of the model is run.",
        )  # fmt: skip
        found = next((item for item in SUGGESTED if item.name == name), None)
        if found:
            size = f"{found.parameters / 1e6:,.0f} million parameters"
            st.caption(f"{size} · {found.licence} · {found.note}")
        return ModelChoice("hub", name) if name else None
    if kind == "folder":
        name = st.text_input("Folder", current.name, placeholder="~/models/my-model")
        return ModelChoice("folder", name.strip()) if name.strip() else None
    st.caption(
        ":material/cloud_upload: Questions and passages are sent to this address. Nothing can be "
        "fine-tuned there."
    )
    return endpoint_fields(current, key)


def endpoint_fields(current: ModelChoice, key: str) -> ModelChoice | None:
    """Inputs for an endpoint; None while address or model is missing."""
    url = st.text_input(
        "Address", current.url, placeholder="http://127.0.0.1:8000/v1", key=f"{key}.url"
    )
    name = st.text_input("Model name", current.name, key=f"{key}.name")
    variable = st.text_input(
        "Environment variable of the key", current.key_variable, placeholder="RAGFT_KEY_MINE",
        key=f"{key}.variable", help="Its name begins with RAGFT_KEY_. The key itself is never stored.",
    )  # fmt: skip
    price_in = st.number_input(
        "Price per million prompt tokens", 0.0, value=current.price_in, key=f"{key}.in"
    )
    price_out = st.number_input(
        "Price per million answer tokens", 0.0, value=current.price_out, key=f"{key}.out"
    )
    if not (url.strip() and name.strip()):
        return None
    return ModelChoice(
        "endpoint", name.strip(), url.strip(), variable.strip(), float(price_in), float(price_out)
    )


def _facts(report: ModelReport) -> str:
    parts = [report.licence, report.note]
    if report.parameters:
        parts.insert(0, f"{report.parameters / 1e6:,.0f} million parameters.")
    return " ".join(part for part in parts if part)
