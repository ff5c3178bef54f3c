"""Whether an answer says what the gold answer says: rows that people would sign."""

import pytest

from ragft_core.evaluation.equivalence import DOUBT, LONG, RIGHT, equivalent, likelihood
from ragft_core.evaluation.equivalence.content import same_number, take_apart
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.scoring.catalogue import score_answer
from ragft_core.types import Answer

SAME = [
    ("4,5 kg", "4.5 kg"),
    ("1 200 EUR", "1200 EUR"),
    ("3 March 2024", "2024-03-03"),
    ("March 3, 2024", "It was on 3 March 2024."),
    ("40 kg", "40 kilograms"),
    ("ISO VG 46", "ISO-VG 46"),
    ("O’Neil", "O'Neil"),
    ("30 days", "30-day"),
    ("24 months", "You get a 24-month warranty."),
    ("two", "There are 2 of them."),
    ("bolts, nuts and washers", "washers; nuts; bolts"),
    ("12 months or 60 firings", "60 firings or 12 months"),
    ("$11,588.00", "Net income was 11,588 million"),
    ("$1,577", "$1.577 billion"),
    ("0.25", "25 %"),
    ("Café Zürich", "Cafe Zurich"),
    ("16 km/h", "16 kph"),
    ("No", "It is not allowed."),
    ("Yes", "It is covered."),
    ("Yes", "It is allowed, see rule no. 5."),
    ("Yes, it may", "Yes."),
    ("There are none", "No debt securities are registered."),
    ("not covered", "Damage by frost is not covered."),
    ("three years", "3 years"),
    ("設備番号", "設備番号です"),
    ("서울", "서울입니다."),
]
DIFFERENT = [
    ("covered", "It is not covered."),
    ("not covered", "It is covered."),
    ("5 to 10 minutes", "10 to 5 minutes"),
    ("three years", "It is three or five years."),
    ("red", "Red or blue."),
    ("12 months or 60 firings", "60 firings"),
    ("41 kg", "41 g"),
    ("£3.20", "£3.21"),
    ("£3.20", "$3.20"),
    ("0", "10"),
    ("2 May", "3 May"),
    ("3 March 2024", "3 March 2025"),
    ("-1", "1"),
    ("M3", "M4"),
    ("Car 3", "Car 4"),
    ("2019", "2020"),
    ("Yes", "No."),
    ("Yes", "It is not."),
    ("Paris", "It is not Paris but Rome."),
    ("channel 27", "channel 72"),
    ("設備番号", "番号"),
    ("second floor", "It is on the 22nd floor."),
    ("second floor", "third floor"),
    ("5 minutes", "5 h."),
    ("twice a year", "every two years"),
    ("1.500 €", "1,5 €"),
    ("5 €", "$5"),
    ("10 bar", "10 psi"),
    ("85 °C", "85 °F"),
    ("8:30 a.m.", "half past eight in the evening"),
    ("14.2 or later", "14.2 or earlier"),
    ("by 31 March", "after 31 March"),
    ("1.5 % per month", "1.5 % per year"),
    ("X20", "The X10 is heavier than the X20."),
    ("the fire brigade", "The caretaker rather than the fire brigade."),
    ("F-220/B", "F-220/A"),
    ("Maria Keller", "Ms Kessler"),
    ("proof of insurance, proof of ownership and a photo", "Proof of insurance and a photo."),
    ("8日以内", "30日以内です"),
]
# What is the same in other words, of a kind each.
KINDS = [
    ("second floor", "It is on the 2nd floor."),
    ("derde verdieping", "De 3e verdieping."),
    ("twice a year", "every six months"),
    ("annually", "once a year"),
    ("één keer per week", "wekelijks"),
    ("ogni sei mesi", "Due volte l'anno"),
    ("1.500 €", "1500 Euro"),
    ("1 200,50 €", "1200,50 euros"),
    ("20 cents", "$0.20"),
    ("£4.95", "4.95 pounds"),
    ("10 bar", "1 MPa"),
    ("85 °C", "185 degrees Fahrenheit"),
    ("20 m²", "20 square metres"),
    ("a quarter of an hour", "15 minutes"),
    ("8.30 Uhr", "Um halb neun."),
    ("7:05 a.m.", "five past seven in the morning"),
    ("12 h 30", "à midi et demi"),
    ("14.2 or later", "At least version 14.2"),
    ("Maximum 25 MB", "Attachments may be no larger than 25 megabytes."),
    ("4.2.1", "It was fixed in v4.2.1."),
    ("F-220/B", "f220b"),
    ("Maria Keller", "Ms Keller"),
    ("The Chief Financial Officer", "the CFO"),
    ("14 jours", "Vous disposez de quatorze jours."),
    ("40人", "最多可容纳四十人。"),
    ("Monday to Friday", "Mon–Fri"),
    ("5 to 10 minutes", "five to ten minutes"),
    ("5 minutes", "5 min."),
    ("by e-mail", "You send an email."),
    ("-5 °C", "minus 5 degrees Celsius"),
    ("more than 5 people", "You need more than five people."),
    ("the caretaker", "Nobody other than the caretaker."),
    ("Elektriker", "Er arbeitet als Elektriker."),
]
LONG_GOLD = (
    "Gross margin fell by 1.7 percentage points, mainly through litigation costs, the exit from "
    "the chemical business and higher raw material prices."
)


