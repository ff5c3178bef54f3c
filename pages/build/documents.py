import streamlit as st

from pages.build.parts import changing, searching, uploads
from pages.build.parts import documents as document_views
from pages.ui import components, resources, state
from pages.ui.errors import show_errors
from pages.ui.waiting import work
from ragft_core.documents import is_guessed
from ragft_core.knowledge import MODE_WORDS, documents, list_versions

VIEWS = {"chunks": "Chunks", "text": "Text"}

components.page_header(
    "Documents",
    "What the RAG arms read from. Files are split into chunks, embedded and indexed on this "
    "machine.",
    "documents",
)
workspace = components.require_workspace()
with show_errors():
    # One block whatever it shows: what stands below keeps its place, and a question half typed
    # there survives the run in which the outcome of an upload appears.
    with st.container():
        uploads.form(workspace)
        uploads.jobs(workspace)

    found = documents(workspace)  # after the jobs: what one added that has ended is among them
    if not found:
        components.empty_state(
            "No documents yet.",
            "Add some above, or open a sample workspace on Home to look around.",
            components.HOME,
        )
        if list_versions(workspace):
            changing.versions_section(workspace)
        st.stop()

    st.header(f"Documents ({len(found)})", anchor=False)
    document_views.document_table(found)

    st.header("Try the search", anchor=False)
    asked, how, many = st.columns([4, 2, 1], vertical_alignment="bottom")
    question = asked.text_input(
        "Question", key="documents.question", placeholder="What would you ask these documents?"
    )
    mode = how.selectbox(
        "Search by", list(MODE_WORDS), format_func=MODE_WORDS.get, key="documents.mode"
    )
    k = many.number_input("Passages", 1, 50, 5, key="documents.k")
    only = st.text_input(
        "Only in", key="documents.only", placeholder="all documents", help=components.FILTER_HELP
    )
    if question.strip():
        with show_errors():
            with st.spinner("Searching"):
                share = workspace.settings().meaning
                base = resources.knowledge(workspace)
                passages = base.search(question, mode, int(k), meaning=share, only=only)
            if not passages:
                st.caption("Nothing was found. Words are found only where they stand.")
            for passage in passages:
                document_views.passage_result(passage, question)

    st.header("Look into a document", anchor=False)
    titles = {document.id: f"{document.title} ({document.file_name})" for document in found}
    chosen = st.selectbox(
        "Document",
        list(titles),
        format_func=components.distinct(titles),
        key="documents.chosen",
        label_visibility="collapsed",
    )
    base = resources.knowledge(workspace)
    document = base.document(chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View",
            list(VIEWS),
            default="chunks",
            required=True,
            format_func=VIEWS.get,
            key="documents.view",
            label_visibility="collapsed",
        )
        if document.encoding or is_guessed(document.warnings):
            with st.popover("Wrong letters?", icon=":material/translate:"):
                document_views.encoding_form(workspace, base, document)
        with st.popover("Delete", icon=":material/delete:"):
            document_views.delete_form(workspace, base, document)
    if view == "text":
        document_views.text_view(base.text(chosen))
    else:
        document_views.chunk_list(base.chunks(chosen), f"documents.page.{chosen}")

with st.expander("Change a fact and see who follows", icon=":material/published_with_changes:"):
    changing.section(workspace, found)
with st.expander("Named versions", icon=":material/bookmarks:"), show_errors():
    changing.versions_section(workspace)
with st.expander("Compare ways of searching", icon=":material/science:"), show_errors():
    searching.lab_section(workspace)
with st.expander("Embedding model", icon=":material/language:"), show_errors():
    searching.embedder_section(workspace)
with st.expander("Tune the search on your examples", icon=":material/tune:"), show_errors():
    searching.tuning_section(workspace)
with st.expander("Maintenance", icon=":material/build:"):
    st.caption(
        "Builds the search index again from the documents' texts: after a change of the "
        "embedding model, or when the index is damaged. Nothing is lost."
    )
    if st.button("Rebuild the index", key="documents.rebuild"):
        with show_errors():
            base = resources.knowledge(workspace)
            n_chunks = work.done(
                f"rebuild.{workspace.path}",
                lambda told: base.rebuild(
                    lambda name, stage, share: told(share, f"{name}: {stage}")
                ),
            )
            state.notify(f"The index was rebuilt: {n_chunks} chunks.")
            st.rerun()
