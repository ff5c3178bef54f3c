"""An optional judge: another model's opinion on each answer, through an endpoint.

It ranks nobody. Its scores are a family of their own, and the report says how often it agrees with
the score that is worked out without it. A reply that cannot be read leaves the answer unscored,
never wrong.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragft_core.errors import RagftError
from ragft_core.evaluation.judging.judge_prompt import (
    judgeable,
    judgement_key,
    read_reply,
    render_judging,
)
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.scoring.scorers import Score
from ragft_core.evaluation.store.answers import keep, stored_answers
from ragft_core.evaluation.store.plans import FOLDER, JUDGEMENT_FILE
from ragft_core.models import Generator
from ragft_core.types import Message, ModelChoice, Request, Sampling
from ragft_core.workspace import Workspace, read_values

SAMPLING = Sampling(max_new_tokens=300)
LOW_PRIORITY = 10
POLL_S = 0.05
# An endpoint that fails so often in a row, each time after its own retries, is not asked again.
FAILURES = 3


@dataclass(frozen=True)
class Judgement:
    """What the judge said of one answer; ``failed`` where it could not be asked."""

    key: str
    value: float | None
    reason: str = ""
    cost: float = 0.0
    failed: bool = False

    @property
    def score(self) -> Score:
        """As a score; without a value the reason says why."""
        return Score(self.value, self.reason)


def ask_judge(
    judge: Generator,
    prompts: Mapping[str, tuple[Message, ...]],
    on_judgement: Callable[[Judgement], None],
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Has every prompt judged, several at a time.

    Args:
        judge: The generator that judges.
        prompts: What to judge, by key.
        on_judgement: Gets each judgement as it comes, failures included.
        stopping: When it comes true, the rest is left.
    """
    running = {
        key: judge.submit(Request(messages, sampling=SAMPLING), priority=LOW_PRIORITY)
        for key, messages in prompts.items()
    }
    failures = 0
    for key, generation in running.items():
        while not generation.done and not stopping():
            time.sleep(POLL_S)
        if stopping() or failures == FAILURES:
            break
        try:
            done = generation.result()
        except RagftError as error:
            failures += 1
            on_judgement(Judgement(key, None, str(error), failed=True))
            continue
        failures = 0
        value, reason = read_reply(done.text)
        on_judgement(Judgement(key, value, reason, done.cost))
    for generation in running.values():
        generation.cancel()


def stored_judgements(folder: Path) -> dict[str, Judgement]:
    """The judgements of a run by key; a later one replaces a failure."""
    rows = read_values(folder / JUDGEMENT_FILE, Judgement)
    return {row.key: row for row in rows}


def known_judgements(workspace: Workspace) -> dict[str, Judgement]:
    """All judgements of a workspace's runs that did not fail, by key."""
    known: dict[str, Judgement] = {}
    for file in workspace.path.glob(f"{FOLDER}/eval-*/{JUDGEMENT_FILE}"):
        known |= {k: row for k, row in stored_judgements(file.parent).items() if not row.failed}
    return known


def judge_answers(
    workspace: Workspace,
    folder: Path,
    choice: ModelChoice,
    questions: Sequence[Question],
    open_judge: Callable[[ModelChoice], Generator],
    on_progress: Callable[[str], None],
    stopping: Callable[[], bool],
) -> None:
    """Has the answers of a run judged that were not judged before, here or in another run.

    Args:
        workspace: Whose runs are looked through.
        folder: The run's folder.
        choice: The judge.
        questions: The run's questions.
        open_judge: Connects to the judge; called only when a judgement is missing.
        on_progress: Gets a line about how far it is.
        stopping: When it comes true, the rest is left.
    """
    asked = {question.id: question for question in questions if judgeable(question)}
    prompts = {}
    for row in stored_answers(folder).values():
        question = asked.get(row.question_id)
        if question and not row.draw and not row.answer.error:
            key = judgement_key(choice, question, row.answer.text)
            prompts[key] = render_judging(question, row.answer.text)
    own = {key for key, row in stored_judgements(folder).items() if not row.failed}
    known = known_judgements(workspace)
    # What another run paid is not paid again.
    taken = [replace(known[key], cost=0.0) for key in prompts if key in known.keys() - own]
    keep(folder / JUDGEMENT_FILE, taken)
    missing = {key: prompt for key, prompt in prompts.items() if key not in known}
    if not missing:
        return
    done = itertools.count(1)

    def on_judgement(judgement: Judgement) -> None:
        keep(folder / JUDGEMENT_FILE, [judgement])
        on_progress(f"{next(done)} of {len(missing)} answers judged")

    on_progress(f"Asking the judge, {choice.name}")
    try:
        judge = open_judge(choice)
    except RagftError as error:  # the scores that need no judge are not held up
        on_judgement(Judgement(next(iter(missing)), None, str(error), failed=True))
        return
    try:
        ask_judge(judge, missing, on_judgement, stopping)
    finally:
        judge.close()
