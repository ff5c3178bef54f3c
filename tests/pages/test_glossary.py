"""The glossary: every word has a meaning, stands on a page, and opens beside its title."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.ui.words.glossary import meanings, words_on
from ragft_core.workspace import Workspace
from tests.pages.test_frame import open_app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path.stem for room in ("start", "build", "compare", "decide") for path in (ROOT / "pages" / room).glob("*.py")]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_words_and_every_word_a_meaning(page: str) -> None:
    words = words_on(page)
    assert words
    assert [word for word in words if not meanings()[word].endswith(".")] == []
    assert len(set(words)) == len(words)


def test_every_word_is_on_some_page() -> None:
    assert set(meanings()) == {word for page in PAGES for word in words_on(page)}


def test_every_word_is_used_by_the_product() -> None:
    """A word that no page says any more leaves the glossary."""
    sources = [*ROOT.glob("pages/**/*.py"), *ROOT.glob("ragft_core/**/*.py"), *ROOT.glob("ragft_core/**/*.toml")]  # fmt: skip
    said = "\n".join(path.read_text(encoding="utf-8") for path in sources).lower()
    parts = {part for word in meanings() for part in re.sub(r"\(.*\)", "", word).split(", ")}
    assert [part for part in sorted(parts) if part.strip().lower() not in said] == []


def test_the_words_of_the_page_open_beside_its_title(workspace: Workspace) -> None:
    app = open_app().switch_page("build/documents.py").run()
    app.button(key="glossary").click().run()
    assert not app.exception
    shown = "\n".join(str(element.value) for element in app.markdown)
    assert f"**Chunk**  \n{meanings()['Chunk']}" in shown
