"""How adapters are drawn: which one each arm uses, and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.build.parts.training import ARMS
from pages.ui import components, state
from pages.ui.errors import plain, show_errors
from pages.ui.finished import origin
from pages.ui.people.visit import later
from pages.ui.waiting import work
from ragft_core.finetuning import (
    choose_adapter,
    delete_adapter,
    export_adapter,
    export_model,
    import_adapter,
    rename_adapter,
)
from ragft_core.models.remote import PRESETS, publish_adapter
from ragft_core.types import Adapter, ModelChoice
from ragft_core.workspace import Workspace, WorkspaceSettings

VLLM = next(preset for preset in PRESETS if preset.name == "vLLM")
ONE_MODEL = {"gguf": "GGUF file", "merged": "Model folder"}


def adapters_section(workspace: Workspace, adapters: Sequence[Adapter]) -> None:
    """The adapters, newest first, with the arm that uses each."""
    settings = workspace.settings()
    for adapter in sorted(adapters, key=lambda item: item.created_at, reverse=True):
        card = adapter.card
        used = _is_used(adapter, adapters, settings)
        arm = "hybrid" if adapter.with_context else "fine-tuned"
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(adapter.name)}** · {ARMS[arm].lower()}")
                if used:
                    st.badge("in use", color="green", icon=":material/check:")
                st.caption(components.moment(adapter.created_at))
            loss = card.get("val_loss")
            if loss is not None:
                st.caption(
                    f"Validation loss {card.get('first_val_loss', 0):.2f} to {loss:.2f} · step "
                    f"{card.get('best_step')} · rank {adapter.rank} · "
                    f"{card.get('counts', {}).get('train', 0)} examples · base "
                    f"{plain(str(card.get('base_name', '')))}"
                )
            origin.notice(workspace, adapter.id)
            if card.get("warning"):
                st.caption(f":orange[:material/warning:] {plain(card['warning'])}")
            with st.container(horizontal=True):
                _adapter_actions(workspace, adapter, used)


def bring_in_section(workspace: Workspace) -> None:
    """An adapter that was made elsewhere, checked against the workspace's model."""
    with st.expander("Bring in an adapter made elsewhere", icon=":material/upload:"):
        file = st.file_uploader("A zip with PEFT's files", type="zip", key="finetune.bring")
        arm = st.segmented_control(
            "It is for", ["fine-tuned", "hybrid"], default="fine-tuned", required=True,
            format_func=str.capitalize, key="finetune.bring.arm",
            help="Hybrid: it was trained with passages.",
        )  # fmt: skip
        if file is not None and st.button("Check and add it", key="finetune.bring.add"):
            with show_errors():
                made = work.done(
                    f"import.{file.file_id}",
                    lambda _: import_adapter(
                        workspace, Path(file.name).stem, file.getvalue(), state.settings(),
                        with_context=arm == "hybrid",
                    ),
                    "Checking it against the model",
                )  # fmt: skip
                state.notify(f"The adapter {made.name} is there.")
                st.rerun()


def _one_model(workspace: Workspace, adapter: Adapter) -> None:
    """The base with the adapter merged in, written beside the workspace's other files."""
    st.caption(
        "For programs that know no adapters. What is written is loaded again and its answers are "
        "compared with the adapter's before you get it."
    )
    kind = st.segmented_control(
        "Format", list(ONE_MODEL), default="gguf", required=True, format_func=ONE_MODEL.get,
        key=f"one.kind.{adapter.id}",
    )  # fmt: skip
    ending = {"gguf": ".gguf", "merged": ""}[kind]
    target = workspace.path / "exports" / f"{adapter.id}{ending}"
    if target.exists():
        st.markdown(f"It lies at `{target}`.")
        if target.is_file():
            st.download_button(
                "Download", later(target.read_bytes), target.name, key=f"one.get.{adapter.id}",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
        return
    if st.button("Write and check it", key=f"one.write.{adapter.id}", icon=":material/merge:"):
        with show_errors():
            made = work.done(
                f"export.{target}",
                lambda _: export_model(workspace, adapter.id, kind, target, state.settings()),
                "Merging, writing, loading again, comparing",
            )
            state.notify(
                f"Written, {components.size(made.bytes)}; {made.agreeing} of {made.asked} answers "
                "are the adapter's."
            )
            st.rerun()


def _publish(workspace: Workspace, adapter: Adapter) -> None:
    """Has a server of vLLM's load the adapter from the workspace's folder."""
    st.caption(
        "A vLLM server on the same base loads it while it runs, if it was started with "
        "--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True. It must see this folder."
    )
    said = st.container()  # above the fields, where it is seen on a small screen, too
    model = workspace.settings().model
    url = st.text_input("Address of the server", model.url or VLLM.url, key=f"pub.url.{adapter.id}")
    name = st.text_input("Name there", adapter.id.replace(":", "-"), key=f"pub.name.{adapter.id}")
    variable = st.text_input(
        "Variable that holds its key", model.key_variable, key=f"pub.key.{adapter.id}"
    )
    seen_as = st.text_input(
        "The folder as the server sees it", adapter.path, key=f"pub.path.{adapter.id}"
    )
    if st.button("Publish it", key=f"pub.{adapter.id}", icon=":material/cloud_upload:"):
        with said, show_errors(), st.spinner("The server loads it"):
            server = ModelChoice("endpoint", model.name, url, variable)
            st.success(publish_adapter(server, name, Path(adapter.path), seen_as))


def _is_used(adapter: Adapter, adapters: Sequence[Adapter], settings: WorkspaceSettings) -> bool:
    """Whether the arm uses it: the chosen one, else the newest of its kind."""
    chosen = settings.hybrid_adapter if adapter.with_context else settings.adapter
    alike = [a.id for a in adapters if a.with_context == adapter.with_context]
    return adapter.id == (chosen if chosen in alike else alike[-1])


def _adapter_actions(workspace: Workspace, adapter: Adapter, used: bool) -> None:
    if not used and st.button("Use it", key=f"use.{adapter.id}", icon=":material/check:"):
        with show_errors():
            choose_adapter(workspace, adapter.id)
            st.rerun()
    st.download_button(
        "Take home",
        later(lambda: export_adapter(workspace, adapter.id)),
        file_name=f"{adapter.id}.zip",
        mime="application/zip",
        icon=":material/download:",
        key=f"export.{adapter.id}",
        on_click="ignore",
        help="PEFT's files as a zip; loads with peft.AutoPeftModelForCausalLM.",
    )
    with st.popover("As one model", icon=":material/merge:"):
        _one_model(workspace, adapter)
    with st.popover("Publish", icon=":material/cloud_upload:"):
        _publish(workspace, adapter)
    with st.popover("Rename", icon=":material/edit:"):
        name = st.text_input("Name", adapter.name, max_chars=80, key=f"name.{adapter.id}")
        notes = st.text_area("Notes", adapter.card.get("notes", ""), key=f"notes.{adapter.id}")
        if st.button("Save", key=f"rename.{adapter.id}"):
            with show_errors():
                rename_adapter(workspace, adapter.id, name, notes)
                st.rerun()
    with st.popover("Run card", icon=":material/description:"):
        st.json(adapter.card, expanded=1)
    lost = "The adapter's weights are removed for good; its run and its examples stay."
    if components.confirmed("Delete", lost, "Delete the adapter", f"remove.{adapter.id}"):
        with show_errors():
            delete_adapter(workspace, adapter.id)
            st.rerun()
