"""Jobs as jobs of Ray's: which node takes one is Ray's choice, its folder stays the truth about it.

The mark in the folder is the name under which Ray knows the job. Whether a job lives is asked of the
cluster; where that does not answer, the sign of life that the job leaves in its folder counts.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from ragft_core.errors import JobError, RagftError
from ragft_core.jobs.cluster.api import Cluster, ClusterJob
from ragft_core.jobs.kinds import Kind
from ragft_core.jobs.launcher import LOCAL, Launcher
from ragft_core.jobs.process import (
    HEARTBEAT_FILE,
    LOG_FILE,
    PROCESS_FILE,
    STOP_FILE,
    place_of,
    read_mark,
)
from ragft_core.settings import Settings
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import read_json, write_json

MARK = "cluster.json"
# A job gives a sign every other second; a shared disk may show it late.
SILENCE_S = 30.0
# Keys and passwords stay where the nodes have them: Ray shows these values to whoever may look.
SENT = re.compile(r"(RAGFT_(?!KEY)|HF_|PYTHON|TOKENIZERS_)\w*")


@dataclass(frozen=True)
class ClusterMark:
    """A job's name on the cluster; ``place`` is a digest of the folder the mark was written to."""

    name: str
    place: str


class ClusterLauncher:
    """See ``Launcher``. All nodes see the job's folder, and the lab's code, under the same paths."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def spawn(self, folder: Path, kind: Kind, environment: dict[str, str]) -> None:
        """Hands the job to the cluster, its output in the folder's log.

        Raises:
            JobError: The cluster does not answer, or refuses.
        """
        settings = self._settings
        name = f"{folder.name}-{secrets.token_hex(4)}"
        # Ray's places are the queue; only writers of one workspace's documents take turns.
        queue = f"documents-{place_of(folder.parent)}" if kind.queue == "documents" else ""
        order = ["--entry", kind.entry, "--queue", queue]
        command = shlex.join(["python", "-m", "ragft_core.jobs", str(folder), *order])
        sent = {name: value for name, value in environment.items() if SENT.fullmatch(name)}
        sent |= {"RAGFT_HOME": str(settings.home), "RAGFT_MODELS": str(settings.models)}
        # What only spreads its work takes no place from those that do it.
        spreads = kind.spreads or (kind.shared and settings.ray_workers > 1)
        cpus, gpus = (0.0, 0.0) if spreads else (settings.ray_cpus, settings.ray_gpus)
        log = shlex.quote(str(folder / LOG_FILE))
        write_json(folder / MARK, to_dict(ClusterMark(name, place_of(folder))))
        try:
            Cluster(settings.ray).submit(name, f"exec {command} >> {log} 2>&1", sent, cpus, gpus)
        except JobError:
            (folder / MARK).unlink(missing_ok=True)
            raise

    def is_alive(self, folder: Path) -> bool | None:
        """Whether the cluster has it waiting or running; without an answer, whether it shows life."""
        name = _name(folder)
        if not name:
            return None
        try:
            job = self._job(name)
        except JobError:
            return _shows_life(folder)
        if job is None or not job.active:
            return False
        # Ray ends what waits only when its turn comes; nothing of it has begun.
        return not (job.waits and (folder / STOP_FILE).exists())

    def stop(self, folder: Path, *, force: bool = False) -> None:
        """The file ``stop`` is enough for a job that has begun; else, and with ``force``, Ray ends it."""
        name = _name(folder)
        if name and self._settings.ray and (force or not (folder / PROCESS_FILE).exists()):
            Cluster(self._settings.ray).stop(name)

    def forget(self, folder: Path) -> None:
        """Removes ``cluster.json`` and the process's own mark."""
        for file in (MARK, PROCESS_FILE):
            (folder / file).unlink(missing_ok=True)

    def where(self, folder: Path) -> str:
        """The machine that the job's process has named."""
        mark = read_mark(folder / PROCESS_FILE)
        return f"on {mark.host}" if mark else "waits for a free place on the cluster"

    def end(self, folder: Path) -> str:
        """Whether the node, the place or the cluster was lost; empty where Ray knows no more."""
        name = _name(folder)
        try:
            job = self._job(name) if name else None
        except JobError as error:
            return f"{error.message} The job shows no sign of life. Resume it to go on."
        if job is None:
            return "The cluster does not know this job any more. Resume it to go on."
        said = job.message.lower()
        if "node" in said and ("died" in said or "dead" in said or "lost" in said):
            return "The machine of the cluster that it ran on was lost. Resume it to go on."
        if "failed to start within" in said or "could not be scheduled" in said:
            return (
                f"The cluster had no place with {self._settings.ray_cpus:g} processors and "
                f"{self._settings.ray_gpus:g} GPUs free for it. Resume it later, or set "
                "RAGFT_RAY_CPUS and RAGFT_RAY_GPUS lower."
            )
        return ""

    def _job(self, name: str) -> ClusterJob | None:
        if not self._settings.ray:
            raise JobError("The job was started on a Ray cluster, and RAGFT_RAY is not set now.")
        return Cluster(self._settings.ray).job(name)


def launcher_of(folder: Path) -> Launcher:
    """What started the job in a folder, by its mark; of a new one, what the settings name."""
    if (folder / MARK).exists():
        return ClusterLauncher(Settings())
    if (folder / PROCESS_FILE).exists():
        return LOCAL
    settings = Settings()
    return ClusterLauncher(settings) if settings.ray else LOCAL


def _name(folder: Path) -> str:
    """The job's name on the cluster; empty where there is no mark, a damaged or a copied one."""
    try:
        mark = from_dict(ClusterMark, read_json(folder / MARK), MARK)
    except (OSError, ValueError, TypeError, RagftError):
        return ""
    named = re.fullmatch(r"[\w.-]{1,200}", mark.name)
    return mark.name if named and mark.place == place_of(folder) else ""


def _shows_life(folder: Path) -> bool:
    """Whether the job has written its sign of life, or was handed over, a moment ago."""
    times = [
        file.stat().st_mtime for file in (folder / HEARTBEAT_FILE, folder / MARK) if file.exists()
    ]
    return time.time() - max(times, default=0.0) < SILENCE_S
