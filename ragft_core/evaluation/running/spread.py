"""Questions asked on the nodes of a cluster, each with the models loaded once; see ``ArmRunner``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ragft_core.jobs.cluster import Calls
from ragft_core.knowledge import Version, find_version
from ragft_core.settings import Settings
from ragft_core.strategies import Lab, open_lab
from ragft_core.types import Answer, Sampling
from ragft_core.workspace import Workspace

# Questions of one call: enough to keep a batching engine busy, few enough to stop soon.
TOGETHER = 4
AHEAD = 2


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A question to some arms."""

    question: str
    arms: tuple[str, ...]
    sampling: Sampling | None


class _Batch:
    """Questions that are asked in one call, which starts when it is full or waited for."""

    def __init__(self, calls: Calls, place: tuple[str, str]) -> None:
        self._calls, self._place = calls, place
        self.asked: list[_Asked] = []
        self._call: Any = None
        self._answers: list[list[Answer]] | None = None
        self.cancelled = False

    @property
    def open(self) -> bool:
        """Whether it takes another question."""
        return self._call is None and len(self.asked) < TOGETHER

    def start(self) -> None:
        """Sends it to the cluster; nothing the second time."""
        if self._call is None:
            self._call = self._calls.start((self._place, tuple(self.asked)))

    @property
    def done(self) -> bool:
        """Whether its answers are there; whoever asks waits for it, so that it starts."""
        self.start()
        return self._answers is not None or self._calls.done(self._call)

    def answers(self) -> list[list[Answer]]:
        """Waits for the answers."""
        self.start()
        if self._answers is None:
            self._answers = self._calls.result(self._call)
        return self._answers

    def cancel(self) -> None:
        """Ends it at once; what it has is lost, and asked again when the run goes on."""
        if not self.cancelled and self._call is not None:
            self._calls.cancel(self._call)
        self.cancelled = True


class SpreadAnswer:
    """An answer that is made on a node. See ``Pending``."""

    def __init__(self, batch: _Batch, question: int, arm: int) -> None:
        self._batch, self._question, self._arm = batch, question, arm

    @property
    def done(self) -> bool:
        """Whether it is there."""
        return self._batch.done

    def cancel(self) -> None:
        """Ends the call that makes it."""
        self._batch.cancel()

    def answer(self) -> Answer:
        """Waits for it.

        Raises:
            RagftError: The node cannot ask at all, or the cluster lost it again and again.
        """
        return self._batch.answers()[self._question][self._arm]


class SpreadLab:
    """Answers a workspace's questions on the cluster that this job runs on.

    Raises:
        JobError: The cluster has no room.
    """

    def __init__(
        self, workspace: Workspace, settings: Settings, version: Version | None = None
    ) -> None:
        self._place = (str(workspace.path), version.id if version else "")
        self._calls = Calls(_ask, settings.ray_gpus)
        self._batch = _Batch(self._calls, self._place)
        self._arms = 1

    @property
    def in_flight(self) -> int:
        """Answers that keep every worker busy, and as many to follow."""
        return self._calls.slots * AHEAD * TOGETHER * self._arms

    def ask(
        self,
        question: str,
        arms: Sequence[str],
        *,
        sampling: Sampling | None = None,
        priority: int = 0,
    ) -> list[SpreadAnswer]:
        """Adds a question to those that go to a node next."""
        self._arms = max(self._arms, len(arms))
        if not self._batch.open:
            self._batch = _Batch(self._calls, self._place)
        batch = self._batch
        batch.asked.append(_Asked(question, tuple(arms), sampling))
        if not batch.open:
            batch.start()
        return [SpreadAnswer(batch, len(batch.asked) - 1, arm) for arm in range(len(arms))]

    def close(self) -> None:
        """Nothing: the workers end with the job."""


@cache
def _lab(place: str, version: str) -> Lab:
    workspace = Workspace(Path(place))
    return open_lab(workspace, Settings(), find_version(workspace, version) if version else None)


def _ask(order: tuple[tuple[str, str], tuple[_Asked, ...]]) -> list[list[Answer]]:
    place, asked = order
    lab = _lab(*place)
    running = [lab.ask(one.question, one.arms, sampling=one.sampling, priority=1) for one in asked]
    return [[pending.answer() for pending in group] for group in running]
