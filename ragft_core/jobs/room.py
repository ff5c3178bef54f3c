"""Whether there is room for a job: what it will need against what is free now.

A job that runs out of memory is killed, and may take its neighbours with it; one that runs out of
disk leaves half of what it wanted to write. Both can be told beforehand.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from ragft_core.errors import JobError

# Left free for everything else that writes: logs, status files, the other programs.
SPARE_DISK_MB = 20.0


@dataclass(frozen=True)
class Needs:
    """What a job takes at its peak, in 10^6 bytes; 0 where that is not known or not worth asking."""

    memory_mb: float = 0.0
    disk_mb: float = 0.0


def check_disk(folder: Path, what: str, needs: Needs) -> None:
    """Refuses work that writes more than is free where it writes.

    Args:
        folder: Where it writes.
        what: The work, as the beginning of a sentence.
        needs: What it takes.

    Raises:
        JobError: The disk is too full; the message says how much is needed and free.
    """
    needed, free = needs.disk_mb + SPARE_DISK_MB, shutil.disk_usage(folder).free / 1e6
    if needed > free:
        raise JobError(
            f"{what} needs about {_told(needed)} of disk, and {_told(free)} are free.",
            "Free some space, then try again. Nothing was lost.",
        )


def check_memory(what: str, needs: Needs) -> None:
    """Refuses work that takes more memory than is free now.

    Raises:
        JobError: It does not fit; the message says how much is needed and free.
    """
    free = psutil.virtual_memory().available / 1e6
    if needs.memory_mb > free:
        raise JobError(
            f"{what} needs about {_told(needs.memory_mb)} of memory, and {_told(free)} are free.",
            "Close other programs or wait until other jobs have ended, then resume it. Nothing "
            "was lost.",
        )


def _told(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"
