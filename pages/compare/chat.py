import random

import streamlit as st

from pages.compare.parts import asking, differing
from pages.compare.parts import chat as chat_views
from pages.ui import arms, components, own_arms, resources, state
from pages.ui.errors import plain, show_errors
from ragft_core.evaluation.reports.pairing import Golds
from ragft_core.finetuning import load_examples
from ragft_core.strategies import arm_states, list_conversations, load_conversation
from ragft_core.types import Split
from ragft_core.workspace import new_id

components.page_header(
    "Chat", "One question, every arm side by side, all on the same base model.", "chat"
)
workspace = components.require_workspace()
chat_id = st.query_params.get("chat") or state.get("chat.id")
if not chat_id:
    chat_id = new_id("chat")
state.put("chat.id", chat_id)


with show_errors():
    if differing.walk(workspace):
        st.stop()
    states = arm_states(workspace)
    ready, default = arms.ready_and_chosen(states)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        chosen = st.pills(
            "Arms",
            ready,
            selection_mode="multi",
            default=default,
            wrap=True,
            format_func=arms.choice,
            key=f"chat.arms.{workspace.id}.{len(ready)}",
        )
        with st.popover("Options", icon=":material/tune:"):
            blind = st.toggle(
                "Blind mode",
                key="chat.blind",
                help="Shuffles the columns and hides which is which until you have voted.",
            )
            remember = st.toggle(
                "Remember the conversation",
                key="chat.remember",
                help="Gives each arm its own earlier answers. Small models answer single "
                "questions better.",
            )
            settings = workspace.settings()
            kept = {"reader": settings.reader, "select": settings.select, "top_k": settings.top_k}
            keys = {name: f"chat.{name}.{workspace.id}" for name in kept}
            for name, value in kept.items():
                state.follow(keys[name], value)
            reader = st.toggle(
                "Reading adapter in RAG",
                key=keys["reader"],
                help="The bundled adapter that teaches the small model to answer from passages.",
            )
            select = st.toggle(
                "Select among answers",
                key=keys["select"],
                help="RAG and hybrid read several answers and give the one that the question fits best. "
                "It takes about twice the time.",
            )
            most = max(8, settings.top_k)  # the command line takes more
            k = st.slider("Passages", 1, most, key=keys["top_k"])
            only = st.text_input(
                "Read only", key=f"chat.only.{workspace.id}", placeholder="all documents",
                help=components.FILTER_HELP,
            )  # fmt: skip
            chosen_now = {"reader": reader, "select": select, "top_k": k}
            if chosen_now != kept:
                workspace.update(**chosen_now)
        with st.popover("Own arms", icon=":material/add_circle:"):
            own_arms.section(workspace)
        with st.popover("Conversations", icon=":material/history:"):
            for earlier in list_conversations(workspace)[:12]:
                label = plain(earlier.title[:60])
                if st.button(label, key=f"chat.open.{earlier.id}", type="tertiary"):
                    state.put("chat.id", earlier.id)
                    st.query_params["chat"] = earlier.id
                    st.rerun()
        if st.button("New", icon=":material/add:", key="chat.new"):
            state.put("chat.id", new_id("chat"))
            st.query_params.pop("chat", None)
            st.rerun()
        differing.button(workspace)
    components.missing_arms(states)

    unfinished = asking.unfinished()  # before the turns are read, or it might come between
    conversation = load_conversation(workspace, chat_id)
    golds = Golds(workspace)
    for turn in conversation.turns:
        known, vote = golds.find(turn.question), conversation.vote_on(turn)
        right = {a.arm: golds.grade(known, a) for a in turn.answers} if known else {}
        with st.chat_message("user", avatar=":material/person:"):
            st.markdown(plain(turn.question))
            if known and (vote or not turn.blind):
                chat_views.gold_line(known)
        chat_views.turn_columns(workspace, turn, vote, f"turn.{turn.id}", right)
        chat_views.vote_bar(workspace, conversation, turn)
        if turn is conversation.turns[-1] and (vote or not turn.blind):
            chat_views.speed_line(workspace, turn)

    if unfinished:
        asking.draw_when_kept(unfinished)

    question = st.chat_input("Ask every arm", submit_mode="disable", max_chars=2000)
    if not conversation.turns and not question:
        tests = [row.question for row in load_examples(workspace) if row.split is Split.TEST]
        if tests:
            picks = random.Random(workspace.id).sample(tests, min(4, len(tests)))
            question = st.pills("Try one of your test questions", picks, key=f"chat.try.{chat_id}")
    if question and not chosen:
        st.warning("Choose at least one arm above, then ask again.")
    elif question:
        order = list(chosen)
        if blind:
            random.shuffle(order)
        history = conversation.history() if remember else None
        with asking.kept(workspace, chat_id, question, order, blind) as pending:
            asking.question_row(question)
            st.query_params["chat"] = chat_id
            pending += resources.lab(workspace).ask(question, order, history, only=only)
            asking.stream_columns(pending, blind)
        st.rerun()
