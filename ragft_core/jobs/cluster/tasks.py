"""Calls spread over the nodes of the cluster on which this process runs as a job.

Tasks rather than actors: a process that has loaded a model keeps it for the next task, a task whose
process or node is lost is made again elsewhere, and nodes that join are used. What is called must be
repeatable: it computes and returns, and leaves writing to the one who calls.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from ragft_core.errors import JobError, RagftError
from ragft_core.settings import Settings

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")
# Enough that no worker waits while a result is kept, few enough to hold in memory.
AHEAD = 2
RETRIES = 8
LOOK_S = 0.5
# A cluster without room hangs in silence; no single piece of work takes so long.
PATIENCE_S = 1800.0


def spread(
    function: Callable[[A], R],
    work: Iterable[tuple[T, A]],
    *,
    watch: Callable[[T], object] = lambda tag: None,
    gpus: float = 0.0,
) -> Iterator[tuple[T, R]]:
    """Calls a function for each piece of work, several at a time, and yields results in order.

    Args:
        function: A function of a module; argument and result travel between machines.
        work: Pairs of a tag, which stays here, and an argument; taken only as far as needed.
        watch: Called while a result is waited for, with its tag; what it raises ends all.
        gpus: How much of a GPU a call takes.

    Raises:
        JobError: The cluster has no room for a call, or lost one again and again.
        RagftError: What a call raised.
    """
    calls = Calls(function, gpus)
    source, waiting = iter(work), deque[tuple[T, Any]]()
    try:
        while True:
            while len(waiting) < AHEAD * calls.slots:
                piece = next(source, None)
                if piece is None:
                    break
                waiting.append((piece[0], calls.start(piece[1])))
            if not waiting:
                return
            tag, call = waiting[0]
            result = calls.result(call, partial(watch, tag))
            waiting.popleft()
            yield tag, result
    finally:
        for _, call in waiting:
            calls.cancel(call)


class Calls:
    """Calls of one function on the cluster, each started by itself.

    Args:
        function: A function of a module; argument and result travel between machines.
        gpus: How much of a GPU a call takes.

    Raises:
        JobError: The cluster has no room for a call.
    """

    def __init__(self, function: Callable[[A], R], gpus: float = 0.0) -> None:
        self._ray = join()
        self.slots = n_workers(gpus)
        self._task = self._ray.remote(function).options(
            num_cpus=Settings().ray_cpus,
            num_gpus=gpus,
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )

    def start(self, argument: Any) -> Any:
        """Starts a call and returns what it is known by."""
        return self._task.remote(argument)

    def done(self, call: Any) -> bool:
        """Whether it has ended, in whatever way."""
        return bool(self._ray.wait([call], timeout=0)[0])

    def cancel(self, call: Any) -> None:
        """Ends it at once."""
        self._ray.cancel(call, force=True)

    def result(self, call: Any, watch: Callable[[], object] = lambda: None) -> Any:
        """Waits for its end.

        Raises:
            JobError: The cluster lost it again and again, or it does not end.
            RagftError: What the call raised.
        """
        until = time.monotonic() + PATIENCE_S
        while not self._ray.wait([call], timeout=LOOK_S)[0]:
            watch()
            if time.monotonic() > until:
                raise JobError(
                    "The cluster did not finish a piece of work within "
                    f"{PATIENCE_S / 60:.0f} minutes.",
                    "See whether its nodes have room ('doctor' names them), then resume.",
                )
        try:
            return self._ray.get(call)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, RagftError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            raise JobError(
                f"The cluster lost a piece of work {RETRIES + 1} times: "
                f"{(str(error).splitlines() or [type(error).__name__])[0][:200]}",
                "If memory ran short, set RAGFT_RAY_CPUS higher, so that fewer run on one machine; "
                "then resume.",
            ) from None


def n_workers(gpus: float = 0.0) -> int:
    """How many calls the cluster can make at the same time.

    Raises:
        JobError: Not one.
    """
    cpus = Settings().ray_cpus
    nodes = [node for node in join().nodes() if node["Alive"]]
    fits = 0
    for node in nodes:
        offers = node["Resources"]
        places = [offers.get("CPU", 0.0) / cpus] if cpus else []
        places += [offers.get("GPU", 0.0) / gpus] if gpus else []
        fits += int(min(places, default=1.0))
    if not fits:
        raise JobError(
            f"No machine of the cluster offers {cpus:g} processors"
            + (f" and {gpus:g} GPUs." if gpus else "."),
            "Set RAGFT_RAY_CPUS and RAGFT_RAY_GPUS lower, or add a machine.",
        )
    return fits


def join() -> Any:
    """The library, as a member of the cluster that this job's process runs on.

    Raises:
        JobError: It is not installed, or there is no cluster here.
    """
    try:
        import ray
    except ImportError:
        raise JobError(
            "Ray is not installed in the environment of this job.",
            "On every node: pip install -r requirements-scale.txt",
        ) from None
    if not ray.is_initialized():
        try:
            ray.init(address="auto", log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise JobError(
                f"This job's process cannot join the cluster: {error}.",
                "It runs on a node of the cluster only; unset RAGFT_RAY to run jobs here.",
            ) from None
    return ray
