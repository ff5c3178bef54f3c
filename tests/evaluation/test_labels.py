import random

import pytest

from ragft_core.evaluation.labels import (
    NO_LABEL,
    Labelling,
    accuracy,
    confusion,
    macro_f1,
    parse_label,
)

LABELS = ("card", "card lost", "billing")


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("card", "card"),
        ("Card lost.", "card lost"),
        ("The label is billing", "billing"),
        ("It is card lost, I think", "card lost"),
        ("card or billing", None),
        ("something else", None),
        ("", None),
        ("billing billing", "billing"),
        ("discard", None),
    ],
)
def test_the_one_label_named_is_read(answer: str, label: str | None) -> None:
    assert parse_label(answer, LABELS) == label


def test_format_is_letter_for_letter() -> None:
    labelling = Labelling(LABELS)
    assert labelling.in_format(" card lost ")
    assert not labelling.in_format("Card lost")
    assert not labelling.in_format("card lost.")


def test_a_pattern_tells_the_label_and_the_format() -> None:
    queues = Labelling(("LOST", "DELAY"), r"(?P<label>LOST|DELAY)-[123] / [a-z ]+")
    assert queues.read("DELAY-1 / lost time") == "DELAY"
    assert queues.in_format("DELAY-1 / lost time")
    assert not queues.in_format("DELAY / lost time")
    assert queues.read("It is DELAY, nothing was lost") == "DELAY"
    assert queues.read("delay or lost") is None


def test_accuracy_and_macro_f1_match_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    random.seed(1)
    for size in (5, 40):
        gold = [random.choice(LABELS) for _ in range(size)]
        given = [random.choice([*LABELS, None]) for _ in range(size)]
        matrix = confusion(gold, given, LABELS)
        named = [label or NO_LABEL for label in given]
        shown = [label for label in LABELS if label in gold or label in named]
        expected = f1_score(gold, named, labels=shown, average="macro", zero_division=0)
        assert macro_f1(matrix) == pytest.approx(expected, abs=1e-9)
        assert accuracy(matrix) == pytest.approx(accuracy_score(gold, named), abs=1e-9)
        full = confusion_matrix(gold, named, labels=[*LABELS, NO_LABEL])
        assert [list(row) for row in matrix.counts] == full[:-1].tolist()


def test_what_is_none_of_the_labels_stands_under_no_label() -> None:
    free = Labelling(("billing", "card"), r"queue: (?P<label>\w+)")
    matrix = confusion(["billing", "card"], [free.read("queue: postage"), "card"], free.labels)
    assert matrix.given[-1] == NO_LABEL
    assert matrix.counts == ((0, 0, 1), (0, 1, 0))
    assert accuracy(matrix) == 0.5


def test_an_empty_matrix_has_no_scores() -> None:
    matrix = confusion([], [], LABELS)
    assert accuracy(matrix) is None
    assert macro_f1(matrix) is None


@pytest.mark.parametrize(
    ("labels", "answer", "label"),
    [
        ("-1|0|1", "1", "1"),
        ("-1|0|1", "The score is -1.", "-1"),
        ("-1|0|1", "−1", "-1"),
        ("<10|>=10", "≥10", ">=10"),
        ("C|C#|C++", "It is C++.", "C++"),
        ("C|C#|C++", "C", "C"),
        ("A|A+|A-", "(A+)", "A+"),
        ("part-time|full-time", "Part-time", "part-time"),
        ("technical|Billing", "This is technical, not Billing", "technical"),
        ("Billing", "This is technical, not Billing", None),
        ("covered|not covered", "It is not covered", "not covered"),
        ("covered", "It isn't covered", None),
    ],
)
def test_signs_and_denials_count(labels: str, answer: str, label: str | None) -> None:
    assert parse_label(answer, labels.split("|")) == label


@pytest.mark.parametrize(
    ("labels", "answer", "label"),
    [
        ("p<0.05|p>=0.05", "p>=0.05", "p>=0.05"), ("A/B|A-B", "It is A-B.", "A-B"),
        ("urgent|non-urgent", "Non-urgent", "non-urgent"), ("urgent|low", "Non-urgent", None),
        (".NET|NET", ".NET", ".NET"), (".NET|NET", "NET", "NET"), ("$|$$|$$$", "$$", "$$"),
        ("F#|F", "The key is F#.", "F#"), ("x²|x", "x²", "x²"), ("50%|5%", "5%", "5%"),
        ("spam|not spam", "This is Not Spam", "not spam"), ("LOST|lost", "LOST", "LOST"),
    ],
)  # fmt: skip
def test_signs_within_labels_and_longer_labels_in_other_letters_count(
    labels: str, answer: str, label: str | None
) -> None:
    assert parse_label(answer, labels.split("|")) == label
