"""Own formulas against independent implementations: libraries, brute force, hand-made tables."""

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragft_core.evaluation.scoring import measures as m
from ragft_core.overlap import exact_match, support, token_f1

WORDS = st.lists(st.sampled_from("red blue city price 3 4.5 a the of".split()), max_size=7)


@pytest.mark.parametrize(
    ("answer", "gold", "f1", "exact"),
    [  # hand-computed
        ("30 days", "30 days", 1.0, 1.0),
        ("The 30 days.", "30 days", 1.0, 1.0),
        ("within 30 days", "30 days", 0.8, 0.0),
        ("the refund is paid within 30 days", "30 days", 2 * (2 / 6) * 1 / (2 / 6 + 1), 0.0),
        ("two weeks", "30 days", 0.0, 0.0),
        ("", "30 days", 0.0, 0.0),
        ("the", "a", 1.0, 1.0),
    ],
)
def test_squad_scores_match_a_hand_table(answer: str, gold: str, f1: float, exact: float) -> None:
    assert token_f1(answer, gold) == pytest.approx(f1, abs=1e-9)
    assert exact_match(answer, gold) == exact


@given(WORDS, WORDS)
def test_token_f1_is_dice_of_multisets(left: list[str], right: list[str]) -> None:
    a = Counter(w.replace(".", "") for w in left if w not in ("a", "the"))
    b = Counter(w.replace(".", "") for w in right if w not in ("a", "the"))
    total = a.total() + b.total()
    expected = 2 * sum(min(a[k], b[k]) for k in a) / total if total else 1.0
    assert token_f1(" ".join(left), " ".join(right)) == pytest.approx(expected, abs=1e-9)


@given(WORDS, WORDS)
def test_longest_common_subsequence_matches_brute_force(left: list[str], right: list[str]) -> None:
    def subsequences(items: list[str]) -> set[tuple[str, ...]]:
        return {c for r in range(len(items) + 1) for c in itertools.combinations(items, r)}

    expected = max(map(len, subsequences(left) & subsequences(right)))
    assert m.longest_common(left, right) == expected


def test_rouge_l_matches_the_example_of_its_paper() -> None:
    # Lin 2004, section 3.1: S1 against S2 and S3; precision and recall are 3/4 and 2/4.
    assert m.rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(0.75)
    assert m.rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("answer", "gold", "recall", "inside"),
    [
        ("You have 30 days to return it", "30 days", 1.0, 1.0),
        ("days: 30", "30 days", 1.0, 0.0),
        ("3.5 million euros", "3,500,000 euros", 1.0, 1.0),
        ("30 weeks", "30 days", 0.5, 0.0),
        ("-30 days", "30 days", 0.5, 0.0),
        ("one two three four", "one two three four five", 0.8, 0.0),
        ("one two three", "one two three four", 0.75, 0.0),
    ],
)
def test_content_scores_match_a_hand_table(
    answer: str, gold: str, recall: float, inside: float
) -> None:
    assert m.gold_recall(answer, gold) == pytest.approx(recall, abs=1e-9)
    assert m.contains(answer, gold) == inside


@pytest.mark.parametrize(
    ("answer", "gold", "agrees"),
    [
        ("about 1,010", "1000", 1.0),
        ("about 1,011", "1000", 0.0),
        ("in 2019", "2024", 0.0),
        ("2024", "in 2024", 1.0),
        ("0", "0", 1.0),
        ("0.001", "0", 0.0),
        ("12 and 30", "30 of 12", 1.0),
        ("12", "30 of 12", 0.0),
    ],
)
def test_numbers_agree_within_one_percent_and_years_exactly(
    answer: str, gold: str, agrees: float
) -> None:
    assert m.numeric_agreement(answer, gold) == agrees


def test_chrf_is_sacrebleus() -> None:
    import sacrebleu

    expected = sacrebleu.sentence_chrf("the refund takes 30 days", ["refunds take 30 days"]).score
    assert m.chrf("the refund takes 30 days", "refunds take 30 days") == pytest.approx(
        expected / 100, abs=1e-9
    )


@given(WORDS, WORDS.filter(lambda w: any(x.isalnum() for x in w)))
def test_word_error_rate_is_edit_distance_over_gold_words(
    left: list[str], right: list[str]
) -> None:
    from ragft_core.overlap import words

    a, b = words(" ".join(left)), words(" ".join(right))
    table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i, j in itertools.product(range(1, len(a) + 1), range(1, len(b) + 1)):
        table[i, j] = min(
            table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
        )
    expected = table[len(a), len(b)] / len(b)
    assert m.word_error_rate(" ".join(left), " ".join(right)) == pytest.approx(expected, abs=1e-9)


def test_support_counts_words_and_numbers_of_the_passages() -> None:
    passages = ["Refunds are paid within 30 days to the card.", "Fee: 1,200 euros"]
    assert support("Refunds within 30 days", passages) == 1.0
    assert support("Refunds within 14 days", passages) == pytest.approx(3 / 4)
    assert support("1.2k euros", passages) == 1.0
    assert support("elephants", passages) == 0.0
    assert support("", passages) is None


def test_ndcg_matches_scikit_learn() -> None:
    from sklearn.metrics import ndcg_score

    random.seed(3)
    for _ in range(50):
        flags = [random.random() < 0.4 for _ in range(6)]
        if not any(flags):
            continue
        expected = ndcg_score([[float(f) for f in flags]], [[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])
        assert m.ndcg(flags, sum(flags)) == pytest.approx(expected, abs=1e-9)


def test_mrr_matches_scikit_learns_ranking_with_one_relevant() -> None:
    from sklearn.metrics import label_ranking_average_precision_score as lrap

    for place in range(4):
        flags = [i == place for i in range(4)]
        expected = lrap([[int(f) for f in flags]], [[4, 3, 2, 1]])
        assert m.reciprocal_rank(flags) == pytest.approx(expected, abs=1e-9)
    assert m.reciprocal_rank([False, False]) == 0.0


def test_hit_and_recall() -> None:
    assert m.hit([False, True]) == 1.0
    assert m.hit([]) == 0.0
    assert m.recall_at_k([True, False, True], 4) == 0.5


def test_distinct_counts_unique_ngrams() -> None:
    assert m.distinct(["a b a b", "a b"], 1) == pytest.approx(2 / 6)
    assert m.distinct(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert m.distinct(["a"], 2) is None


def test_self_bleu_is_one_for_copies_and_small_for_strangers() -> None:
    assert m.self_bleu(["one two three four five"] * 3) == pytest.approx(1.0, abs=1e-9)
    assert m.self_bleu(["alone"]) is None
    value = m.self_bleu(["red green blue four", "one two three cat"])
    assert value is not None
    assert value < 0.1


def test_self_bleu_matches_bleu_by_hand() -> None:
    # Both texts share 3 of 4 words and 2 of 3 pairs, 1 of 2 triples, no quadruple (smoothed).
    a, b = "red green blue cat", "red green blue dog"
    by_hand = math.exp((math.log(3 / 4) + math.log(2 / 3) + math.log(1 / 2) + math.log(1 / 2)) / 4)
    assert m.self_bleu([a, b]) == pytest.approx(by_hand, abs=1e-3)
