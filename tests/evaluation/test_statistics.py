import itertools

import numpy as np
import pytest

from ragft_core.evaluation.reports.verdicts import Verdict, decide
from ragft_core.evaluation.scoring.catalogue import BY_NAME
from ragft_core.evaluation.statistics.bootstrap import (
    Clusters,
    drawn_means,
    group,
    interval,
    resample,
    wilson,
)
from ragft_core.evaluation.statistics.estimates import best_probabilities, compare, summarise
from ragft_core.evaluation.statistics.significance import (
    LEVEL,
    detectable,
    few_documents,
    holm,
    mcnemar,
    permutation,
    power_factor,
    questions_needed,
)


def judge(values: np.ndarray, documents: list[str] | None = None, name: str = "correct") -> Verdict:
    """The whole way from scores to a verdict, as a report goes it."""
    arms = ["prompt", "rag", "fine-tuned", "hybrid"][: len(values)]
    clusters = group(documents or [""] * values.shape[1])
    weights = resample(clusters, 1000)
    scorer = BY_NAME[name]
    summaries = summarise(values, clusters, weights, rate=scorer.rate)
    differences = compare(arms, values, clusters, weights)
    return decide(scorer, dict(zip(arms, summaries, strict=True)), differences)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (17, 20), (850, 1000)])
def test_wilson_is_scipys(hits: int, n: int) -> None:
    from scipy import stats

    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_holm_matches_a_hand_table() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_mcnemar_is_the_binomial_sum() -> None:
    from math import comb

    by_hand = 2 * sum(comb(17, k) for k in range(4)) / 2**17
    assert mcnemar(14, 3) == pytest.approx(by_hand, abs=1e-12)
    assert mcnemar(0, 0) == 1.0


def test_few_clusters_are_permuted_exactly() -> None:
    gaps = np.array([[0.3, -0.1, 0.4, 0.2, 0.1]])
    clusters = Clusters(np.arange(5), 5, "question")
    patterns = itertools.product((-1, 1), repeat=5)
    extreme = sum(abs(np.dot(signs, gaps[0])) >= gaps.sum() - 1e-9 for signs in patterns)
    assert permutation(gaps, clusters) == [extreme / 32]


def test_many_clusters_are_permuted_as_scipy_does() -> None:
    from scipy import stats

    gaps = np.random.default_rng(0).normal(0.15, 1, (1, 80))
    ours = permutation(gaps, group([""] * 80))[0]
    theirs = stats.permutation_test(
        (gaps[0],), np.mean, permutation_type="samples", n_resamples=20_000, rng=1
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.02)


def test_the_bootstrap_agrees_with_scipys() -> None:
    from scipy import stats

    values = np.random.default_rng(2).beta(2, 3, (1, 400))
    clusters = group([""] * 400)
    draws = drawn_means(values, clusters, resample(clusters))
    ours = interval(draws[0], float(values.mean()), 400)
    theirs = stats.bootstrap((values[0],), np.mean, method="percentile", rng=1).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=3e-3)


def test_unscored_questions_are_left_out_and_counted() -> None:
    values = np.array([[1.0, np.nan, 0.0, 1.0], [np.nan] * 4])
    clusters = group([""] * 4)
    first, second = summarise(values, clusters, resample(clusters), rate=True)
    assert (first.mean, first.n, first.unscored) == (pytest.approx(2 / 3), 3, 1)
    assert (second.mean, second.low, second.n, second.unscored) == (None, None, 0, 4)


def test_clustering_widens_both_kinds_of_interval() -> None:
    random = np.random.default_rng(5)
    documents = [f"d{i // 10}" for i in range(200)]
    level = np.repeat(random.random(20) < 0.5, 10).astype(float)
    values = np.where(random.random(200) < 0.9, level, 1 - level)[None]
    for rate in (True, False):
        widths = []
        for names in (documents, [""] * 200):
            clusters = group(names)
            summary = summarise(values, clusters, resample(clusters), rate=rate)[0]
            assert summary.high is not None
            assert summary.low is not None
            widths.append(summary.high - summary.low)
        assert widths[0] > 1.5 * widths[1]


