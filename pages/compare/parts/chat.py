"""How a turn of the side-by-side chat is drawn: columns, footers, sources, votes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from string import ascii_uppercase

import streamlit as st

from pages.ui import arms, components
from pages.ui.errors import plain
from pages.ui.finished import origin
from pages.ui.people.visit import dialog
from ragft_core.access import rights
from ragft_core.errors import EvaluationError
from ragft_core.evaluation import list_plans, load_report
from ragft_core.evaluation.questions import KIND_LABELS, Question
from ragft_core.finetuning import list_adapters
from ragft_core.knowledge import documents, list_versions, shelf_of, text_of
from ragft_core.strategies import Conversation, Turn, Vote, save_vote
from ragft_core.types import Answer, Passage
from ragft_core.workspace import Workspace, now

AROUND = 600
MARKS = {
    True: ":green-badge[:material/check: right]",
    False: ":red-badge[:material/close: wrong]",
}


def turn_columns(
    workspace: Workspace,
    turn: Turn,
    vote: Vote | None,
    key: str,
    right: Mapping[str, bool | None] = {},  # noqa: B006 - it is only read
    *,
    timed: bool = True,
) -> None:
    """A finished turn: every answer with its footer; nothing that tells arms apart while blind.

    ``right`` says by arm whether its answer is right, where that is known. ``timed`` tells how long
    an answer took; it says nothing of an answer that waited among many, as in an evaluation.
    """
    hidden = turn.blind and vote is None
    foreign = origin.mark(workspace)
    names = {
        adapter.id: adapter.name + (", made elsewhere" if adapter.id in foreign else "")
        for adapter in list_adapters(workspace)
    }
    for number, column in enumerate(st.columns(len(turn.answers))):
        answer = turn.answers[number]
        # What was said begins at one height in all columns, and what it took ends at one.
        with column.container(border=True, height="stretch", vertical_alignment="distribute"):
            with st.container():
                heading(answer.arm, number, hidden, None if hidden else right.get(answer.arm))
                if answer.error:
                    st.error(plain(answer.error))
                else:
                    if answer.thought:
                        with st.expander("What it thought first", icon=":material/psychology:"):
                            st.markdown(plain(answer.thought))
                    st.markdown(_cited(answer, hidden), help=None if hidden else _holding(answer))
            if not hidden:
                with st.container(gap="xsmall"):
                    _footer(answer, names, timed=timed)
                    _details(workspace, answer, f"{key}.{number}")


def speed_line(workspace: Workspace, turn: Turn) -> None:
    """That arms which answer together slow each other, and how long each takes alone, if measured."""
    if sum(map(whole, turn.answers)) < 2:
        return
    alone, ids = "", [answer.arm for answer in turn.answers]
    with suppress(EvaluationError):  # none has ended yet
        newest = next((plan.id for plan in list_plans(workspace)), "")
        timed = [item for item in load_report(workspace, newest).latency if item.arm in ids]
        medians = ", ".join(f"{arms.label(i.arm)} {components.duration(i.median_s)}" for i in timed)
        alone = (
            f" Asked alone, a whole answer takes: {medians} (median, last evaluation)."
            if timed
            else ""
        )
    st.caption(f":material/timer: These arms answered at the same time, which slows each.{alone}")


def gold_line(question: Question) -> None:
    """What the right answer is, and what the question is about."""
    gold = plain(" or ".join(question.golds)) or "*to decline: the documents do not say*"
    kind = f":gray-badge[{KIND_LABELS[question.kind]}]"
    st.markdown(f":material/flag: **Right answer:** {gold} {kind}")


def heading(arm: str, number: int, hidden: bool, right: bool | None = None) -> None:
    """Which arm answers in a column, or only its letter; and whether it is right, where known."""
    if hidden:
        st.markdown(f"**Answer {ascii_uppercase[number]}**")
        return
    look = arms.look(arm)
    # On a line of its own, so that answers begin at one height whatever the arm is called.
    mark = "" if right is None else f"  \n{MARKS[right]}"
    st.markdown(f":{look.badge}-badge[{look.icon} {look.name}]{mark}")


def _holding(answer: Answer) -> str | None:
    """The passage that holds most of the answer's words, for whoever hovers."""
    if not answer.citations:
        return None
    best = max(answer.citations, key=lambda citation: citation.support)
    passage = next((p for p in answer.passages if p.rank == best.rank), None)
    if passage is None:
        return None
    return f"**{plain(passage.document_title)}**: {_around(passage.chunk.text, answer.text)}"


