"""Writes docs/commands.md from the command line's own help: ``python -m tests.commands_page``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from ragft_core.commands import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
CALL = "python -m ragft_core"


def commands_page() -> str:
    """The reference of commands as Markdown: one chapter each, in the order of the help."""
    group = typer.main.get_group(app)
    parts = ["# Commands", app.info.help or "", f"Every command is called as `{CALL} COMMAND`."]
    for name, command in group.commands.items():
        given = [p for p in command.params if p.name != "help"]
        arguments = [_shown(p) for p in given if p.param_type_name == "argument"]
        parts += [f"## {name}", _line(command.help or "")]
        parts.append("    " + " ".join([CALL, name, *arguments]))
        parts.append("\n".join(f"- `{_shown(p)}`: {_line(p.help or '')}" for p in given))
    return "\n\n".join(part for part in parts if part) + "\n"


def _shown(param: Any) -> str:
    """A parameter as it is typed, with what stands for its value."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name).upper()
    flag = getattr(param, "is_flag", False)
    value = "" if flag else f" {param.metavar or 'VALUE'}"
    return "/".join([*param.opts, *param.secondary_opts]) + value


def _line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
