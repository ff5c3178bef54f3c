"""The documents for contributors name files and functions that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.commands_page import commands_page
from tests.glossary_page import glossary_page

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["CONTRIBUTING.md", "README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
CORE = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "ragft_core").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:ragft_core|tests|docs|pages|\.ci)/[\w./-]+)`", text))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
FENCES = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The ids that headings have on the site: lower case, words joined by dashes."""
    text = FENCES.sub("", page.read_text(encoding="utf-8"))
    plain = [re.sub(r"[^\w\s-]", "", title).strip().lower() for title in HEADING.findall(text)]
    return {re.sub(r"[-\s]+", "-", title) for title in plain}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    """As strictly as the site's own builder, which the gate does without."""
    here = ROOT / page
    text = FENCES.sub("", here.read_text(encoding="utf-8"))
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (here.parent / name).resolve() if name else here
        inside = here.parent.name != "docs" or there.is_relative_to(ROOT / "docs")
        known = there.exists() and (not anchor or anchor in anchors(there))
        if not (inside and known):
            lost.append(target)
    assert lost == []


def test_the_site_names_every_page_once() -> None:
    named = re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(p.name for p in (ROOT / "docs").glob("*.md"))


def test_the_reference_of_commands_is_what_their_help_says() -> None:
    made = commands_page()
    kept = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert kept == made, "python -m tests.commands_page writes it anew"


def test_the_glossary_is_what_the_pages_say() -> None:
    kept = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert kept == glossary_page(), "python -m tests.glossary_page writes it anew"


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
