"""From a workspace to its decision record in one call: what the page keeps and ``report`` prints."""

from __future__ import annotations

from dataclasses import replace

from ragft_core.advisor.cost.inputs import fill_costs
from ragft_core.advisor.criteria.answers import (
    Answers,
    list_stakeholders,
    load_answers,
    with_seen,
)
from ragft_core.advisor.criteria.file import load_criteria
from ragft_core.advisor.criteria.group import GroupView, group_view
from ragft_core.advisor.criteria.values import Criteria
from ragft_core.advisor.deciding.decision import decide
from ragft_core.advisor.deciding.recommendation import Recommendation
from ragft_core.advisor.deciding.simulation import CERTAINTY
from ragft_core.advisor.evidence.gather import Evidence, gather_evidence
from ragft_core.advisor.record.recipes import make_recipe
from ragft_core.advisor.record.record import DecisionRecord, build_record
from ragft_core.workspace import Workspace


def make_record(
    workspace: Workspace,
    answers: Answers | None = None,
    note: str = "",
    certainty: float = CERTAINTY,
) -> DecisionRecord:
    """Decides with all that the workspace knows, and puts the record together; nothing is written.

    Args:
        workspace: Whose decision it is.
        answers: What was answered; the workspace's saved answers where None.
        note: Whatever the author wants to add.
        certainty: How firm the weights are (``decide``).

    Raises:
        RagftError: A file of the workspace is damaged.
    """
    criteria = load_criteria(workspace)
    given = load_answers(workspace, criteria) if answers is None else answers
    evidence = gather_evidence(workspace)
    given = with_seen(criteria, given, evidence.facts)
    result = decide(
        criteria,
        given,
        measurements=evidence.measurements,
        leads=evidence.leads,
        certainty=certainty,
    )
    costs = fill_costs(workspace, evidence, given.choices)
    recipe = make_recipe(workspace, result.leader, evidence) if result.leader else None
    if recipe is not None:  # who reads a record sees that it was kept
        steps = (replace(step, done=step.done or step.key == "record") for step in recipe.steps)
        recipe = replace(recipe, steps=tuple(steps))
    return build_record(workspace, criteria, given, result, evidence, costs, recipe, note)


def decide_together(
    workspace: Workspace, criteria: Criteria, evidence: Evidence
) -> tuple[GroupView, dict[str, Recommendation]]:
    """What several people say, and what follows from the group's answers (``""``) and from each one's.

    Raises:
        RagftError: A file of answers is damaged.
    """
    given = [load_answers(workspace, criteria, who) for who in list_stakeholders(workspace)]
    view = group_view(criteria, given)
    results = {
        answers.who: decide(
            criteria,
            with_seen(criteria, answers, evidence.facts),
            measurements=evidence.measurements,
            leads=evidence.leads,
        )
        for answers in ([view.answers, *given] if given else [])
    }
    return view, results
