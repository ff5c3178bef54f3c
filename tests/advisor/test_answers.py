"""Answers: saved, imported, refused, prefilled, removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from ragft_core.advisor import (
    Answers,
    Criteria,
    export_answers,
    list_stakeholders,
    load_answers,
    parse_answers_text,
    prefill,
    read_answers,
    save_answers,
    suggest_answers,
)
from ragft_core.advisor.criteria import remove_stakeholder
from ragft_core.errors import AdvisorError
from ragft_core.workspace import Workspace
from tests.advisor.conftest import CRITERIA, answer_sets


def test_nothing_saved_is_no_answers(workspace: Workspace, criteria: Criteria) -> None:
    assert load_answers(workspace, criteria) == Answers()


def test_saved_answers_come_back(workspace: Workspace, criteria: Criteria) -> None:
    saved = save_answers(workspace, Answers({"need": "facts"}, {"need": 4.0}, prefilled=("need",)))
    assert saved.saved_at
    assert load_answers(workspace, criteria) == saved


@settings(max_examples=30, deadline=None)
@given(answer_sets())
def test_an_export_can_be_imported(choices: dict[str, str]) -> None:
    text = json.dumps(export_answers(Answers(choices, who="Ada")))
    assert parse_answers_text(CRITERIA, text, "x.json") == Answers(choices, who="Ada")


def test_the_plain_form_of_the_command_line_is_read(criteria: Criteria, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text('{"need": "facts", "labels": "unknown", "style": null}')
    assert read_answers(criteria, file).choices == {"need": "facts"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "line 1"),
        ("[1]", "object"),
        ('{"need": "fact"}', "fact"),
        ('{"neeed": "facts"}', "Did you mean 'need'"),
        ('{"choices": 3}', "choices"),
        ('{"choices": {}, "weights": {"need": 7}}', "7"),
        ('{"choices": {}, "weights": {"joy": 1}}', "joy"),
        ('{"choices": {}, "weights": {"need": true}}', "True"),
        ('{"need": ["facts"]}', "facts"),
        ('{"choices": {}, "weights": 5}', "weights is 5"),
        ('{"choices": {}, "weights": {"need": "much"}}', "much"),
        ('{"choices": {}, "prefilled": 5}', "prefilled is 5"),
        ('{"choices": {}, "who": ["Ann"]}', "who is"),
    ],
)
def test_answers_that_do_not_fit_are_refused(criteria: Criteria, text: str, word: str) -> None:
    with pytest.raises(AdvisorError) as caught:
        parse_answers_text(criteria, text, "x.json")
    assert word in str(caught.value)


def test_a_missing_file_is_named(criteria: Criteria, tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match=r"no-such\.json"):
        read_answers(criteria, tmp_path / "no-such.json")


def test_a_damaged_file_is_refused(workspace: Workspace, criteria: Criteria) -> None:
    (workspace.folder("advisor") / "answers.json").write_text("{")
    with pytest.raises(AdvisorError, match="damaged"):
        load_answers(workspace, criteria)


def test_answers_to_questions_that_are_gone_are_dropped(
    workspace: Workspace, criteria: Criteria
) -> None:
    save_answers(workspace, Answers({"need": "facts", "carbon": "yes", "style": "baroque"}))
    assert load_answers(workspace, criteria).choices == {"need": "facts"}


def test_stakeholders_are_kept_apart(workspace: Workspace, criteria: Criteria) -> None:
    save_answers(workspace, Answers({"need": "facts"}))
    save_answers(workspace, Answers({"need": "both"}, who="Ada Lovelace"))
    assert load_answers(workspace, criteria).choices == {"need": "facts"}
    assert load_answers(workspace, criteria, "Ada Lovelace").choices == {"need": "both"}
    assert list_stakeholders(workspace) == ["Ada Lovelace"]


def test_a_persons_answers_can_be_removed(workspace: Workspace, criteria: Criteria) -> None:
    save_answers(workspace, Answers({"need": "facts"}))
    save_answers(workspace, Answers({"need": "both"}, who="Ada"))
    with pytest.raises(AdvisorError, match="Ada"):
        remove_stakeholder(workspace, "Ben")
    with pytest.raises(AdvisorError):
        remove_stakeholder(workspace, "")  # the workspace's own are not a person's
    remove_stakeholder(workspace, "Ada")
    assert list_stakeholders(workspace) == []
    assert load_answers(workspace, criteria).choices == {"need": "facts"}


def test_facts_suggest_answers(criteria: Criteria) -> None:
    facts = {"train_examples": 120.0, "context_ratio": 2.5, "tunable": 1.0, "documents": 4.0}
    found = {s.criterion: s.choice for s in suggest_answers(criteria, facts)}
    assert found == {
        "labels": "some", "corpus_size": "larger", "tunable": "open", "documents": "good",
    }  # fmt: skip


def test_an_empty_workspace_does_not_suggest_that_nothing_can_be_had(criteria: Criteria) -> None:
    facts = {"documents": 0.0, "train_examples": 0.0, "test_questions": 0.0}
    assert suggest_answers(criteria, facts) == []


def test_every_value_of_a_fact_suggests_one_choice_at_most(criteria: Criteria) -> None:
    for criterion in criteria.criteria:
        rules = [choice.prefill for choice in criterion.choices if choice.prefill]
        for one in rules:
            for two in rules:
                assert one is two or one.below <= two.at_least or two.below <= one.at_least


def test_prefilling_leaves_a_persons_answers_alone(criteria: Criteria) -> None:
    given_by_hand = Answers({"labels": "many"})
    suggestions = suggest_answers(criteria, {"train_examples": 120.0, "context_ratio": 0.1})
    filled = prefill(given_by_hand, suggestions)
    assert filled.choices == {"labels": "many", "corpus_size": "fits"}
    assert filled.prefilled == ("corpus_size",)


def test_prefilling_again_follows_the_workspace(criteria: Criteria) -> None:
    filled = prefill(Answers(), suggest_answers(criteria, {"context_ratio": 0.1}))
    later = prefill(filled, suggest_answers(criteria, {"context_ratio": 5.0}))
    assert later.choices == {"corpus_size": "larger"}
