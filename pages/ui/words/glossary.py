"""The glossary: what the words on a page mean, one click from its title."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui.errors import plain
from pages.ui.people.visit import dialog

FILE = Path(__file__).with_suffix(".toml")


@cache
def meanings() -> dict[str, str]:
    """Every word with what it means, in plain text."""
    return dict(_file()["words"]) | _scores()


def words_on(page: str) -> list[str]:
    """The words of one page, those first that come first on it; ``page`` is its file's name."""
    return [*_file()["pages"][page], *(_scores() if page == "evaluation" else ())]


def button(page: str) -> None:
    """Opens the words of a page beside it, the others below."""
    if st.button("Words", icon=":material/dictionary:", type="tertiary", key="glossary"):
        _shown(page)


@dialog("What the words mean", width="medium")
def _shown(page: str) -> None:
    known, here = meanings(), words_on(page)
    st.markdown(_lines({word: known[word] for word in here}))
    others = {word: known[word] for word in sorted(known, key=str.lower) if word not in here}
    with st.expander("Words of the other pages"):
        st.markdown(_lines(others))


def _scores() -> dict[str, str]:
    """The scores of the evaluation, as they say themselves what they are."""
    from ragft_core.evaluation.scoring import SCORERS  # heavy, and needed by few

    return {scorer.label: scorer.help for scorer in SCORERS}


def _lines(words: dict[str, str]) -> str:
    return "\n\n".join(f"**{plain(word)}**  \n{plain(says)}" for word, says in words.items())


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
