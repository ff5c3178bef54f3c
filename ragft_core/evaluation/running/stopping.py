"""Stop when you know: batch by batch, until the winner is clear or nothing is left to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.store.plans import LOOKS_FILE, Plan, folder_of, load_looks
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json


def ask_until_clear(
    workspace: Workspace,
    plan: Plan,
    questions: QuestionSet,
    answer: Callable[[QuestionSet], None],
    stopping: Callable[[], bool],
) -> QuestionSet:
    """Has batches answered and looks after each, and returns what was asked in the end.

    Every look is kept and none is taken twice, so a run that was stopped goes on as if it had not
    been: another look at answers that came since would be one more chance to err.

    Args:
        workspace: Whose run.
        plan: Which one.
        questions: All that may be asked, in their order.
        answer: Gets the answers to a batch that are missing.
        stopping: Whether a person has stopped the run.
    """
    folder = folder_of(workspace, plan.id)
    looks = load_looks(folder)
    for batch in plan.batches(questions)[:-1]:
        size = len(batch.deciding)
        if looks.ended:
            break
        if looks.after and size <= looks.after[-1]:
            continue
        answer(batch)
        if stopping():
            break
        looks = replace(looks, after=(*looks.after, size), ended=_clear(workspace, plan, size))
        write_json(folder / LOOKS_FILE, to_dict(looks))
    return looks.asked(questions)


def _clear(workspace: Workspace, plan: Plan, size: int) -> bool:
    """Whether the first questions name a winner; never while an arm is out for its failures."""
    from ragft_core.evaluation.reports.report import make_verdicts, winner
    from ragft_core.evaluation.reports.results import load_results

    results = load_results(workspace, plan.id, looked_at=size)
    if not all(record.ranked for record in results.records):
        return False
    return winner(*make_verdicts(results)) is not None
