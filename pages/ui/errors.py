"""How errors reach the page: as a sentence, whatever they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui import state
from ragft_core.errors import RagftError, explain

# What Markdown's extensions take for the beginning of an address; an e-mail's is before its "@".
_ADDRESS = re.compile(
    r"\b(?:[a-z]{2,8}:(?=/)|(?:mailto|xmpp):|www(?=\.))|[\w.+-](?=@)", re.IGNORECASE
)


def show_error(error: RagftError) -> None:
    """Shows what is wrong and, below it, what to do."""
    st.error(plain(error.remedy) or "Nothing was changed.", title=plain(error.message))


@contextmanager
def show_errors() -> Iterator[None]:
    """Turns an error into a message on the page, which goes on; see ``errors.explain``."""
    try:
        yield
    except Exception as error:
        show_error(explain(error, state.settings().home))


def plain(text: str) -> str:
    """Text from documents, models or users, so that Markdown shows it as it is.

    Links, images, directives and math would otherwise be rendered, or fetched. Addresses are made
    into links behind the escapes' back, so a word joiner, which is not seen, parts them.
    """
    text = _ADDRESS.sub(lambda found: f"{found[0]}\u2060", text)
    for mark in "\\`*_{}[]<>#$:~|!":
        text = text.replace(mark, f"\\{mark}")
    return text
