import streamlit as st

from pages.build.parts import adapters as adapter_views
from pages.build.parts import curves
from pages.build.parts import runs as run_views
from pages.build.parts import sweeps as sweep_views
from pages.build.parts import training as training_views
from pages.ui import components
from pages.ui.errors import show_errors
from ragft_core.finetuning import list_adapters, list_runs, load_examples
from ragft_core.finetuning.examples import FEWEST
from ragft_core.finetuning.training import list_sweeps
from ragft_core.types import Split

components.page_header(
    "Fine-tune",
    "Trains a LoRA adapter on your examples, in the background; the model itself stays as it is.",
    "finetune",
)
workspace = components.require_workspace()
examples = None
with show_errors():  # damaged examples do not hide the runs
    examples = load_examples(workspace)
with show_errors():
    runs = list_runs(workspace)
    n_train = sum(example.split is Split.TRAIN for example in examples or ())
    if workspace.settings().model.kind == "endpoint":
        components.empty_state(
            "The model of this workspace cannot be fine-tuned here.",
            "It is reached through an endpoint. Choose a local model to train on.",
            components.HOME,
        )
    elif examples is None:
        pass
    elif n_train < FEWEST:
        components.empty_state(
            "There is too little to learn from." if n_train else "There is nothing to learn yet.",
            f"Fine-tuning needs at least {FEWEST} training examples; there are {n_train}. "
            "50 are a fair start.",
            components.EXAMPLES,
        )
    else:
        with show_errors():  # a model that cannot be trained does not hide the runs
            training_views.start_section(workspace, examples)
    sweeps = list_sweeps(workspace)
    if sweeps:
        st.header("Searches", anchor=False)
        sweep_views.sweeps_section(workspace, sweeps)
    if runs:
        st.header("Runs", anchor=False)
        run_views.seeds_section(workspace, runs)
        curves.compare_section(runs)
        run_views.runs_section(workspace, runs)
    # After the runs: what one made that has ended is among them.
    adapters = [adapter for adapter in list_adapters(workspace) if not adapter.bundled]
    if adapters:
        st.header("Adapters", anchor=False)
        adapter_views.adapters_section(workspace, adapters)
        if st.button("Compare in Chat", icon=":material/forum:"):
            st.switch_page(components.CHAT)
    if workspace.settings().model.kind != "endpoint":
        adapter_views.bring_in_section(workspace)
