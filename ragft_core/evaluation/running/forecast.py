"""Before the run: how long it will take on this machine, and what it will be able to show."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from ragft_core.evaluation.protocols import ArmRunner
from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.statistics.looks import look_sizes
from ragft_core.evaluation.statistics.significance import detectable, questions_needed
from ragft_core.evaluation.store.answers import (
    Task,
    answer_tasks,
    spread,
    stored_keys,
    stored_timings,
    timing_tasks,
)
from ragft_core.evaluation.store.plans import FOLDER, Plan
from ragft_core.settings import Settings
from ragft_core.values import InvalidValueError, from_dict, to_dict
from ragft_core.workspace import Workspace, append_jsonl, read_jsonl

EFFORT_FILE = "seconds_per_answer.jsonl"
# Shares of questions on which one of two arms is right and the other wrong, as seen elsewhere.
FEW, MANY = 0.1, 0.4
# Loading the model, the embedder and the index.
LOADING_S = 15.0
PROBED_QUESTIONS = 2


@dataclass(frozen=True)
class Forecast:
    """What a plan will take and can show.

    ``seconds`` is None until this machine was probed. The leads are shares of right answers that
    one arm has over every other, for arms that disagree on few and on many of the ``deciding``
    questions.
    """

    answers: int
    reusable: int
    timings: int
    seconds: float | None
    smallest: tuple[float, float]
    needed_for_10: tuple[int, int]
    needed_for_5: tuple[int, int]
    deciding: int
    arms: int
    stop_early: bool

    @property
    def shows(self) -> str:
        """What a run can tell, in words that invite nobody to ask on until something shows."""
        low, high = (f"{100 * size:.0f}" for size in self.smallest)
        among = "two arms" if self.arms == 2 else f"all {self.arms} arms"
        lead = "the other" if self.arms == 2 else "every other"
        return (
            f"{self.deciding} questions decide among {among}. An arm that truly leads {lead} by "
            f"{low} to {high} points is named winner four times out of five; a smaller lead mostly "
            "ends as too close to call, which is no proof that the arms are equal."
        )

    @property
    def needs(self) -> str:
        """How many questions smaller leads take, and how to choose."""
        ten, five = (f"{a:,} to {b:,}" for a, b in (self.needed_for_10, self.needed_for_5))
        return (
            f"A lead of 10 points takes {ten} questions, one of 5 points {five}, for arms that "
            f"disagree on {100 * FEW:.0f} to {100 * MANY:.0f} % of them, and more where questions share documents. "
            "Settle before the run which lead would change your choice, and do not add questions "
            "afterwards until one shows."
        )

    @property
    def looks(self) -> str:
        """After which questions the run is looked at; empty where it asks all in any case."""
        sizes = look_sizes(self.deciding)[:-1] if self.stop_early else ()
        return (
            f"Looks after {', '.join(map(str, sizes))} questions, and ends where a winner is clear."
            if sizes
            else ""
        )


def estimate_evaluation(
    workspace: Workspace, settings: Settings, plan: Plan, questions: QuestionSet
) -> Forecast:
    """Says what a plan will take and can show, without loading a model."""
    tasks = answer_tasks(workspace, settings, plan, questions)
    timed = timing_tasks(workspace, settings, plan, questions)
    known: set[str] = set()
    for folder in workspace.path.glob(f"{FOLDER}/eval-*"):
        known |= set(stored_keys(folder).values())
        known |= {timing.key for timing in stored_timings(folder)}
    missing = [task for task in tasks if task.key not in known]
    apart = [task for task in timed if task.key not in known]
    n, arms, sequential = len(questions.deciding), len(plan.entrants), plan.stop_early

    def needed(lead: float) -> tuple[int, int]:
        few, many = (
            questions_needed(lead, share, arms, sequential=sequential) for share in (FEW, MANY)
        )
        return few, many

    return Forecast(
        len(tasks),
        len(tasks) - len(missing),
        len(apart),
        _seconds(workspace, missing, apart),
        (
            detectable(n, FEW, arms, sequential=sequential),
            detectable(n, MANY, arms, sequential=sequential),
        ),
        needed(0.1),
        needed(0.05),
        n,
        arms,
        sequential,
    )


def _seconds(workspace: Workspace, missing: list[Task], apart: list[Task]) -> float | None:
    if not missing and not apart:
        return 2.0
    rates = seconds_per_answer(workspace)
    wanted = [task.entrant.arm.id for task in (*missing, *apart)]
    if not set(wanted) <= set(rates):
        return None
    return LOADING_S + sum(rates[arm] for arm in wanted)


@dataclass(frozen=True)
class Effort:
    """What answers took on a machine: seconds each, by arm."""

    machine: str
    seconds: dict[str, float]


def seconds_per_answer(workspace: Workspace) -> dict[str, float]:
    """Seconds per answer of each arm on this machine, from the latest runs; batching included."""
    rates: dict[str, float] = {}
    for row in read_jsonl(workspace.path / FOLDER / EFFORT_FILE, skip_damaged=True):
        with suppress(InvalidValueError):  # without a row the estimate is worse, no more
            effort = from_dict(Effort, row)
            if effort.machine == platform.node():
                rates |= effort.seconds
    return rates


def keep_seconds_per_answer(
    workspace: Workspace, asked: Iterable[tuple[str, float]], seconds: float
) -> None:
    """Keeps what a number of answers took, for later estimates.

    Args:
        workspace: Whose arms were asked.
        asked: The arm of each answer and the time it took by itself, waiting included; the whole
            time is shared out in proportion to these.
        seconds: What all of them took together.
    """
    asked = list(asked)
    counts = Counter(arm for arm, _ in asked)
    own = {arm: sum(s for name, s in asked if name == arm) for arm in counts}
    total = sum(own.values())
    if total <= 0:
        return
    shares = {arm: seconds * own[arm] / total / counts[arm] for arm in counts}
    row = to_dict(Effort(platform.node(), shares))
    append_jsonl(workspace.folder(FOLDER) / EFFORT_FILE, [row])


def probe(workspace: Workspace, lab: ArmRunner, plan: Plan, questions: QuestionSet) -> float:
    """Asks every arm two questions, keeps what they took, and returns the seconds."""
    began = time.monotonic()
    asked: list[tuple[str, float]] = []
    arms = [entrant.arm.id for entrant in plan.entrants]
    for question in spread(questions.ranked, PROBED_QUESTIONS):
        answers = [pending.answer() for pending in lab.ask(question.text, arms)]
        asked += [(answer.arm, answer.total_s) for answer in answers if not answer.error]
    seconds = time.monotonic() - began
    keep_seconds_per_answer(workspace, asked, seconds)
    return seconds
