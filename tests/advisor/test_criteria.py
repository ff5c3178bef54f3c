"""The criteria file: what it must hold, and how a broken one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragft_core.advisor import Criteria, load_criteria
from ragft_core.errors import AdvisorError
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace

SEVEN = ["task", "data", "compute", "diversity", "knowledge", "use-case", "training"]

OWN = """
[weights]
need = 2.5

[[criteria]]
id = "carbon"
group = "compute"
question = "Must its energy use be reported?"
why = "Our company reports it."
grade = "T"
[criteria.choices.yes]
label = "Yes"
utility = { prompt = 0.9, long-context = 0.2, rag = 0.7, fine-tuned = 0.6, hybrid = 0.4 }
[criteria.choices.no]
label = "No"
utility = { prompt = 0.8, long-context = 0.8, rag = 0.8, fine-tuned = 0.8, hybrid = 0.8 }
"""


def write_own(workspace: Workspace, text: str) -> Path:
    file = workspace.folder("advisor") / "criteria.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_seven_criteria_of_the_article_are_the_groups(criteria: Criteria) -> None:
    assert [group.id for group in criteria.groups] == SEVEN


def test_each_group_has_exactly_one_headline_question(criteria: Criteria) -> None:
    for group in criteria.groups:
        assert sum(c.headline for c in criteria.of_group(group.id)) == 1, group.id


def test_there_are_enough_questions_and_each_rests_on_a_source(criteria: Criteria) -> None:
    assert len(criteria.criteria) >= 18
    for criterion in criteria.criteria:
        assert criterion.sources, criterion.id
        assert criterion.why, criterion.id
        assert criterion.view, criterion.id


def test_no_criterion_is_graded_better_than_its_best_source(criteria: Criteria) -> None:
    order = "PSD"
    for criterion in criteria.criteria:
        best = min(order.index(criteria.sources[s].grade) for s in criterion.sources)
        assert order.index(criterion.grade) >= best, criterion.id


def test_a_vetoed_strategy_has_no_utility_there(criteria: Criteria) -> None:
    for criterion in criteria.criteria:
        for choice in criterion.choices:
            for strategy in choice.veto:
                assert choice.utility[strategy] == 0, (criterion.id, choice.id)


def test_a_workspace_adds_and_reweights(workspace: Workspace, criteria: Criteria) -> None:
    write_own(workspace, OWN)
    own = load_criteria(workspace)
    assert own.get("need").weight == 2.5
    assert own.get("carbon").own
    assert len(own.criteria) == len(criteria.criteria) + 1
    assert own.digest != criteria.digest


def test_a_workspace_may_replace_a_built_in_question(workspace: Workspace) -> None:
    write_own(workspace, OWN.replace('"carbon"', '"audit"'))
    own = load_criteria(workspace)
    assert own.get("audit").question.startswith("Must its energy")


BROKEN = [
    ("not toml", "[[criteria]\n", "line 1", "TOML"),
    ("unknown section", "[wheights]\nneed = 1\n", "line 1", "wheights"),
    ("weight of nothing", "[weights]\nneed = 1\nneeed = 2\n", "line 3", "neeed"),
    ("weight too large", "[weights]\nneed = 9\n", "line 2", "9"),
    ("weight is text", '[weights]\nneed = "much"\n', "line 2", "much"),
    ("utility too large", OWN.replace("prompt = 0.9", "prompt = 1.9"), "line 13", "carbon"),
    ("utility of nobody", OWN.replace("rag = 0.7", "ragg = 0.7"), "line 13", "ragg"),
    (
        "combined unknown",
        OWN.replace("question =", 'combine = "best"\nquestion =', 1),
        "combine",
        "best",
    ),
    ("strategy misspelt", OWN.replace("rag = 0.7", "rags = 0.7"), "line 13", "rags"),
    ("unknown group", OWN.replace('"compute"', '"comput"'), "line 7", "comput"),
    ("unknown key", OWN.replace("why =", "whi ="), "line 9", "whi"),
    ("no grade", OWN.replace('grade = "T"\n', ""), "line 5", "grade"),
    ("graded without a source", OWN.replace('"T"', '"P"'), "line 5", "source"),
    ("one choice", OWN.split("[criteria.choices.no]")[0], "line 5", "two choices"),
    ("no label", OWN.replace('label = "No"\n', ""), "line 14", "label"),
    ("veto without reason", OWN + "veto = { rag = '' }\n", "line 17", "veto"),
    ("twice", OWN + OWN.split("\n\n")[1], "line 17", "twice"),
    ("bad id", OWN.replace('"carbon"', '"Carbon footprint"'), "line 6", "Carbon"),
    ("unknown measurement", OWN.replace("why =", 'measurement = "joy"\nwhy ='), "line 9", "joy"),
    ("sources of another kind", "sources = 3\n", "line 1", "sources"),
]


@pytest.mark.parametrize(
    ("text", "line", "word"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_a_broken_file_is_refused_with_line_and_reason(
    workspace: Workspace, text: str, line: str, word: str
) -> None:
    write_own(workspace, text)
    with pytest.raises(AdvisorError) as caught:
        load_criteria(workspace)
    assert line in caught.value.message
    assert word in caught.value.message
    assert "advisor/criteria.toml" in caught.value.message


def test_a_file_that_is_not_text_is_refused(workspace: Workspace) -> None:
    write_own(workspace, "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AdvisorError, match="UTF-8"):
        load_criteria(workspace)


def test_a_logarithmic_scale_and_its_inverse_agree(criteria: Criteria) -> None:
    kind = criteria.measurements["first_token_s"]
    assert kind.utility(0.3, target=0.3) == 1
    assert kind.utility(2.4, target=0.3) == pytest.approx(0)
    assert kind.value(kind.utility(0.9, target=0.3) or 0, target=0.3) == pytest.approx(0.9)
    assert kind.utility(0.9) is None


def test_every_utility_names_all_strategies(criteria: Criteria) -> None:
    for criterion in criteria.criteria:
        for choice in criterion.choices:
            assert set(choice.utility) == set(Strategy)
