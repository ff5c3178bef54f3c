"""The decision record: everything a decision rested on, kept so that it can be defended later.

A record is one JSON file in the workspace. It holds the whole result with its inputs, so that it
can be read, rendered and compared years later without the workspace as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ragft_core.advisor.cost.inputs import PrefilledCosts
from ragft_core.advisor.cost.model import (
    BREAK_EVENS,
    BreakEven,
    Cost,
    CostInputs,
    break_even,
    cost_table,
)
from ragft_core.advisor.cost.ranges import CostRanges, cost_ranges
from ragft_core.advisor.cost.scenarios import ScenarioCost, load_scenarios, scenario_costs
from ragft_core.advisor.criteria.answers import Answers
from ragft_core.advisor.criteria.values import Criteria, Group, MeasurementKind, Source
from ragft_core.advisor.deciding.recommendation import Recommendation
from ragft_core.advisor.deciding.words import percent
from ragft_core.advisor.evidence.evaluations import EVALUATION
from ragft_core.advisor.evidence.gather import Evidence
from ragft_core.advisor.record.article import ArticleRow, article_table
from ragft_core.advisor.record.provenance import Materials, gather_materials, versions
from ragft_core.advisor.record.recipes import RECORDS, Recipe
from ragft_core.errors import AdvisorError
from ragft_core.evaluation.reports.claims import citation
from ragft_core.jobs import made_elsewhere
from ragft_core.types import Strategy
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import Workspace, new_id, now, write_json

VERSION = 1
_ID = re.compile(r"record-[0-9a-f-]+")


@dataclass(frozen=True)
class AnswerLine:
    """One question of the questionnaire as it was asked and answered; empty is "don't know".

    ``prefilled`` says that the workspace shows it, ``assumed`` that it is a template's.
    """

    criterion: str
    group: str
    question: str
    choice: str
    label: str
    weight: float
    prefilled: bool
    view: str
    contested: str
    sources: tuple[str, ...]
    assumed: bool = False


@dataclass(frozen=True)
class DecisionRecord:
    """A decision with all it rested on."""

    id: str
    created_at: str
    workspace: str
    result: Recommendation
    lines: tuple[AnswerLine, ...]
    groups: tuple[Group, ...]
    sources: tuple[Source, ...]
    kinds: tuple[MeasurementKind, ...]
    article: tuple[ArticleRow, ...]
    article_citation: str
    cost_inputs: CostInputs
    costs: tuple[Cost, ...]
    break_evens: tuple[BreakEven, ...]
    recipe: Recipe | None
    facts: dict[str, float]
    provenance: dict[str, str]
    note: str = ""
    version: int = VERSION
    cost_origin: dict[str, str] = field(default_factory=dict)
    currency: str = ""
    ranges: CostRanges = CostRanges()
    materials: Materials = Materials()
    scenarios: tuple[ScenarioCost, ...] = ()

    def question(self, criterion: str) -> str:
        """The question of a criterion, as it was asked."""
        return next(
            (line.question for line in self.lines if line.criterion == criterion), criterion
        )


@dataclass(frozen=True)
class Change:
    """Something that differs between two records; an empty text is "not there"."""

    topic: str
    what: str
    before: str
    after: str


def build_record(
    workspace: Workspace,
    criteria: Criteria,
    answers: Answers,
    result: Recommendation,
    evidence: Evidence,
    costs: PrefilledCosts | None = None,
    recipe: Recipe | None = None,
    note: str = "",
) -> DecisionRecord:
    """Puts a record together; nothing is written.

    Args:
        workspace: Whose decision it is.
        criteria: What was asked.
        answers: What was answered.
        result: What followed.
        evidence: What was measured, with its provenance.
        costs: The cost inputs with their origin; the defaults where None.
        recipe: The next steps, where a strategy was chosen.
        note: Whatever the author wants to add.
    """
    filled = costs or PrefilledCosts()
    inputs = filled.inputs
    lines = tuple(_line(criteria, answers, result, key) for key in _in_order(criteria))
    measured = {m.id for m in evidence.measurements}
    asked = {c.measurement for c in criteria.criteria if c.measurement}
    return DecisionRecord(
        id=new_id("record"),
        created_at=now(),
        workspace=workspace.settings().name,
        result=result,
        lines=lines,
        groups=criteria.groups,
        sources=tuple(criteria.sources.values()),
        kinds=tuple(k for k in criteria.measurements.values() if k.id in measured | asked),
        article=tuple(article_table(criteria, evidence)),
        article_citation=citation(),
        cost_inputs=inputs,
        costs=tuple(cost_table(inputs, measured_accuracy(evidence))),
        break_evens=tuple(_break_evens(inputs)),
        recipe=recipe,
        facts=dict(evidence.facts),
        provenance={
            **evidence.provenance,
            **_elsewhere(workspace, evidence),
            **versions(workspace, answers, result),
        },
        note=note.strip(),
        cost_origin=dict(filled.origin),
        currency=filled.currency,
        ranges=cost_ranges(filled),
        materials=gather_materials(workspace, evidence.provenance.get(EVALUATION, "")),
        scenarios=tuple(scenario_costs(filled, load_scenarios(workspace, filled))),
    )


def _elsewhere(workspace: Workspace, evidence: Evidence) -> dict[str, str]:
    """Where the measurements were made, if that was another machine."""
    origin = made_elsewhere(workspace)
    known = origin is not None and origin.covers(evidence.provenance.get(EVALUATION, ""))
    return {"measurements and adapters": origin.text} if origin and known else {}


def _in_order(criteria: Criteria) -> list[str]:
    return [c.id for group in criteria.groups for c in criteria.of_group(group.id)]


def _line(
    criteria: Criteria, answers: Answers, result: Recommendation, criterion_id: str
) -> AnswerLine:
    criterion = criteria.get(criterion_id)
    chosen = answers.choice(criterion_id)
    return AnswerLine(
        criterion=criterion.id,
        group=criterion.group,
        question=criterion.question,
        choice=chosen or "",
        label=criterion.choice(chosen).label if chosen else "",
        weight=result.weights[criterion.id],
        prefilled=criterion.id in answers.prefilled,
        view=criterion.view,
        contested=criterion.contested,
        sources=criterion.sources,
        assumed=criterion.id in answers.assumed,
    )


def measured_accuracy(evidence: Evidence) -> dict[Strategy, tuple[float, float, float]]:
    """The measured share of right answers by strategy: value, low, high."""
    found = {strategy: evidence.measured("accuracy", strategy) for strategy in Strategy}
    return {s: (m.value, m.low, m.high) for s, m in found.items() if m is not None}


def _break_evens(inputs: CostInputs) -> list[BreakEven]:
    return [break_even(inputs, one, other) for one, other in BREAK_EVENS]


# ------------------------------------------------------------------------------------ storage


def save_record(workspace: Workspace, record: DecisionRecord) -> None:
    """Keeps a record in the workspace."""
    write_json(workspace.path / "advisor" / RECORDS / f"{record.id}.json", to_dict(record))


def list_records(workspace: Workspace) -> list[str]:
    """Ids of the kept records, newest first."""
    files = (workspace.path / "advisor" / RECORDS).glob("record-*.json")
    return sorted((file.stem for file in files), reverse=True)


def load_record(workspace: Workspace, record_id: str) -> DecisionRecord:
    """Opens a kept record.

    Raises:
        AdvisorError: There is none, or it is damaged.
    """
    file = workspace.path / "advisor" / RECORDS / f"{record_id}.json"
    if not _ID.fullmatch(record_id) or not file.exists():
        raise AdvisorError(f"There is no decision record {record_id!r}.")
    return parse_record(file.read_text(encoding="utf-8"), record_id)


def load_records(workspace: Workspace) -> dict[str, DecisionRecord]:
    """The kept records by id, newest first; damaged ones are left out."""
    return dict(readable(list_records(workspace), lambda key: (key, load_record(workspace, key))))


def newest_record(workspace: Workspace) -> DecisionRecord | None:
    """The newest kept record that can be read; older ones are not opened."""
    for key in list_records(workspace):
        found = readable([key], lambda name: load_record(workspace, name))
        if found:
            return found[0]
    return None


def parse_record(text: str, name: str) -> DecisionRecord:
    """Reads a record from the JSON that ``render_record`` writes.

    Raises:
        AdvisorError: It is not a decision record, or is from a newer version.
    """
    try:
        data = json.loads(text)
        if int(data["version"]) > VERSION:
            raise AdvisorError(
                f"{name} was written by a newer version of the lab.", "Update the lab to open it."
            )
        return from_dict(DecisionRecord, data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AdvisorError(
            f"{name} is not a decision record that can be read: {error}.",
            "Choose the JSON file of a record.",
        ) from None


# --------------------------------------------------------------------------------- comparison


def compare_records(before: DecisionRecord, after: DecisionRecord) -> list[Change]:
    """What changed between two records: the verdict first, then what it rests on."""
    rows = _verdict_changes(before, after)
    old, new = ({line.criterion: line for line in r.lines} for r in (before, after))
    for key in dict.fromkeys([*old, *new]):
        one, two = old.get(key), new.get(key)
        question = (two or one).question  # type: ignore[union-attr]
        labels = [line.label or "don't know" if line else "not asked" for line in (one, two)]
        rows += _row("answer", question, *labels)
        weights = [f"{line.weight:g}" if line else "" for line in (one, two)]
        rows += _row("weight", question, *weights)
    rows += _dict_changes("measurement", _measured(before), _measured(after))
    rows += _dict_changes("provenance", before.provenance, after.provenance)
    return rows


def _verdict_changes(before: DecisionRecord, after: DecisionRecord) -> list[Change]:
    def named(strategy: Strategy | None) -> str:
        return strategy.value if strategy else "no clear winner"

    rows = _row("verdict", "Verdict", named(before.result.verdict), named(after.result.verdict))
    rows += _row("verdict", "Leader", named(before.result.leader), named(after.result.leader))
    shares = [percent(record.result.share) for record in (before, after)]
    rows += _row("verdict", "Share of simulations", *shares)
    scores = [{str(s.strategy): f"{s.score:.2f}" for s in r.result.scores} for r in (before, after)]
    return rows + _dict_changes("score", *scores)


def _measured(record: DecisionRecord) -> dict[str, str]:
    titles = {kind.id: kind.title for kind in record.kinds}
    return {
        f"{titles.get(m.id, m.id)}, {m.strategy}": f"{m.value:.3g} ({m.low:.3g} to {m.high:.3g}, n = {m.n})"
        for m in record.result.measurements
    }


def _dict_changes(topic: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    rows = []
    for key in dict.fromkeys([*before, *after]):
        rows += _row(topic, key, before.get(key, ""), after.get(key, ""))
    return rows


def _row(topic: str, what: str, before: str, after: str) -> list[Change]:
    return [] if before == after else [Change(topic, what, before, after)]
