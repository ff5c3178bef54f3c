"""Writes docs/glossary.md from the pages' glossary: ``python -m tests.glossary_page``."""

from __future__ import annotations

from pathlib import Path

from pages.ui.words.glossary import meanings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "glossary.md"
ABOUT = "As **Words** beside each page's title has them, those of the page first."


def glossary_page() -> str:
    """All words in the order of the alphabet, as Markdown."""
    words = sorted(meanings().items(), key=lambda item: item[0].lower())
    lines = "\n".join(f"- **{word}**: {says}" for word, says in words)
    return f"# What the words mean\n\n{ABOUT}\n\n{lines}\n"


if __name__ == "__main__":
    PAGE.write_text(glossary_page(), encoding="utf-8")
