"""Where the processes of jobs run.

A job's folder is the truth about it; a launcher only starts, watches and ends what fills it. This
machine is one implementation. Another engine is a second one: it keeps its own mark in the folder.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

import ragft_core
from ragft_core.jobs.kinds import Kind
from ragft_core.jobs.process import (
    LOG_FILE,
    PROCESS_FILE,
    is_alive,
    mark_of,
    read_mark,
    terminate,
    write_mark,
)


class Launcher(Protocol):
    """Starts, watches and ends the process of a job, which it knows by the job's folder."""

    def spawn(self, folder: Path, kind: Kind, environment: dict[str, str]) -> None:
        """Starts ``python -m ragft_core.jobs FOLDER`` for a kind of job and returns at once.

        Raises:
            JobError: It cannot be started.
        """

    def is_alive(self, folder: Path) -> bool | None:
        """Whether the process exists; None where none has been marked yet."""

    def stop(self, folder: Path, *, force: bool = False) -> None:
        """Asks the process to end; with ``force``, ends it at once. Nothing if there is none."""

    def forget(self, folder: Path) -> None:
        """Removes the mark of a process that has ended, before another is started."""

    def where(self, folder: Path) -> str:
        """Where it runs, in words; empty on this machine."""

    def end(self, folder: Path) -> str:
        """What the engine says about an end that the process did not write down; often nothing."""


class LocalLauncher:
    """Detached processes on this machine, which outlive whoever started them."""

    def spawn(self, folder: Path, kind: Kind, environment: dict[str, str]) -> None:
        """Starts the process, its output in the folder's log."""
        order = ["--entry", kind.entry, "--queue", kind.queue]
        command = [sys.executable, "-m", "ragft_core.jobs", str(folder), *order]
        with (folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                # Not the workspace: "python -m" puts the current folder on the import path.
                cwd=Path(ragft_core.__file__).resolve().parent.parent,
                start_new_session=True,
            )
        mark = mark_of(process.pid)
        if mark is not None:
            write_mark(folder / PROCESS_FILE, mark)
        # Whoever started it must collect it, or it stays behind as a zombie.
        threading.Thread(target=process.wait, daemon=True).start()

    def is_alive(self, folder: Path) -> bool | None:
        """Whether exactly the marked process still runs here; a copied mark names none."""
        file = folder / PROCESS_FILE
        return is_alive(read_mark(file)) if file.exists() else None

    def stop(self, folder: Path, *, force: bool = False) -> None:
        """SIGTERM; with ``force``, SIGKILL for the process and what it started."""
        mark = read_mark(folder / PROCESS_FILE)
        if mark is not None:
            terminate(mark, force=force)

    def forget(self, folder: Path) -> None:
        """Removes ``process.json``."""
        (folder / PROCESS_FILE).unlink(missing_ok=True)

    def where(self, folder: Path) -> str:
        """Here."""
        return ""

    def end(self, folder: Path) -> str:
        """The system does not tell."""
        return ""


LOCAL: Launcher = LocalLauncher()
