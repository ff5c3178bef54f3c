"""Recipes and the founding article's table."""

from __future__ import annotations

import json

import pytest

from ragft_core.advisor import (
    Answers,
    Criteria,
    Evidence,
    Measurement,
    gather_evidence,
    make_recipe,
    make_record,
    render_record,
    save_record,
)
from ragft_core.advisor.record.article import NOT_MEASURED, article_points, article_table
from ragft_core.advisor.record.assignments import assign, load_assignments
from ragft_core.advisor.record.cards import strategy_cards
from ragft_core.errors import AdvisorError
from ragft_core.evaluation.reports.claims import ClaimCheck, Holding, citation
from ragft_core.finetuning import save_examples
from ragft_core.types import Example, Split, Strategy
from ragft_core.workspace import Workspace
from tests.advisor.reports import report, store

PAGES = {"documents", "examples", "finetune", "chat", "evaluation", "advisor"}


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_has_a_way_to_go(workspace: Workspace, strategy: Strategy) -> None:
    recipe = make_recipe(workspace, strategy, gather_evidence(workspace))
    assert len(recipe.steps) >= 3
    assert {step.page for step in recipe.steps} <= PAGES
    assert not any(step.done for step in recipe.steps)
    json.dumps(recipe.configuration, allow_nan=False)


def test_steps_are_done_when_the_workspace_shows_it(workspace: Workspace) -> None:
    rows = [Example(f"t{i}", f"Q{i}?", "A") for i in range(50)]
    rows += [Example(f"x{i}", f"X{i}?", "A", split=Split.TEST) for i in range(60)]
    save_examples(workspace, rows)
    recipe = make_recipe(workspace, Strategy.FINE_TUNED, gather_evidence(workspace))
    done = [step.text for step in recipe.steps if step.done]
    assert len(done) == 2
    assert "60 test questions" in done[0]
    assert "50 good examples" in done[1]


def test_measuring_means_both_the_strategy_and_the_bare_prompt(workspace: Workspace) -> None:
    def measured(*strategies: Strategy) -> bool:
        rows = [Measurement("accuracy", 0.5, 0.4, 0.6, 60, "e", s) for s in strategies]
        recipe = make_recipe(workspace, Strategy.RAG, Evidence(measurements=tuple(rows)))
        return next(step for step in recipe.steps if "against the prompt" in step.text).done

    assert not measured(Strategy.RAG)
    assert measured(Strategy.RAG, Strategy.PROMPT)


def test_keeping_a_record_is_done_until_the_numbers_change(workspace: Workspace) -> None:
    def kept() -> bool:
        recipe = make_recipe(workspace, Strategy.RAG, gather_evidence(workspace))
        return next(step for step in recipe.steps if step.key == "record").done

    assert not kept()
    record = make_record(workspace, Answers({"need": "facts"}))
    assert record.recipe
    assert record.recipe.steps[-1].done  # who reads it sees that it was kept
    save_record(workspace, record)
    assert kept()
    store(workspace, report())
    assert not kept()
    save_record(workspace, make_record(workspace, Answers({"need": "facts"})))
    assert kept()


def test_a_step_has_an_owner_and_a_day_that_the_record_keeps(workspace: Workspace) -> None:
    assign(workspace, "tests", owner="  Ada  Byron ", due="2027-01-31")
    assign(workspace, "tests", due="2027-02-28")
    steps = make_recipe(workspace, Strategy.RAG, Evidence()).steps
    assert len({step.key for step in steps}) == len(steps)
    assert (steps[0].owner, steps[0].due) == ("Ada Byron", "2027-02-28")
    record = make_record(workspace, Answers({"need": "facts"}))
    for form in ("markdown", "html"):
        assert "Ada Byron, by 2027-02-28" in render_record(record, form)
    assign(workspace, "tests", owner="", due="")
    assert load_assignments(workspace) == {}


def test_a_day_that_is_none_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    assign(workspace, "tests", owner="Ada")
    with pytest.raises(AdvisorError, match="next week"):
        assign(workspace, "tests", due="next week")
    assert load_assignments(workspace)["tests"].owner == "Ada"


def test_every_strategy_has_a_card_with_sources_that_exist(criteria: Criteria) -> None:
    cards = strategy_cards()
    assert set(cards) == set(Strategy)
    for card in cards.values():
        assert card.not_when
        assert card.fails
        assert set(card.sources) <= set(criteria.sources)


def test_the_configuration_holds_what_the_strategy_needs(workspace: Workspace) -> None:
    evidence = Evidence()
    rag = make_recipe(workspace, Strategy.RAG, evidence).configuration
    tuned = make_recipe(workspace, Strategy.FINE_TUNED, evidence).configuration
    assert rag["retrieval"] == {
        "mode": "hybrid",
        "passages": 3,
        "bundled_reader": True,
        "selects_among_answers": True,
    }
    assert "adapter" not in rag
    assert tuned["adapter"]["start_with"]["preset"] == "balanced"


def test_a_configuration_names_no_path_of_this_machine(workspace: Workspace) -> None:
    import dataclasses

    model = dataclasses.replace(workspace.settings().model, kind="folder", name="/home/x/m/Llama/")
    workspace.update(model=model)
    made = make_recipe(workspace, Strategy.RAG, Evidence()).configuration
    assert made["model"]["name"] == "Llama"
    assert "/home" not in json.dumps(made)


def test_the_articles_table_has_the_seven_criteria(criteria: Criteria) -> None:
    rows = article_table(criteria, Evidence())
    assert [row.group for row in rows] == [group.id for group in criteria.groups]
    assert all(row.contested for row in rows)
    measured = [row.measured_rag + row.measured_fine_tuned for row in rows]
    assert all(NOT_MEASURED in text for text in measured if text)
    assert {row.holding for row in rows} == {"not tested"}
    assert "GeeksforGeeks" in citation()


def test_the_articles_table_stands_beside_what_was_measured(criteria: Criteria) -> None:
    right = Measurement("accuracy", 0.43, 0.31, 0.55, 60, "e", Strategy.RAG)
    rows = article_table(criteria, Evidence(measurements=(right,), facts={"documents": 4.0}))
    by = {row.group: row for row in rows}
    assert "43 % (31 % to 55 %, n = 60)" in by["task"].measured_rag
    assert NOT_MEASURED in by["task"].measured_fine_tuned
    assert by["data"].facts == "documents in the workspace: 4"


def test_a_claim_says_what_the_evaluation_tested_and_otherwise_that_nothing_was(
    criteria: Criteria,
) -> None:
    check = ClaimCheck("diversity", Holding.PARTLY, "Not tested: variety.")
    by = {row.group: row for row in article_table(criteria, Evidence(claims={check.id: check}))}
    assert by["diversity"].holding == "holds in the part that was tested"
    assert by["diversity"].tested == "Not tested: variety."
    assert by["task"].holding == "not tested"
    points = article_points(criteria, Evidence(claims={check.id: check}))
    assert any("Not tested: variety." in point.measured for point in points)


def test_each_side_has_advantages_and_limits(criteria: Criteria) -> None:
    points = article_points(criteria, Evidence())
    kinds = {(point.strategy, point.kind) for point in points}
    assert len(kinds) == 4
    assert all(point.measured for point in points)