@pytest.mark.parametrize(("gold", "answer"), [*SAME, *KINDS])
def test_the_same_in_other_words_is_right(gold: str, answer: str) -> None:
    assert equivalent(answer, gold)


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_something_else_in_like_words_is_wrong(gold: str, answer: str) -> None:
    assert not equivalent(answer, gold)


def test_a_long_gold_answer_is_a_matter_of_degree() -> None:
    full = "It fell 1.7% because of litigation, raw material prices and the exit from chemicals."
    part = "It fell because of litigation."
    other = "Sales rose by 4 % thanks to strong demand in Asia."
    assert take_apart(LONG_GOLD).size > LONG
    values = [likelihood(answer, LONG_GOLD) for answer in (full, part, other)]
    assert values == sorted(values, reverse=True)
    assert equivalent(full, LONG_GOLD)
    assert not equivalent(other, LONG_GOLD)


def test_what_the_question_says_need_not_be_said_again() -> None:
    gold = "Amcor's adjusted EBITDA was $2,018mn in FY 2023"
    asked = "What was Amcor's adjusted EBITDA in FY 2023, in USD millions?"
    assert equivalent("$2,018 million.", gold, asked)
    assert not equivalent("$1,969 million.", gold, asked)


def test_a_question_may_ask_for_a_scale() -> None:
    asked = "What is accounts payable at the end of 2018 (in USD millions)?"
    assert equivalent("It was $302,578,000.", "303", asked)
    assert not equivalent("It was $402,578,000.", "303", asked)


def test_a_bare_yes_or_no_answers_what_asks_for_it() -> None:
    asked = "Is the warranty transferable?"
    assert equivalent("No.", "It is not transferable.", asked)
    assert not equivalent("Yes.", "It is not transferable.", asked)
    assert not equivalent("No.", "three years", "How long is it?")
    assert equivalent("The fee is non-refundable.", "No", "Is the fee refundable?")


def test_the_least_that_is_asked_for_is_not_the_most() -> None:
    asked = "What is the minimum age?"
    assert equivalent("You must be at least 18.", "18", asked)
    assert equivalent("Nobody under 18 is refused.", "18", asked)
    assert not equivalent("You must be under 18.", "18", asked)
    assert equivalent("Since 2024 it is the X10.", "X10", "Which model sells most?")


def test_prose_in_other_words_counts_where_its_meaning_is_near() -> None:
    gold, answer = "the lock is replaced", "The lock will be exchanged."
    assert likelihood(answer, gold, meaning=0.9) >= RIGHT
    assert DOUBT[0] <= likelihood(answer, gold, meaning=0.7) < RIGHT
    assert likelihood(answer, gold, meaning=0.3) == 0
    assert likelihood("The lock is not replaced.", gold, meaning=0.95) == 0


def test_where_an_answer_reckons_its_result_counts() -> None:
    steps = " ".join(f"In year {n} it was {n * 7}.5 million." for n in range(1, 14))
    assert equivalent(f"{steps} So the mean is 49.2.", "49.2")
    assert not equivalent(f"We add up. {steps} The sum is 9. The mean is 8.", "24.5 million")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("11.6 billion", "11,588 million", True),
        ("24.25", "24.26", True),
        ("$24.25", "$24.26", False),
        ("8.7 %", "8.74 %", True),
        ("1,200", "1,234", False),
        ("12 kg", "12", True),
        ("12 kg", "12 m", False),
        ("$12m", "12 million", True),
        ("12M", "12,000,000", True),
    ],
)
def test_numbers_are_compared_by_value(one: str, other: str, same: bool) -> None:
    left, right = take_apart(one).numbers[0], take_apart(other).numbers[0]
    assert same_number(left, right) is same
    assert same_number(right, left) is same


def test_the_verdicts_score_uses_it() -> None:
    question = Question("q", "How long is the warranty?", ("24 months",))
    for text, right in (("A 24-month warranty.", 1.0), ("It is not 24 months.", 0.0)):
        assert (
            score_answer(question, Answer("prompt", question.text, text))["correct"].value == right
        )


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("1.200,50 €", "1,200.50 EUR", True), ("Rs 1,50,000", "150000 Rs", True), ("0.5", "1/2", True),
        ("X-200", "X200", True), ("X-200", "X-300", False), ("M6 x 20", "M6x20", True),
        ("before 1 May", "after 1 May", False), ("after 1 May", "after 1 May", True),
        ("over 5 years", "under 5 years", False), ("from Kiel to Oslo", "from Oslo to Kiel", False),
        ("from Oslo to Kiel", "from Oslo to Kiel", True), ("twice a week", "two times a week", True),
    ],
)  # fmt: skip
def test_small_words_and_spellings_that_carry_the_meaning(
    answer: str, gold: str, right: bool
) -> None:
    assert equivalent(answer, gold) is right
