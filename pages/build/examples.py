import streamlit as st

from pages.build.parts import check as check_views
from pages.build.parts import examples as example_views
from pages.ui import components, state
from pages.ui.classifier import classifier_section
from pages.ui.errors import show_errors
from pages.ui.generate_examples import generate_examples_section
from ragft_core.finetuning import load_examples
from ragft_core.finetuning.examples import label_counts

EDIT, TEXT, IMPORT, WRITE = "Table", "What is trained", "Import", "Write from documents"
CHECK, FACTS, CLASSIFY = "Check", "Facts", "Plain classifier"

components.page_header(
    "Examples",
    "Questions with the answers you want. Training learns from some, and others are kept to "
    "test every arm with.",
    "examples",
)
workspace = components.require_workspace()
with show_errors():
    examples = load_examples(workspace)
    if examples:
        example_views.counts(examples)
    views = [EDIT, CHECK, FACTS, TEXT, IMPORT, WRITE] if examples else [IMPORT, WRITE]
    if label_counts(examples):
        views.remove(FACTS)  # labels are shared by many rows and are no facts
        views.append(CLASSIFY)
    # After an import the table is what people want to see.
    if state.get("examples.added") or state.get("examples.view") not in views:
        state.drop("examples.added")
        state.put("examples.view", views[0])
    view = st.segmented_control(
        "View", views, key="examples.view", label_visibility="collapsed", required=True
    )
    if not examples:
        st.caption("There are no examples yet. 50 are a fair start; below 10 nothing is trained.")
    if view == IMPORT:
        example_views.import_section(workspace)
    elif view == WRITE:
        generate_examples_section(workspace)
    elif view == CHECK:
        check_views.check_section(workspace, examples)
    elif view == FACTS:
        check_views.facts_section(workspace, examples)
    elif view == CLASSIFY:
        classifier_section(examples)
    elif view == TEXT:
        example_views.rendered_section(workspace, examples)
    else:
        example_views.edit_section(workspace, examples)
    if examples and st.button("Fine-tune on these examples", icon=":material/model_training:"):
        st.switch_page(components.FINETUNE)
