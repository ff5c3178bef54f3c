"""Drives every command and every page in this process and tells what no person should see."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from streamlit.testing.v1 import AppTest

from ragft_core.__main__ import main
from ragft_core.jobs.launcher import LocalLauncher
from ragft_core.jobs.process import PROCESS_FILE
from ragft_core.workspace import Workspace
from tests.conftest import MODELS
from tests.fakes import ScriptedGenerator
from tests.knowledge.hashing import HashEmbedder

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"
PAGES = (
    "start/home.py", "build/documents.py", "build/examples.py", "build/finetune.py",
    "compare/chat.py", "compare/evaluation.py", "decide/advisor.py",
    "decide/portfolio.py",
)  # fmt: skip
# Those that only look come first: what the others change is no longer the fault alone.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status", "W"), ("documents", "W"), ("examples", "W"), ("adapters", "W"), ("arms", "W"),
    ("runs", "W", "--json"), ("model", "W"), ("search", "W", "How heavy is the Wren?"),
    ("ask", "W", "How heavy is the Wren?"), ("advise", "W"), ("doctor", "W"), ("classify", "W"),
    ("accounts",), ("share", "W"), ("report", "W"), ("add", "W", "FILE"), ("rebuild", "W"), ("examples", "W", "TABLE"),
    ("train", "W", "--arm", "both"), ("evaluate", "W", "--limit", "2"),
    ("evaluate", "W", "--written"), ("resume", "W", "train-20261122-093001-1f2e"),
    ("stop", "W", "train-20261122-093001-1f2e"), ("remove", "W", "wren.txt"),
    ("arms", "W", "--copy", "rag", "--name", "Mine"), ("init", "W"),
    ("adapters", "W", "--rename", "plain", "--name", "Plainer"),
    ("adapters", "W", "--publish", "plain", "--url", "http://127.0.0.1:9/v1"),
    ("examples", "W", "--generate", "2"), ("costs", "W", "--set", "requests=900"),
    ("export", "W", "OUT"), ("retrieve", "W", "--compare"), ("embedder", "W"),
    ("versions", "W"), ("versions", "W", "--name", "Spring"), ("versions", "W", "--restore", "Spring"),
    ("evaluations", "W"), ("adaptive", "W", "--calibrate", "last"), ("workspaces",),
    ("answers", "W", "--template", "contract-search"), ("people", "W"), ("portfolio", "W"),
    ("steps", "W", "--owner", "tests=Ada"), ("answers", "W", "--who", "Ada", "--set", "need=facts"),
    ("reread", "W", "wren.txt"), ("reread", "W", "wren.txt", "--encoding", "cp1252"),
    ("sweep", "W", "--minutes", "1"), ("ship", "W", "SHIP", "--arm", "rag"),
    ("move-index", "W", "local"), ("backup", "BACKUP"), ("restore", "BACKUP"),
    ("change", "W"), ("change", "W", "wren.txt", "--ask", "How heavy?", "--old", "41", "--new", "42"),
)  # fmt: skip
NET = "mistake in the lab itself"


def _no_process(_: LocalLauncher, folder: Path, *__: object) -> None:
    """A job that is to start ends at once: what runs in it has tests of its own."""
    (folder / PROCESS_FILE).write_text("{}", encoding="utf-8")


@contextlib.contextmanager
def without_models(home: Path) -> Iterator[None]:
    """A home with hashed words for meanings and a scripted model: thousands of states in minutes."""

    def embedder(*_: object) -> HashEmbedder:
        return HashEmbedder()

    def generator(*_: object) -> ScriptedGenerator:
        return ScriptedGenerator()

    logging.disable(logging.CRITICAL)
    with (
        patch.dict(os.environ, {"RAGFT_HOME": str(home), "RAGFT_MODELS": str(MODELS)}),
        patch("ragft_core.knowledge.embedders.Embedder", embedder),
        patch("ragft_core.strategies.lab.Embedder", embedder),
        patch("ragft_core.strategies.lab.open_generator", generator),
        patch("ragft_core.strategies.sharing.open_generator", generator),
        patch.object(LocalLauncher, "spawn", _no_process),
    ):
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def command(arguments: Sequence[str]) -> str:
    """The traceback that a command ends with; empty where it ends as it should."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            patch.object(sys, "argv", ["ragft_core", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as end:
        if end.code and not err.getvalue().strip() and not out.getvalue().strip():
            return f"{arguments} failed without a word"
    except BaseException:
        return traceback.format_exc()
    said = out.getvalue() + err.getvalue()
    return said if "Traceback" in said or NET in said else ""


def page(name: str, workspace: Workspace, **query: str) -> str:
    """The traceback that a page shows; empty where it shows none."""
    app = AppTest.from_file(FRAME, default_timeout=60)
    app.query_params["workspace"] = workspace.id
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(name)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            app.run()
    except BaseException:
        return traceback.format_exc()
    shown = [*app.exception, *app.error]
    return "\n".join(
        "\n".join(e.stack_trace) if getattr(e, "stack_trace", None) else str(e.value)
        for e in shown
        if e.type == "exception" or NET in str(e.value)
    )


@dataclass(frozen=True)
class Seen:
    """What went wrong: tracebacks, and what was told as a mistake of the lab itself."""

    tracebacks: dict[str, str]
    netted: dict[str, str]


class Driver:
    """Drives workspaces of one home, and counts what it drives.

    Args:
        home: Where files to add are put.
        some_pages: How many pages a workspace is seen by, chosen by the seed; 0 for all.
        some_commands: The same for commands; ``doctor --mend`` comes after them always.
        seed: Decides which.
    """

    def __init__(
        self, home: Path, some_pages: int = 0, some_commands: int = 0, seed: int = 0
    ) -> None:
        self.commands = self.pages = 0
        self._some, self._lines, self._chance = some_pages, some_commands, random.Random(seed)
        names = {
            "FILE": "new.txt",
            "TABLE": "pairs.csv",
            "OUT": "out.jsonl",
            "SHIP": "ship",
            "BACKUP": "b.zip",
        }
        self._given = {word: str(home / name) for word, name in names.items()}
        Path(self._given["FILE"]).write_text("The Tern weighs 12 kg.", encoding="utf-8")
        table = "question,answer\nHow heavy is the Tern?,12 kg\n"
        Path(self._given["TABLE"]).write_text(table, encoding="utf-8")

    def drive(self, workspace: Workspace, *, pages: bool = True) -> Seen:
        """Shows a workspace to pages and commands."""
        found = {}
        for name, query in self._choose(workspace) if pages else ():
            found[f"page {name}"] = page(name, workspace, **query)
            self.pages += 1
        given = self._given | {"W": str(workspace.path)}
        lines = sorted(
            self._chance.sample(COMMANDS, self._lines or len(COMMANDS)), key=COMMANDS.index
        )
        for line in (*lines, ("doctor", "W", "--mend")):
            found[" ".join(line)] = command([given.get(word, word) for word in line])
            self.commands += 1
        return Seen(
            {what: told for what, told in found.items() if told and NET not in told},
            {what: told for what, told in found.items() if NET in told},
        )

    def _choose(self, workspace: Workspace) -> list[tuple[str, dict[str, str]]]:
        found: list[tuple[str, dict[str, str]]] = [(name, {}) for name in PAGES]
        for name, key, pattern in (
            ("compare/evaluation.py", "eval", "evaluations/eval-*"),
            ("compare/chat.py", "chat", "chats/chat-*"),
        ):
            kept = sorted(workspace.path.glob(pattern))
            found += [(name, {key: kept[0].stem})] if kept else []
        return self._chance.sample(found, self._some) if self._some else found
