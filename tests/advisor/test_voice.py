"""The verdict follows the evidence: what was measured outweighs what was guessed."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragft_core.advisor import Measurement, decide, with_seen
from ragft_core.advisor.criteria.answers import Answers, differing
from ragft_core.advisor.deciding.recommendation import Lead
from ragft_core.advisor.deciding.voice import leads_by_intervals, measured_weight
from ragft_core.evaluation.statistics.bootstrap import wilson
from ragft_core.types import Strategy
from tests.advisor.conftest import CRITERIA, answer_sets, weight_sets

quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
TEXTBOOK_TUNING = {
    "need": "behaviour", "labels": "yes", "volume": "high",
}  # fmt: skip


def right(strategy: Strategy, share: float, n: int = 200) -> Measurement:
    return Measurement("accuracy", share, *wilson(share, n), n, "evaluation", strategy)


def textbook() -> dict[str, str]:
    """For every question the answer that speaks most for fine-tuning over RAG, without a must."""
    found = {}
    for criterion in CRITERIA.criteria:
        soft = [c for c in criterion.choices if not c.veto]
        if soft:
            best = max(soft, key=lambda c: c.utility[Strategy.FINE_TUNED] - c.utility[Strategy.RAG])
            found[criterion.id] = best.id
    return found


def test_the_weight_of_a_measurement_grows_with_its_questions() -> None:
    def pair(n: int) -> list[Measurement]:
        return [right(Strategy.RAG, 0.9, n), right(Strategy.PROMPT, 0.5, n)]

    assert measured_weight([]) == measured_weight(pair(50)[:1]) == 0
    assert measured_weight(pair(50)) == pytest.approx(0.5)
    assert measured_weight(pair(200)) == pytest.approx(0.8)


@pytest.mark.parametrize("tuned", [0.5, 0.05])
def test_textbook_answers_do_not_outvote_two_hundred_questions(tuned: float) -> None:
    measured = [right(Strategy.FINE_TUNED, tuned), right(Strategy.RAG, 0.9)]
    assert decide(CRITERIA, textbook()).leader is Strategy.FINE_TUNED
    result = decide(CRITERIA, textbook(), measurements=measured)
    assert result.leader is Strategy.RAG
    assert result.score_of(Strategy.FINE_TUNED).share == 0
    assert result.score_of(Strategy.FINE_TUNED).behind is Strategy.RAG
    assert result.by_answers is Strategy.FINE_TUNED
    assert any("answers alone speak for fine-tuning" in c.text for c in result.cautions)
    assert "clearly more often than fine-tuning" in result.reasons[0].text


def test_a_prompt_at_four_percent_never_leads() -> None:
    measured = [right(Strategy.PROMPT, 0.04), right(Strategy.RAG, 0.84)]
    result = decide(CRITERIA, {"need": "little", "prompt_result": "enough"}, measurements=measured)
    assert result.leader is not Strategy.PROMPT
    assert result.score_of(Strategy.PROMPT).share == 0


def test_a_must_that_the_better_one_fails_is_named() -> None:
    vetoing = next(
        (criterion.id, choice.id)
        for criterion in CRITERIA.criteria
        for choice in criterion.choices
        if Strategy.RAG in choice.veto and Strategy.PROMPT not in choice.veto
    )
    measured = [right(Strategy.PROMPT, 0.4), right(Strategy.RAG, 0.9)]
    result = decide(
        CRITERIA, dict([vetoing]), measurements=measured,
        strategies=[Strategy.PROMPT, Strategy.RAG],
    )  # fmt: skip
    assert result.leader is Strategy.PROMPT
    assert any("is out by a must only" in caution.text for caution in result.cautions)


@quick
@given(
    answer_sets(),
    weight_sets(),
    st.permutations(list(Strategy)).map(lambda order: (order[0], order[1])),
    st.floats(0, 0.6),
)
def test_a_clearly_worse_strategy_leads_only_where_a_must_puts_the_better_one_out(
    answers: dict[str, str],
    weights: dict[str, float],
    pair: tuple[Strategy, Strategy],
    low: float,
) -> None:
    better, worse = pair
    measured = [right(better, low + 0.3), right(worse, low)]
    result = decide(CRITERIA, answers, weights, measurements=measured, simulations=200)
    heard = any(row.basis == "measured" for row in result.contributions)
    vetoed = {veto.strategy for veto in result.vetoes}
    if heard and result.leads and better not in vetoed:
        assert worse not in (result.leader, result.verdict)
        assert result.score_of(worse).share == 0


def test_paired_differences_count_before_single_intervals() -> None:
    measured = [right(Strategy.RAG, 0.55, 60), right(Strategy.HYBRID, 0.45, 60)]
    assert leads_by_intervals(measured) == ()
    paired = [Lead(Strategy.RAG, Strategy.HYBRID, 0.1, 0.03, 0.17)]
    result = decide(CRITERIA, {"need": "both"}, measurements=measured, leads=paired)
    assert result.score_of(Strategy.HYBRID).behind is Strategy.RAG
    none = decide(CRITERIA, {"need": "both"}, measurements=measured, leads=())
    assert none.score_of(Strategy.HYBRID).behind is None


def test_an_arm_that_was_not_measured_does_not_beat_the_best_measured_by_hope() -> None:
    measured = [right(Strategy.RAG, 0.9), right(Strategy.PROMPT, 0.2)]
    result = decide(CRITERIA, {"need": "both"}, measurements=measured)
    shares = {c.strategy: c.utility for c in result.contributions if c.criterion == "need"}
    assert shares[Strategy.HYBRID] <= shares[Strategy.RAG]


def test_after_the_samples_evaluation_the_prompt_is_no_candidate() -> None:
    shares = {
        Strategy.RAG: 0.5, Strategy.HYBRID: 0.5, Strategy.FINE_TUNED: 0.22,
        Strategy.LONG_CONTEXT: 0.10, Strategy.PROMPT: 0.0,
    }  # fmt: skip
    measured = [right(strategy, share, 50) for strategy, share in shares.items()]
    facts = {"documents": 14.0, "context_ratio": 2.0, "train_examples": 120.0}
    answers = with_seen(CRITERIA, Answers(), facts)
    assert answers.choices["documents"]
    assert "documents" in answers.prefilled
    result = decide(CRITERIA, answers, measurements=measured)
    assert result.leader in (Strategy.RAG, Strategy.HYBRID)
    assert result.score_of(Strategy.PROMPT).share == 0
    assert all(i.criterion != "documents" for i in result.information if i.kind == "answer")


def test_what_the_workspace_shows_can_be_overridden_and_the_difference_is_said() -> None:
    facts = {"documents": 14.0}
    seen = with_seen(CRITERIA, Answers(), facts).choices["documents"]
    other = next(c.id for c in CRITERIA.get("documents").choices if c.id != seen)
    own = Answers({"documents": other})
    assert with_seen(CRITERIA, own, facts).choices["documents"] == other
    assert differing(CRITERIA, own, facts) == [("documents", other, seen)]
    assert differing(CRITERIA, Answers({"documents": seen}), facts) == []


def test_reasons_read_like_a_colleagues() -> None:
    shares = {"rag": 0.84, "fine-tuned": 0.5, "prompt": 0.04}
    measured = [
        Measurement("accuracy", value, value - 0.08, value + 0.08, 60, "run", Strategy(name))
        for name, value in shares.items()
    ]
    result = decide(CRITERIA, {"need": "facts", "documents": "good"}, measurements=measured)
    said = " ".join(sentence.text for sentence in (*result.reasons, *result.objections))
    assert "RAG 84 % (76 % to 92 %, n = 60)" in said
    assert not re.search(r"\d\.\d\d of 1|rates", said)


def test_a_lead_within_the_intervals_is_no_reason() -> None:
    measured = [
        Measurement("accuracy", value, value - 0.15, value + 0.15, 30, "run", Strategy(name))
        for name, value in (("rag", 0.62), ("hybrid", 0.58))
    ]
    result = decide(CRITERIA, {"need": "facts"}, measurements=measured)
    assert not any("Measured here" in sentence.text for sentence in result.reasons)