def test_few_documents_are_not_resampled() -> None:
    assert group(["a", "a", "b", "b"] * 5).unit == "question"
    assert group([f"d{i % 12}" for i in range(40)]).unit == "document"
    assert group([""] * 6).n == 6


def test_pairs_use_only_common_questions() -> None:
    values = np.array([[1.0, 1.0, np.nan, 0.0], [0.0, 1.0, 1.0, np.nan]])
    clusters = group([""] * 4)
    (pair,) = compare(["rag", "prompt"], values, clusters, resample(clusters))
    assert (pair.n, pair.mean, pair.wins, pair.losses) == (2, 0.5, 1, 0)


def test_an_arm_never_scored_is_in_no_pair() -> None:
    values = np.array([[1.0, 0.0], [np.nan, np.nan]])
    clusters = group(["", ""])
    assert compare(["rag", "prompt"], values, clusters, resample(clusters)) == []


def test_what_a_pair_could_show_does_not_depend_on_what_it_did_show() -> None:
    """Power worked out of the difference that was seen is that difference in other words."""
    random = np.random.default_rng(3)
    clusters = group([""] * 100)
    weights = resample(clusters, 500)
    flat, leading = (
        compare(["a", "b"], (random.random((2, 100)) < rates).astype(float), clusters, weights)[0]
        for rates in (np.array([[0.5], [0.5]]), np.array([[0.4], [0.6]]))
    )
    assert flat.detectable == pytest.approx(leading.detectable, rel=0.15)
    same = np.ones((2, 100))
    assert compare(["a", "b"], same, clusters, weights)[0].detectable is None


def test_best_probabilities_share_ties_and_sum_to_one() -> None:
    same = np.tile(np.random.default_rng(0).integers(0, 2, 30).astype(float), (2, 1))
    clusters = group([""] * 30)
    assert best_probabilities(same, clusters, resample(clusters)) == pytest.approx([0.5, 0.5])
    clear = np.array([np.ones(30), np.zeros(30), np.zeros(30)])
    assert best_probabilities(clear, clusters, resample(clusters)) == pytest.approx([1, 0, 0])


def test_detectable_difference_is_that_of_a_normal_test_at_its_level() -> None:
    from scipy import stats

    factor = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(0.8)
    assert detectable(50, 0.1) == pytest.approx(factor * (0.1 / 50) ** 0.5, rel=1e-9)
    assert detectable(300, 0.4) == pytest.approx(factor * (0.4 / 300) ** 0.5, rel=1e-9)
    assert detectable(0) == 1.0
    assert detectable(questions_needed(0.05), 0.3) <= 0.05
    assert detectable(300, 0.3, sequential=True) > detectable(300, 0.3)


def test_power_among_four_arms_is_that_of_naming_the_winner() -> None:
    """200 runs of 200 questions, one arm 20 points above three equal ones, against the formula."""
    from scipy import stats

    random = np.random.default_rng(8)
    rates = np.array([[0.5], [0.7], [0.5], [0.5]])
    named = sum(
        judge((random.random((4, 200)) < rates).astype(float)).winner == "rag" for _ in range(200)
    )
    # Of the leads' variance, and with the formula's power turned from 80 % to that of this lead.
    reached = 0.2 / np.sqrt((0.5 - 0.2**2) / 200)
    expected = stats.norm.cdf(stats.norm.ppf(0.8) + (reached - power_factor(4)))
    assert abs(named / 200 - expected) < 0.08, (named / 200, expected)


DOCUMENTS = [f"d{i // 4}" for i in range(60)]


