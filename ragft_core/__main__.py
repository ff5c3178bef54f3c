"""The command line: a headless twin of every page.

    python -m ragft_core init demo --sample knowledge
    python -m ragft_core ask demo "How long is the warranty?" --arm rag --json

Every command takes ``--json``. Results go to standard output, errors to standard error with an
exit code of 1. A workspace is named by its id in the home, or by a path.
"""

from __future__ import annotations

import os
import sys

from ragft_core.commands import app
from ragft_core.commands.output import note
from ragft_core.errors import explain
from ragft_core.settings import Settings, keep_private


def main() -> None:
    """Runs a command; an error meant for the user goes to standard error as a sentence."""
    keep_private()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        app()
    except Exception as error:
        note(str(explain(error, Settings().home)))
        sys.exit(1)


if __name__ == "__main__":
    main()
