import pytest

from ragft_core.evaluation.reports.verdicts import Verdict, agreement, decide, describe
from ragft_core.evaluation.scoring.catalogue import BY_NAME
from ragft_core.evaluation.statistics.estimates import Difference, Summary


def summary(mean: float | None) -> Summary:
    return Summary(mean, mean, mean, 60 if mean is not None else 0, 0)


def gap(a: str, b: str, mean: float, p: float, half: float = 0.1) -> Difference:
    return Difference(a, b, mean, mean - half, mean + half, 60, 20, 5, p, p, "test", 0.18)


def test_the_winner_beats_every_other_arm() -> None:
    verdict = decide(
        BY_NAME["correct"],
        {"rag": summary(0.7), "prompt": summary(0.4), "hybrid": summary(0.5)},
        [
            gap("prompt", "rag", -0.3, 0.001),
            gap("rag", "hybrid", 0.2, 0.01),
            gap("prompt", "hybrid", -0.1, 0.3),
        ],
    )
    assert verdict.winner == "rag"
    assert "20 points (95 % interval 10 to 30, n = 60) over hybrid" in verdict.text


def test_an_interval_that_spans_zero_is_too_close_to_call() -> None:
    verdict = decide(
        BY_NAME["correct"],
        {"rag": summary(0.55), "hybrid": summary(0.5), "prompt": summary(0.1)},
        [
            gap("rag", "hybrid", 0.05, 0.4),
            gap("rag", "prompt", 0.45, 0.001),
            gap("hybrid", "prompt", 0.4, 0.001),
        ],
    )
    assert verdict.winner is None
    assert verdict.leaders == ("rag", "hybrid")
    assert "Too close to call between RAG and hybrid" in verdict.text
    assert "\u22125 to 15" in verdict.text
    assert "A true lead of 18 points over every other arm" in verdict.text
    assert "questions would" not in verdict.text  # no invitation to ask on until it shows
    assert "Prompt only is behind RAG" in verdict.text


def test_an_interval_that_touches_zero_has_no_signed_zero() -> None:
    verdict = decide(
        BY_NAME["correct"],
        {"rag": summary(0.5), "prompt": summary(0.0)},
        [gap("rag", "prompt", 0.5, 0.5, half=0.5)],
    )
    assert "interval 0 to 100" in verdict.text


def test_an_arm_far_behind_is_not_called_close_where_only_the_test_is_unsure() -> None:
    far = Difference(
        "fine-tuned",
        "hybrid",
        -0.38,
        -0.62,
        -0.08,
        50,
        5,
        24,
        0.041,
        0.12,
        "permutation by document",
    )
    verdict = decide(
        BY_NAME["correct"],
        {"hybrid": summary(0.62), "rag": summary(0.58), "fine-tuned": summary(0.24)},
        [gap("rag", "hybrid", -0.04, 0.7), far, gap("rag", "fine-tuned", 0.34, 0.13)],
    )
    assert verdict.winner is None
    assert verdict.leaders == ("hybrid", "rag", "fine-tuned")  # none of them is out
    assert "Too close to call between hybrid and RAG by" in verdict.text
    assert "Fine-tuned is behind hybrid, but not surely: 38 points" in verdict.text
    assert "With so few documents such a gap may still be chance." in verdict.text


def test_two_arms_far_apart_of_whom_the_test_is_unsure_stay_too_close_to_call() -> None:
    verdict = decide(
        BY_NAME["correct"],
        {"rag": summary(0.9), "prompt": summary(0.4)},
        [gap("rag", "prompt", 0.5, 0.2)],
    )
    assert "Too close to call between RAG and prompt only" in verdict.text
    assert "p = 0.2 corrected" in verdict.text
    assert "not surely" not in verdict.text


def test_a_significant_test_alone_declares_no_winner() -> None:
    verdict = decide(
        BY_NAME["correct"],
        {"rag": summary(0.55), "hybrid": summary(0.5)},
        [gap("rag", "hybrid", 0.05, 0.001)],
    )
    assert verdict.winner is None


def test_fewer_errors_are_better_where_lower_is() -> None:
    verdict = decide(
        BY_NAME["wer"],
        {"rag": summary(0.9), "hybrid": summary(0.2)},
        [gap("rag", "hybrid", 0.7, 0.001)],
    )
    assert verdict.winner == "hybrid"
    assert "0.7 errors a word (95 % interval 0.6 to 0.8, n = 60)" in verdict.text


@pytest.mark.parametrize(
    ("mean", "low", "high"), [(0.02, -0.06, 0.05), (-0.02, -0.05, 0.06), (0.02, -0.06, 0.0)]
)
def test_an_uneven_interval_keeps_its_ends_whoever_leads(
    mean: float, low: float, high: float
) -> None:
    text = describe(
        BY_NAME["correct"], Difference("rag", "hybrid", mean, low, high, 40, 3, 2, 0.5, 0.5, "test")
    )
    assert text == f"2 points (95 % interval \u22126 to {5 if high else 0}, n = 40)"


def test_arms_that_were_not_measured_are_not_ranked() -> None:
    verdict = decide(BY_NAME["correct"], {"rag": summary(None)}, [])
    assert verdict.text.endswith("not measured.")
    verdict = decide(BY_NAME["correct"], {"rag": summary(0.1), "prompt": summary(None)}, [])
    assert verdict.winner is None
    assert "nothing to compare" in verdict.text


@pytest.mark.parametrize(
    ("robust", "sensitive", "words"),
    [
        ("rag", "rag", ""),
        (None, None, ""),
        ("rag", "fine-tuned", "no overall winner is declared"),
        (None, "fine-tuned", "may be style"),
        ("rag", None, "by wording it is too close"),
    ],
)
def test_disagreement_of_the_two_kinds_of_score_is_said(
    robust: str | None, sensitive: str | None, words: str
) -> None:
    text = agreement(Verdict("correct", robust, (), ""), Verdict("f1", sensitive, (), ""))
    assert words in text
    assert bool(text) == bool(words)