def _around(text: str, said: str) -> str:
    """What stands around an answer, which is bold; the beginning where it is not there word for word."""
    said = said.strip().rstrip(".")
    at = text.lower().find(said.lower()) if said else -1
    if at < 0:
        return plain(text[:AROUND]) + " …" * (len(text) > AROUND)
    first, ends = max(0, at - AROUND // 2), at + len(said)
    last = max(ends, first + AROUND)
    told = f"{plain(text[first:at])}**{plain(text[at:ends])}**{plain(text[ends:last])}"
    return "… " * (first > 0) + told + " …" * (last < len(text))


def _cited(answer: Answer, hidden: bool) -> str:
    stopped = answer.finish == "cancelled"
    text = plain(answer.text) or "*The model said nothing.*" * (not stopped)
    if stopped:
        text = f"{text} *(stopped)*".strip()
    elif answer.finish == "length":
        text += " *(cut at the limit)*"
    if hidden:
        return text
    return text + "".join(f" :blue-badge[{citation.rank}]" for citation in answer.citations)


def _footer(answer: Answer, names: Mapping[str, str], *, timed: bool) -> None:
    if answer.error or _never_asked(answer):
        return
    decoding = answer.total_s - answer.first_token_s
    parts = [f"first token {answer.first_token_s:.1f} s"] if timed else []
    if timed and decoding > 0 and answer.completion_tokens > 1:
        rate = (answer.completion_tokens - 1) / decoding
        parts.append(f"{rate:.0f} tokens/s" if rate >= 10 else f"{rate:.1f} tokens/s")
    parts.append(f"{answer.prompt_tokens} tokens read, {answer.completion_tokens} written")
    if answer.adapter:
        parts.append(f"adapter {plain(names.get(answer.adapter, answer.adapter))}")
    st.caption(" · ".join(parts) + (f"\n\n{plain(answer.note)}" if answer.note else ""))


def _details(workspace: Workspace, answer: Answer, key: str) -> None:
    if answer.error or _never_asked(answer):
        return
    with st.container(horizontal=True, gap="xsmall"):
        n = len(answer.passages)
        if n and st.button(
            "1 source" if n == 1 else f"{n} sources", icon=":material/menu_book:",
            key=f"{key}.sources", type="tertiary",
        ):  # fmt: skip
            _sources(workspace, answer)
        if st.button(
            "Prompt", icon=":material/visibility:", key=f"{key}.saw", type="tertiary",
            help="What the model saw, token for token",
        ):  # fmt: skip
            _saw(answer)


@dialog("Sources", width="medium")
def _sources(workspace: Workspace, answer: Answer) -> None:
    st.caption(
        "The passages this arm was given, best first. A number behind the answer marks a passage "
        "that holds most of the answer's words."
    )
    cited = {citation.rank: citation.support for citation in answer.citations}
    for passage in answer.passages:
        share = cited.get(passage.rank)
        remark = (
            f"Cited: it holds {100 * share:.0f} % of the answer's content words." if share else ""
        )
        with components.passage_card(passage, remark), st.expander("In its document"):
            _in_document(workspace, passage, answer.named_version)


def _in_document(workspace: Workspace, passage: Passage, version: str) -> None:
    chunk = passage.chunk
    named = [shelf_of(workspace, v) for v in list_versions(workspace) if v.name == version]
    for shelf in (*named, workspace):
        if chunk.document_id in {document.id for document in documents(shelf)}:
            text = text_of(shelf, chunk.document_id)
            break
    else:
        st.caption("This document has been deleted since.")
        return
    components.document_text(text[max(0, chunk.start - AROUND) : chunk.start])
    components.document_text(text[chunk.start : chunk.end], highlight=True)
    components.document_text(text[chunk.end : chunk.end + AROUND])


@dialog("What the model saw", width="medium")
def _saw(answer: Answer) -> None:
    st.caption("The rendered prompt, token for token what the model was given.")
    st.code(answer.prompt, language=None, wrap_lines=True)
    if answer.weighed:
        st.caption(
            "What else might have been answered: the one that the question fits best was taken."
        )
        st.code(answer.weighed, language=None, wrap_lines=True)
    facts = {
        "Model": answer.model,
        "Weights": answer.weights[:16],
        "Adapter": answer.adapter or "none",
        "Index version": "none" if answer.index_version is None else str(answer.index_version),
        "Retrieval": f"{answer.retrieval_s * 1000:.0f} ms",
        "Total": f"{answer.total_s:.2f} s",
        "Ended by": answer.finish,
    }
    if answer.named_version:
        facts["Documents"] = f"the named version {answer.named_version}"
    st.table({"": list(facts), "Value": list(facts.values())}, border="horizontal")


def whole(answer: Answer) -> bool:
    """Whether an answer came to its end; of a stopped one nobody can say how good it is."""
    return not answer.error and answer.finish != "cancelled"


def _never_asked(answer: Answer) -> bool:
    """Whether it was stopped before the model read anything."""
    return answer.finish == "cancelled" and not answer.prompt_tokens


def vote_bar(workspace: Workspace, conversation: Conversation, turn: Turn) -> None:
    """Buttons to say which answer was best, or what was said."""
    vote = conversation.vote_on(turn)
    if vote:
        said = {"tie": "a tie", "all-bad": "all bad"}.get(vote.choice)
        whose = "Your vote" if vote.by == rights.by() else f"Vote of {plain(vote.by)}"
        st.caption(f"{whose}: {said or arms.label(vote.choice)}")
        return
    names = {
        answer.arm: f"Answer {ascii_uppercase[i]}" if turn.blind else arms.label(answer.arm)
        for i, answer in enumerate(turn.answers)
        if whole(answer)
    }
    if len(names) < 2:
        return
    choices = names | {"tie": "Tie", "all-bad": "All bad"}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Which is best?", width="content")
        for choice, name in choices.items():
            if st.button(name, key=f"vote.{turn.id}.{choice}", width="content"):
                cast = Vote(turn.id, choice, tuple(names), now(), turn.blind)
                save_vote(workspace, conversation.id, cast)
                st.rerun()
