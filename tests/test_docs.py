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


def named_tests(page: str) -> list[str]:
    return re.findall(r"`(tests/[\w/]+\.py::\w+)`", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["docs/reliability.md", "SECURITY.md"])
def test_every_test_that_is_named_exists(page: str) -> None:
    named = named_tests(page)
    assert len(named) > 5
    missing = []
    for name in named:
        file, _, function = name.partition("::")
        path = ROOT / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if not re.search(rf"^def {function}\(", text, flags=re.MULTILINE):
            missing.append(name)
    assert missing == []


def test_every_row_of_the_promise_names_its_test() -> None:
    table = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert rows
    assert [row for row in rows if "::test_" not in row] == []


def test_every_function_that_the_engines_page_names_exists() -> None:
    text = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(?:\w+\.)*(\w+_\w+|[A-Z]\w+)(?:\.py)?`", text))
    modules = {path.stem for path in (ROOT / "ragft_core").rglob("*.py")}
    missing = [n for n in sorted(names) if n not in modules and f" {n}" not in CORE]
    assert missing == []