@pytest.mark.parametrize("documents", [None, DOCUMENTS])
def test_two_equal_arms_seldom_have_a_winner(documents: list[str] | None) -> None:
    """A/A of the score that decides: 200 runs of 60 questions; a winner in at most 5 %.

    Over 6000 runs the rate is 2.4 % for graded scores, the level itself, and below it for rates.
    """
    random = np.random.default_rng(0)
    winners = 0
    for _ in range(200):
        values = (random.random((2, 60)) < random.beta(2, 2, 60)).astype(float)
        winners += judge(values, documents).winner is not None
    assert winners <= 10, f"{winners} winners in 200 runs"


@pytest.mark.parametrize("documents", [None, DOCUMENTS])
def test_two_equal_arms_seldom_have_a_winner_by_a_graded_score(documents: list[str] | None) -> None:
    random = np.random.default_rng(0)
    winners = 0
    for _ in range(200):
        values = np.clip(random.beta(2, 2, 60) + random.normal(0, 0.25, (2, 60)), 0, 1)
        winners += judge(values, documents, "f1").winner is not None
    assert winners <= 10, f"{winners} winners in 200 runs"


def test_four_equal_arms_seldom_have_a_winner() -> None:
    random = np.random.default_rng(12)
    runs = [(random.random((4, 60)) < random.beta(2, 2, 60)).astype(float) for _ in range(200)]
    winners = sum(judge(values).winner is not None for values in runs)
    assert winners <= 10, f"{winners} winners in 200 runs"


def test_a_true_lead_of_20_points_is_found() -> None:
    """Power: 200 runs of 200 questions, 70 % against 50 %; the right winner in at least 80 %."""
    random = np.random.default_rng(13)
    right = 0
    for _ in range(200):
        values = (random.random((2, 200)) < np.array([[0.5], [0.7]])).astype(float)
        right += judge(values).winner == "rag"
    assert right >= 160, f"{right} right winners in 200 runs"


def test_intervals_of_clustered_scores_cover_the_truth() -> None:
    """500 runs of 15 documents with 4 questions each: 95 % intervals hold the mean."""
    random = np.random.default_rng(14)
    documents = [f"d{i // 4}" for i in range(60)]
    clusters = group(documents)
    weights = resample(clusters, 1000)
    held = 0
    for _ in range(500):
        values = 0.5 + np.repeat(random.normal(0, 0.1, 15), 4) + random.normal(0, 0.2, 60)
        summary = summarise(values[None], clusters, weights)[0]
        assert summary.low is not None
        assert summary.high is not None
        held += summary.low <= 0.5 <= summary.high
    assert held >= 0.925 * 500, f"{held} of 500"


@pytest.mark.parametrize("k", [3, 6, 9])
def test_few_documents_make_no_winner_by_chance(k: int) -> None:
    """Two arms equal on average, with an effect of arm and document (sd .7 on the log-odds)."""
    random = np.random.default_rng(5)
    documents = [f"d{place % k}" for place in range(200)]
    clusters = group(documents)
    weights = resample(clusters, 200)
    winners = 0
    for _ in range(200):
        odds = random.normal(0, 0.7, (2, k))[:, np.arange(200) % k]
        values = (random.random((2, 200)) < 1 / (1 + np.exp(-odds))).astype(float)
        winners += compare(["a", "b"], values, clusters, weights)[0].decided
    assert winners <= 0.05 * 200


def test_the_t_test_of_even_documents_is_scipys() -> None:
    from scipy import stats

    random = np.random.default_rng(1)
    gaps = random.normal(0.1, 1, (6, 20)) + random.normal(0, 0.4, (6, 1))
    p, low, high = few_documents(gaps.ravel(), np.repeat(np.arange(6), 20))
    expected = stats.ttest_1samp(gaps.mean(axis=1), 0)
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))


def test_a_clear_lead_over_few_documents_is_still_found() -> None:
    values = np.array([[1.0] * 60, [1.0, 0.0, 0.0] * 20])
    clusters = group([f"d{place % 5}" for place in range(60)])
    found = compare(["a", "b"], values, clusters, resample(clusters))[0]
    assert found.decided
    assert "t by document" in found.test
