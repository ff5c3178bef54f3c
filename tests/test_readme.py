"""The README's commands are the ones that work."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from ragft_core.commands import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_gate_runs_the_readmes_test_command() -> None:
    command = re.search(r"## Test\n\n {4}(.+)\n", README)
    assert command is not None
    assert command.group(1) in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_command_of_the_readme_exists() -> None:
    shown = set(re.findall(r"python -m ragft_core (\w+)", README))
    listed = CliRunner().invoke(app, ["--help"], terminal_width=200).output
    assert shown
    assert [name for name in sorted(shown) if f" {name} " not in listed] == []


def test_the_file_tree_is_the_real_one() -> None:
    tree = README.split("## The files")[1].split("## Contributing")[0]
    for name in re.findall(r"^ {6}(\w+)/ ", tree, flags=re.MULTILINE):
        inside = (ROOT / "ragft_core" / name, ROOT / "pages" / name)
        assert any(path.is_dir() for path in inside), name


def test_the_pictures_exist() -> None:
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / name).is_file(), name
