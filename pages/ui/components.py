"""Parts that two or more pages use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import arms, state
from pages.ui.errors import plain, show_error
from pages.ui.words import glossary
from ragft_core.errors import RagftError
from ragft_core.overview import Damage, find_damage, stamp
from ragft_core.strategies import ArmState, Need
from ragft_core.types import Passage
from ragft_core.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

FILTER_HELP = (
    "Names with `*` and `?` or parts of them, `folder:rules` (with all below it), `type:pdf`, "
    "`since:2026-01-31`, `before:2026-02-28`; a "
    "document has to fit all of it. Empty: all documents."
)
# Page files as st.switch_page and st.page_link know them.
HOME = "start/home.py"
DOCUMENTS = "build/documents.py"
EXAMPLES = "build/examples.py"
FINETUNE = "build/finetune.py"
CHAT = "compare/chat.py"
EVALUATION = "compare/evaluation.py"
ADVISOR = "decide/advisor.py"
PORTFOLIO = "decide/portfolio.py"


def workspace_sidebar() -> None:
    """The workspace picker at the foot of the navigation; shown once there is a workspace."""
    found = {workspace.id: workspace for workspace in state.workspaces()}
    if not found:
        return
    current = state.current_workspace()
    ids = list(found)
    with st.sidebar:
        chosen = st.selectbox(
            "Workspace",
            ids,
            index=ids.index(current.id) if current and current.id in ids else 0,
            format_func=distinct({key: _name(item) for key, item in found.items()}),
            key=f"sidebar.workspace.{current.id if current else ''}.{len(ids)}",
        )
        if current is None or chosen != current.id:
            state.open_workspace(chosen)
            st.rerun()


def distinct(labels: Mapping[str, str]) -> Callable[[str], str]:
    """A label for each key, no two alike: Streamlit picks by label, and names may repeat."""
    counts = Counter(labels.values())

    def label(key: str) -> str:
        name = labels.get(key, "")
        return name if counts[name] <= 1 else f"{name} ({key})"

    return label


def _name(workspace: Workspace) -> str:
    try:
        return workspace.settings().name
    except RagftError:
        return f"{workspace.id} (damaged)"


def page_header(title: str, caption: str, page: str) -> None:
    """Title, one sentence, the words of the page, and the notice left by the last action."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(title, anchor=False, width="stretch")
        glossary.button(page)
    st.caption(caption)
    state.show_notice()


def require_workspace() -> Workspace:
    """The open workspace; without one, or with a damaged one, says so and ends the page."""
    workspace = state.current_workspace()
    if workspace is None:
        empty_state("There is no workspace yet.", "Make one, or open a sample, on Home.", HOME)
        st.stop()
    try:
        workspace.settings()
    except RagftError as error:
        show_error(error)
        st.stop()
    damage_hint(workspace)
    return workspace


@st.cache_data(max_entries=16, show_spinner=False)
def _damage(path: str, stamp: str) -> list[Damage]:
    """What is damaged, looked for again when a file has changed and not with every click."""
    return find_damage(Workspace(Path(path)))


def damage_in(workspace: Workspace) -> list[Damage]:
    """What is damaged in a workspace."""
    return _damage(str(workspace.path), stamp(workspace))


def damage_hint(workspace: Workspace) -> None:
    """One line on every page but Home, where damage is named: what a list leaves out is not lost."""
    n = len(damage_in(workspace))
    if n:
        things = "One damaged thing is" if n == 1 else f"{n} damaged things are"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":orange[:material/warning:] {things} left out.", width="content")
            if st.button("See on Home", type="tertiary", key="damage.home"):
                st.switch_page(HOME)


def empty_state(title: str, text: str, page: str = "", label: str = "") -> None:
    """Says what is missing and leads to the page that provides it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"**{title}**", text_alignment="center")
        st.caption(text, text_alignment="center")
        if page:
            if st.button(label or _PAGE_LABELS[page], type="primary", key=f"go.{page}.{title}"):
                st.switch_page(page)


_PAGE_LABELS = {
    HOME: "Go to Home",
    DOCUMENTS: "Add documents",
    EXAMPLES: "Add examples",
    FINETUNE: "Fine-tune a model",
    CHAT: "Compare in Chat",
    EVALUATION: "Evaluate",
    ADVISOR: "Open the advisor",
}


_LEADS = {
    Need.DOCUMENTS: (DOCUMENTS, "Add documents"),
    Need.EXAMPLES: (EXAMPLES, "Add examples"),
    Need.ADAPTER: (FINETUNE, "Fine-tune a model"),
    Need.LOCAL_MODEL: (HOME, "Choose a model"),
    Need.VERSION: (DOCUMENTS, "See the named versions"),
}


def confirmed(
    label: str, told: str, button: str, key: str, icon: str = ":material/delete:"
) -> bool:
    """A button that first says what will be lost; True once that is agreed to."""
    with st.popover(label, icon=icon):
        st.markdown(told)
        return st.button(button, type="primary", key=key)


def missing_arms(states: Sequence[ArmState]) -> None:
    """Says which arms cannot run yet, and leads to what each needs."""
    for item in states:
        if not item.ready and item.arm.chosen:
            page, label = _LEADS[item.need]
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"**{arms.label(item.arm.id)}** · {item.reason}", width="content")
                st.page_link(page, label=label, icon=":material/arrow_forward:")


def passage_card(passage: Passage, remark: str = "") -> DeltaGenerator:
    """A retrieved passage: where it stands, how it was found and its text.

    Args:
        passage: What was retrieved.
        remark: A sentence about it, shown below.

    Returns:
        The card, for whatever belongs to it.
    """
    chunk = passage.chunk
    where = [plain(passage.document_title)]
    if chunk.page:
        where.append(f"page {chunk.page}")
    if chunk.heading and chunk.heading != passage.document_title:
        where.append(plain(chunk.heading))
    card = st.container(border=True)
    with card:
        st.markdown(f":blue-badge[{passage.rank}] **{' · '.join(where)}**")
        document_text(chunk.text)
        facts = [f"score {passage.score:.3f}"] if passage.score else []
        if passage.similarity is not None:
            facts.append(f"similarity {passage.similarity:.2f}")
        if passage.found_by:
            facts.append(f"found by {passage.found_by}")
        st.caption(" · ".join(facts))
        if remark:
            st.caption(remark)
    return card


def document_text(text: str, highlight: bool = False) -> None:
    """Text of a document as it is, with its Markdown headings in bold.

    Args:
        text: Taken from a document; nothing in it is rendered or fetched.
        highlight: Whether to mark it, as the passage that was found.
    """
    lines = []
    for line in text.strip().splitlines():
        bare = line.lstrip("#").strip()
        shown = plain(bare)
        if bare and highlight:
            shown = f":blue-background[{shown}]"
        lines.append(f"**{shown}**" if bare and line.startswith("#") else shown)
    st.markdown("  \n".join(lines))


def duration(seconds: float) -> str:
    """Seconds in words: ``0.4 s``, ``12 s``, ``3 min``, ``1 h 20 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(n_bytes: int) -> str:
    """Bytes in words: ``812 B``, ``14 kB``, ``3.2 MB``."""
    if n_bytes < 1000:
        return f"{n_bytes} B"
    if n_bytes < 1_000_000:
        return f"{n_bytes / 1000:.0f} kB"
    return f"{n_bytes / 1_000_000:.1f} MB"


def moment(stamp: str) -> str:
    """An ISO time as ``22 Nov 2026, 09:30`` in UTC; empty stays empty."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(stamp).strftime("%d %b %Y, %H:%M")
    except ValueError:  # none yet, or one that was damaged
        return stamp
