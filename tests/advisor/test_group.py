"""Several people's questionnaires, and the templates that answers may begin with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ragft_core.advisor import (
    Answers,
    Criteria,
    decide,
    export_answers,
    load_answers,
    load_criteria,
    make_record,
    parse_answers,
    prefill,
    render_record,
    save_answers,
)
from ragft_core.advisor.criteria import (
    answer_templates,
    drop_template,
    group_view,
    take_template,
)
from ragft_core.advisor.criteria.answers import Suggestion
from ragft_core.advisor.criteria.group import centroid_weights, kendall_w, topic_ranks
from ragft_core.advisor.criteria.values import MAX_WEIGHT
from ragft_core.errors import AdvisorError
from ragft_core.workspace import Workspace

TOPICS = ("task", "data", "compute", "diversity", "knowledge", "use-case", "training")


@given(st.lists(st.permutations(range(1, 8)), min_size=2, max_size=6))
def test_kendalls_w_is_that_of_friedmans_test(rows: list[list[int]]) -> None:
    ranks = np.array(rows, dtype=float)
    w, p = kendall_w(ranks)
    # W = chi2 / (m (n - 1)); scipy's test wants at least three people for its p alone.
    found = stats.friedmanchisquare(*ranks.T)
    assert w == pytest.approx(found.statistic / (len(rows) * 6))
    assert p == pytest.approx(found.pvalue)


def test_kendalls_w_with_ties_is_scipys_as_well() -> None:
    ranks = stats.rankdata([[1, 2, 2, 3, 4], [2, 2, 1, 3, 3], [1, 3, 2, 4, 4]], axis=1)
    w, _ = kendall_w(ranks)
    assert w == pytest.approx(stats.friedmanchisquare(*ranks.T).statistic / (3 * 4))


def test_the_same_order_by_all_is_full_agreement() -> None:
    assert kendall_w(np.tile(np.arange(1.0, 8.0), (3, 1)))[0] == pytest.approx(1.0)
    assert kendall_w(np.ones((3, 7)) * 4)[0] == 0.0  # nobody ranked anything: no agreement


def test_centroid_weights_are_the_published_ones() -> None:
    found = centroid_weights(np.array([[1.0, 2.0, 3.0, 4.0]]))
    assert found[0] == pytest.approx([0.5208, 0.2708, 0.1458, 0.0625], abs=1e-4)
    tied = centroid_weights(np.array([[1.0, 3.0, 3.0, 3.0]]))
    assert tied[0] == pytest.approx([0.5208, 0.1597, 0.1597, 0.1597], abs=1e-4)


def test_topics_left_out_of_a_ranking_share_what_remains(criteria: Criteria) -> None:
    ranks = topic_ranks(criteria, [("data", "task")])
    assert ranks[0].tolist() == [2, 1, 5, 5, 5, 5, 5]
    assert ranks.sum() == 28


def test_a_majority_answers_and_what_is_open_stays_open(criteria: Criteria) -> None:
    people = [
        Answers({"need": "facts", "latency": "instant"}, who="Ada"),
        Answers({"need": "facts", "latency": "seconds"}, who="Ben"),
        Answers({"need": "both"}, who="Cy"),
    ]
    view = group_view(criteria, people)
    assert view.answers.choices == {"need": "facts"}
    assert [item.criterion for item in view.opinions if item.differs] == ["need", "latency"]
    need = next(item for item in view.opinions if item.criterion == "need")
    assert need.choices == {"facts": ("Ada", "Ben"), "both": ("Cy",)}
    assert view.agreement is None  # nobody ranked
    assert view.answers.weights == {}


def test_what_a_template_or_the_workspace_said_is_nobodys_opinion(criteria: Criteria) -> None:
    taken = take_template(criteria, Answers(who="Ada"), "contract-search")
    seen = Answers({"labels": "some"}, who="Ben", prefilled=("labels",))
    assert group_view(criteria, [taken, seen]).answers.choices == {}


def test_ranks_become_weights_and_move_the_groups_result(criteria: Criteria) -> None:
    people = [
        Answers({"need": "facts"}, who="Ada", ranking=("compute", "training")),
        Answers({"need": "facts"}, who="Ben", ranking=("compute", "data", "training")),
        Answers({"need": "facts"}, who="Cy", ranking=("compute", "training", "data")),
    ]
    view = group_view(criteria, people)
    assert sum(view.weights.values()) == pytest.approx(1.0)
    assert max(view.weights, key=lambda key: view.weights[key]) == "compute"
    assert view.weights["compute"] == pytest.approx(0.3704, abs=1e-4)
    assert max(view.answers.weights.values()) == MAX_WEIGHT
    assert view.agreement
    assert view.agreement.people == ("Ada", "Ben", "Cy")
    assert 0.5 < view.agreement.w < 1
    shares = {c.criterion: c.weight for c in decide(criteria, view.answers).contributions}
    compute = sum(shares[c.id] for c in criteria.of_group("compute"))
    assert compute == pytest.approx(0.3704, abs=1e-4)


def test_the_groups_answers_are_kept_with_their_people(workspace: Workspace) -> None:
    people = [Answers({"need": "facts"}, who="Ada"), Answers({"need": "facts"}, who="Ben")]
    criteria = load_criteria()
    save_answers(workspace, group_view(criteria, people).answers)
    assert load_answers(workspace, criteria).people == ("Ada", "Ben")
    assert "the group of Ada, Ben" in render_record(make_record(workspace))


def test_a_ranking_goes_out_and_comes_in_again(criteria: Criteria) -> None:
    given = Answers({"need": "facts"}, who="Ada", ranking=("data", "task"), template="x")
    assert parse_answers(criteria, export_answers(given)) == given
    odd = parse_answers(criteria, {"choices": {}, "ranking": ["data", "data", "astrology"]})
    assert odd.ranking == ("data",)


@pytest.mark.parametrize("key", list(answer_templates()))
def test_a_template_fits_the_questions_and_leads_somewhere(criteria: Criteria, key: str) -> None:
    found = answer_templates()[key]
    parse_answers(criteria, found.answers)  # every id is known
    taken = take_template(criteria, Answers(), key)
    assert set(taken.assumed) == set(found.answers)
    result = decide(criteria, taken)
    assert result.leader
    assert any(found.title in sentence.text for sentence in result.cautions)


def test_the_templates_are_the_eight_of_the_issue() -> None:
    assert set(answer_templates()) == {
        "support-assistant", "contract-search", "ticket-routing", "report-drafting",
        "code-of-conduct", "product-catalogue", "field-service", "marketing-copy",
    }  # fmt: skip


def test_a_persons_answers_and_what_the_workspace_shows_count_before_a_template(
    criteria: Criteria,
) -> None:
    taken = take_template(criteria, Answers({"need": "both"}), "contract-search")
    assert taken.choices["need"] == "both"
    assert "need" not in taken.assumed
    seen = prefill(taken, [Suggestion("corpus_size", "fits", "context_ratio", 0.2)])
    assert seen.choices["corpus_size"] == "fits"
    assert "corpus_size" not in seen.assumed
    assert "corpus_size" in seen.prefilled


def test_a_second_template_replaces_the_first_and_it_can_be_dropped(criteria: Criteria) -> None:
    first = take_template(criteria, Answers({"need": "both"}), "contract-search")
    second = take_template(criteria, first, "marketing-copy")
    assert "deletion" not in second.choices
    assert drop_template(second).choices == {"need": "both"}
    with pytest.raises(AdvisorError, match="contract-search"):
        take_template(criteria, first, "poetry")


def test_a_record_names_the_answers_of_a_template(workspace: Workspace, criteria: Criteria) -> None:
    save_answers(workspace, take_template(criteria, Answers(), "contract-search"))
    record = make_record(workspace)
    assert record.provenance["questionnaire answered by"] == "nobody yet"
    assert record.provenance["template"].startswith("Contract search, ")
    for form in ("markdown", "html"):
        assert "from the template" in render_record(record, form)
