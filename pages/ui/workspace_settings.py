"""The settings of a workspace: its standing instruction, retrieval, and which model it uses."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import resources, state
from pages.ui.errors import plain, show_errors
from ragft_core.access import Right, rights
from ragft_core.approval import approve, is_approved
from ragft_core.errors import ModelError
from ragft_core.knowledge import MODE_WORDS
from ragft_core.models import (
    HubModel,
    ModelReport,
    Trial,
    check_model,
    suggestions,
    try_model,
)
from ragft_core.models.remote import (
    PRESETS,
    SERVED,
    check_served,
    served_models,
    served_name,
)
from ragft_core.types import ModelChoice
from ragft_core.workspace import Workspace, WorkspaceSettings

KINDS = {
    "bundled": "Bundled",
    "hub": "Hub",
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
        caution = st.slider(
            "Caution of the adaptive arm",
            0.0,
            1.0,
            settings.caution,
            0.05,
            help="It answers where its chance of being right is so high, and says that the documents "
            "do not tell otherwise. An evaluation calibrates the chance: Compare / Evaluation, "
            "Confidence.",
        )
        if st.form_submit_button("Save"):
            workspace.update(
                instruction=instruction.strip(),
                search_mode=mode.value,
                top_k=int(k),
                max_new_tokens=int(longest),
                caution=caution,
            )
            state.notify("Saved.")
            st.rerun()


def _model(workspace: Workspace, settings: WorkspaceSettings) -> None:
    st.markdown("**The model of every arm**")
    current = settings.model
    pinned = f", commit {current.revision[:10]}" if current.revision else ""
    st.caption(f"Now: {plain(current.name)} ({KINDS[current.kind].lower()}{pinned})")
    memory = _memory(workspace, current)
    if memory:
        st.caption(memory)
    if not rights.may(Right.REACH):
        st.caption("An administrator chooses another one: models and keys are the whole lab's.")
        return
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
    if choice is not None and choice.kind != "bundled":
        choice = _thinking(choice, own, f"home.model.thinking.{workspace.id}")
    tuned = {}
    if choice is not None and choice.kind == "endpoint":
        tuned = _tuned(choice, settings, f"home.model.tuned.{workspace.id}")
    if choice is None or not st.button("Check and use it", key=f"home.model.{workspace.id}"):
        return
    bar = st.progress(0.0, "Checking")
    with show_errors():
        report = check_model(choice, state.settings())
        if not report.usable:
            raise ModelError(report.problem, report.remedy)
        choice = replace(choice, revision=report.revision)
        tried = _try(choice, bar)
        claims = [check_served(choice, served_name(name)) for name in tuned.values() if name]
        choice = replace(choice, context_tokens=tried.context_tokens if tried else 0)
        workspace.update(model=choice, **tuned)
        approve(workspace, choice)  # also where it is what the workspace came with
        said = [_facts(report), report.memory_text, tried.text if tried else "", *claims]
        state.notify(f"This workspace uses {report.name} now. {' '.join(filter(None, said))}")
        st.rerun()
    bar.empty()


def _thinking(choice: ModelChoice, own: ModelChoice, key: str) -> ModelChoice:
    """Asks whether a model that can is to think before it answers."""
    unset = "as the server has it" if choice.kind == "endpoint" else "off"
    options = {"": unset, "on": "on"} | ({"off": "off"} if choice.kind == "endpoint" else {})
    thinking = st.selectbox(
        "Thinking", list(options), format_func=options.__getitem__,
        index=list(options).index(own.thinking) if own.thinking in options else 0, key=key,
        help="Models such as Qwen3 can think before they answer: often better, many times slower. The "
        "thought is shown folded and not scored. Trained adapters answer without.",
    )  # fmt: skip
    return replace(choice, thinking=thinking)


def _memory(workspace: Workspace, choice: ModelChoice) -> str:
    """Where the present model runs and what it takes; nothing that would ask a server or the hub."""
    if choice.kind not in ("bundled", "folder") or not is_approved(workspace, choice):
        return ""
    if not rights.may(Right.REACH):
        return ""
    return plain(check_model(choice, state.settings()).memory_text)


def _try(choice: ModelChoice, bar: DeltaGenerator) -> Trial | None:
    """Asks a model once before it is used; the bundled one is known."""
    if choice.kind == "bundled":
        return None
    return try_model(
        choice, state.settings(), lambda share, text: bar.progress(share, text=plain(text))
    )


def _choice(kind: str, current: ModelChoice, key: str) -> ModelChoice | None:
    if kind == "bundled":
        st.caption("Comes with the lab: small, quick on two cores, with a reading adapter.")
        better = [row for row in suggestions(state.settings()) if row[2]]
        if better:
            item, needed, _ = better[-1]
            st.caption(
                f":material/lightbulb: This machine has room for {item.name} from the hub: "
                f"{_about(item.parameters, needed)}, {item.parameters / 135e6:.0f} times the "
                "work a word. Larger models read and write better; how much on your documents, an "
                "evaluation tells."
            )
        return ModelChoice()
    if kind == "hub":
        return _hub(key)
    if kind == "folder":
        name = st.text_input("Folder", current.name, placeholder="~/models/my-model")
        return ModelChoice("folder", name.strip()) if name.strip() else None
    st.caption(":material/cloud_upload: Questions and passages are sent to this address.")
    presets = {preset.name: preset for preset in PRESETS}
    chosen = st.pills("Kind of server", list(presets), key=f"{key}.preset")
    if chosen:
        preset = presets[chosen]
        st.caption(f"A tuned model is {preset.tuned} there.")
        current = replace(current, url=current.url or preset.url)
    return endpoint_fields(current, f"{key}.{chosen}" if chosen else key)


def _hub(key: str) -> ModelChoice | None:
    """A model of the hub: from the short list, by its id, or found by a search."""
    listed = {item.name: (item, needed) for item, needed, _ in suggestions(state.settings())}
    found: dict[str, HubModel] = {}
    text = st.text_input(
        "Search the hub", placeholder="qwen3 instruct", key=f"{key}.search",
        help="Asks the hub for models whose names match. Empty: the short list, which asks nobody.",
    )  # fmt: skip
    if text.strip():
        with show_errors():
            found = {row.name: row for row in resources.hub_search(text.strip())}
            if not found:
                st.caption("Nothing found.")
    name = st.selectbox(
        "Model", [*found] or [*listed], index=None, accept_new_options=True,
        placeholder="owner/model",
        help="Only safetensors are fetched, and no code of the model is run.",
    )  # fmt: skip
    if name in found:
        row = found[name]
        gate = " · its licence has to be accepted on its page first" if row.gated else ""
        st.caption(f"{_about(row.parameters)} · {row.licence or 'licence not stated'}{gate}")
    elif name in listed:
        item, needed = listed[name]
        about = _about(item.parameters, needed)
        st.caption(f"{about} · {item.licence} · {item.note} · tried: {item.tried}")
    return ModelChoice("hub", name) if name else None


def _about(parameters: int, needed: int = 0) -> str:
    size = f"{parameters / 1e6:,.0f} million parameters" if parameters else "size not said"
    return f"{size}, about {needed / 1e9:.1f} GB of memory" if needed else size


def _tuned(choice: ModelChoice, settings: WorkspaceSettings, key: str) -> dict[str, str]:
    """The tuned models of the same connection, for the arms that are trained; a list on request."""
    st.markdown("**Models that were tuned there**")
    found: dict[str, str] = {}
    labels = {"adapter": "Model of the fine-tuned arm", "hybrid_adapter": "Model of the hybrid arm"}
    for column, (field, label) in zip(st.columns(2), labels.items(), strict=True):
        name = column.text_input(
            label, served_name(getattr(settings, field)), placeholder="none", key=f"{key}.{field}"
        )
        if name.strip() or served_name(getattr(settings, field)):
            found[field] = f"{SERVED}{name.strip()}" if name.strip() else ""
    if st.button("List the server's models", key=f"{key}.list", icon=":material/lists:"):
        with show_errors():
            rows = served_models(choice)
            shown = [
                {"Model": m.name, "Tuned from, as it says": m.base or "not said"} for m in rows
            ]
            st.dataframe(shown, hide_index=True, height="content" if len(shown) < 9 else 320)
    return found


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
