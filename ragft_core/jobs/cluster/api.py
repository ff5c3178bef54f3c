"""Ray's HTTP interface, as much of it as jobs need; no call takes longer than ``DEADLINE_S``.

Ray itself is not imported: a process that has joined a cluster is ended together with it. The token
is the one that Ray's own variables name, read anew for every call; it is never stored or shown.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragft_core.errors import JobError
from ragft_core.settings import Settings

CONNECT_S, READ_S = 3.0, 5.0
# Names may take long to be looked up, and a body may drip: all together.
DEADLINE_S = 8.0
# A cluster that did not answer is not asked again by every page that is looked at.
REST_S = 20.0
MOST_NAMED = 20
ACTIVE = ("PENDING", "RUNNING")
_failed: dict[str, tuple[float, JobError]] = {}


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, and what it offers."""

    name: str
    cpus: float
    gpus: float
    memory_gb: float
    is_head: bool

    @property
    def offers(self) -> str:
        """What it has, in words."""
        gpus = f", {self.gpus:g} GPUs" if self.gpus else ""
        return f"{self.cpus:g} processors{gpus}, {self.memory_gb:.0f} GB"


@dataclass(frozen=True)
class ClusterJob:
    """A job as Ray sees it: ``state`` is Ray's word, ``message`` its sentence."""

    state: str
    message: str

    @property
    def active(self) -> bool:
        """Whether it waits for a place or runs."""
        return self.state in ACTIVE

    @property
    def waits(self) -> bool:
        """Whether it has no place yet."""
        return self.state == ACTIVE[0]


class Cluster:
    """A Ray cluster by the address of its dashboard, such as ``http://head:8265``."""

    def __init__(self, address: str) -> None:
        self.address = address

    def submit(
        self, name: str, command: str, environment: dict[str, str], cpus: float, gpus: float
    ) -> None:
        """Has a command run on a node that has so much free, now or later.

        Raises:
            JobError: The cluster does not answer, or refuses.
        """
        order = {
            "submission_id": name,
            "entrypoint": command,
            "entrypoint_num_cpus": cpus,
            "entrypoint_num_gpus": gpus,
            # Whoever asks for nothing at all is put on the head, however full that is.
            "entrypoint_memory": 1,
            "runtime_env": {"env_vars": environment},
        }
        self._ask("POST", "/api/jobs/", order)

    def job(self, name: str) -> ClusterJob | None:
        """A job that was submitted; None where the cluster knows none of that name.

        Raises:
            JobError: The cluster does not answer, or refuses.
        """
        said = self._ask("GET", f"/api/jobs/{name}", rest=True)
        if not isinstance(said, dict):
            return None
        return ClusterJob(str(said.get("status")), str(said.get("message") or ""))

    def stop(self, name: str) -> None:
        """Ends a job: SIGTERM, and SIGKILL a few seconds later.

        Raises:
            JobError: The cluster does not answer, or refuses.
        """
        self._ask("POST", f"/api/jobs/{name}/stop")

    def nodes(self) -> list[Node]:
        """The machines that are there now, the head first.

        Raises:
            JobError: The cluster does not answer, or refuses.
        """
        said = self._ask("GET", "/api/v0/nodes?detail=1&limit=1000")
        try:
            rows = said["data"]["result"]["result"]
            found = [_node(row) for row in rows if row["state"] == "ALIVE"]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise JobError(
                f"{self.address} does not answer as Ray does.",
                "RAGFT_RAY is the address of a dashboard, such as http://head:8265.",
            ) from None
        return sorted(found, key=lambda node: (not node.is_head, node.name))

    def text(self) -> str:
        """The cluster and its machines in a sentence, or why nothing is known of them."""
        try:
            nodes = self.nodes()
        except JobError as error:
            return str(error)
        each = ", ".join(f"{node.name} ({node.offers})" for node in nodes[:MOST_NAMED])
        more = f" and {len(nodes) - MOST_NAMED} more" if len(nodes) > MOST_NAMED else ""
        return f"Jobs run on the Ray cluster at {self.address}: {each}{more}."

    def _ask(self, method: str, path: str, body: Any = None, rest: bool = False) -> Any:
        """The JSON of an answer, None for one that is not there (404).

        With ``rest`` a cluster that has just failed is not asked again.
        """
        until, error = _failed.get(self.address, (0.0, JobError("")))
        if rest and time.monotonic() < until:
            raise error
        try:
            answer = _bounded(method, self.address + path, body)
        except JobError as failure:
            _failed[self.address] = time.monotonic() + REST_S, failure
            raise
        _failed.pop(self.address, None)
        return answer


def cluster_of(settings: Settings) -> Cluster | None:
    """The cluster that is set, if any."""
    return Cluster(settings.ray) if settings.ray else None


def _bounded(method: str, url: str, body: Any) -> Any:
    """One request, on a thread that is left behind when it takes too long."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(_request(method, url, body))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    if not found:
        raise _silent(url, f"no answer within {DEADLINE_S:.0f} s")
    if isinstance(found[0], JobError):
        raise found[0]
    if isinstance(found[0], Exception):
        raise _silent(url, type(found[0]).__name__)
    return found[0]


def _request(method: str, url: str, body: Any) -> Any:
    import httpx

    token = _token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    answer = httpx.request(method, url, json=body, headers=headers, timeout=timeout)
    if answer.status_code in (401, 403):
        raise JobError(
            f"The Ray cluster at {_place(url)} refuses this lab's token ({answer.status_code}).",
            "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the cluster's own.",
        )
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        raise JobError(
            f"The Ray cluster at {_place(url)} answered {answer.status_code}: {answer.text[:200]}",
            "Its logs say more; 'doctor' names the cluster and its nodes.",
        )
    return answer.json()


def _silent(url: str, why: str) -> JobError:
    return JobError(
        f"The Ray cluster at {_place(url)} does not answer ({why}).",
        "Start it, check RAGFT_RAY, or unset RAGFT_RAY to run jobs on this machine.",
    )


def _place(url: str) -> str:
    return "/".join(url.split("/")[:3])


def _token() -> str:
    """What Ray's variables say, in Ray's order; empty where the cluster asks for none."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return ""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    try:
        return file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _node(row: dict[str, Any]) -> Node:
    offers = row["resources_total"]
    return Node(
        str(row["node_name"]),
        float(offers.get("CPU", 0)),
        float(offers.get("GPU", 0)),
        float(offers.get("memory", 0)) / 1e9,
        bool(row["is_head_node"]),
    )
