"""The documents for contributors name files and functions that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["CONTRIBUTING.md", "README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
CORE = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "ragft_core").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:ragft_core|tests|docs|pages|\.ci)/[\w./-]+)`", text))
    named |= set(re.findall(r"\]\(([\w./-]+)\)", text))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_function_that_the_engines_page_names_exists() -> None:
    text = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(?:\w+\.)*(\w+_\w+|[A-Z]\w+)(?:\.py)?`", text))
    modules = {path.stem for path in (ROOT / "ragft_core").rglob("*.py")}
    missing = [n for n in sorted(names) if n not in modules and f" {n}" not in CORE]
    assert missing == []
