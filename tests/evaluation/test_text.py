import pytest

from ragft_core.evaluation.text import (
    is_abstention,
    plain_tokens,
)
from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import content_words, normalise, numbers


def test_normalise_drops_case_punctuation_and_articles() -> None:
    assert normalise("The  Quick, brown fox's a-hat!") == "quick brown foxs ahat"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,200 items", [1200.0]),
        ("1.2k and 3.5 million", [1200.0, 3500000.0]),
        ("-4 °C to 10 °C", [-4.0, 10.0]),
        ("10-20 days", [10.0, 20.0]),
        ("5 m deep", [5.0]),
        ("version A4, B12", []),
        ("$1 234.50", [1.0, 234.5]),
        ("in 2019 and 2 020", [2019.0, 2.0, 20.0]),
        ("12.5%", [12.5]),
        ("2 billion", [2e9]),
    ],
)
def test_numbers_are_read(text: str, expected: list[float]) -> None:
    assert numbers(text) == pytest.approx(expected)


def test_plain_tokens_spell_a_number_one_way() -> None:
    assert plain_tokens("The 3.5 million") == plain_tokens("3,500,000")


def test_content_words_leave_out_stop_words() -> None:
    assert content_words("What is the refund period of 30 days?") == [
        "refund",
        "period",
        "30",
        "days",
    ]


@pytest.mark.parametrize(
    "text",
    [
        ABSTENTION,
        "the documents do not say",
        "I don't know.",
        "The passages do not mention a price.",
        "Not mentioned in the text.",
        "I cannot answer this question.",
        "",
        "N/A",
    ],
)
def test_refusals_are_abstentions(text: str) -> None:
    assert is_abstention(text)


@pytest.mark.parametrize(
    "text",
    [
        "30 days",
        "The product is not available on Sundays.",
        "Paris. The documents do mention Rome too; I do not know why.",
        "No.",
        "No, batteries are not included.",
    ],
)
def test_answers_are_no_abstentions(text: str) -> None:
    assert not is_abstention(text)
