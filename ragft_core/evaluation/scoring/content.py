"""A text taken apart into what can be compared: numbers with their units, dates, words.

Numbers have a value (scale words, thousands, decimal commas, words for numbers), dates a day,
units one spelling; of words their stems stay, without accents.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ragft_core.overlap import STOP_WORDS, stem

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty"
).split()
NUMBER_WORDS = {word: float(value) for value, word in enumerate(SMALL)} | {
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0,
    "ninety": 90.0, "hundred": 100.0, "dozen": 12.0,
}  # fmt: skip
SCALES = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "mn": 1e6, "millions": 1e6,
    "billion": 1e9, "bn": 1e9, "b": 1e9, "billions": 1e9, "thousands": 1e3,
}  # fmt: skip
# Spellings of one unit; what is not here is a word like any other.
_UNITS = {
    "kg": "kilogram kilograms kilo kilos kgs kilogramme kilogrammes", "g": "gram grams gramme grammes",
    "t": "ton tons tonne tonnes", "lb": "lbs pound pounds", "km": "kilometre kilometres kilometer"
    " kilometers", "m": "metre metres meter meters", "cm": "centimetre centimetres centimeter"
    " centimeters", "mm": "millimetre millimetres millimeter millimeters", "mi": "mile miles",
    "ft": "foot feet", "in": "inch inches", "l": "litre litres liter liters", "ml": "millilitre"
    " millilitres milliliter milliliters", "s": "second seconds sec secs", "min": "minute minutes"
    " mins", "h": "hour hours hr hrs", "day": "days", "week": "weeks wk wks", "month": "months",
    "year": "years yr yrs", "%": "percent pct percentage", "v": "volt volts", "w": "watt watts", "kw":
    "kilowatt kilowatts", "bar": "bars", "km/h": "kph kmh", "°": "degree degrees celsius °c",
    "usd": "dollar dollars", "eur": "euro euros", "gbp": "sterling",
}  # fmt: skip
CURRENCIES = {"$": "usd", "€": "eur", "£": "gbp"}
UNITS = {word: unit for unit, words in _UNITS.items() for word in [unit, *words.split()]}
MONEY = frozenset(CURRENCIES.values())
_SCALE_ASKED = re.compile(r"\bin (?:\w+ )?(thousands|millions|billions)\b")
_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_MONTH = "|".join(f"{month}|{month[:3]}\\.?" for month in _MONTHS)
_DATES = (
    re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b"),
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m>{_MONTH}),? (?P<y>\d{{4}})\b"),
    re.compile(rf"\b(?P<m>{_MONTH}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})\b"),
    re.compile(r"\b(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})\b"),
)
_NUMBER = (
    r"(?<![\w.])(?P<minus>[-−](?=[\d$€£])|\((?=[$€£]?\d[\d.,]*\)))?(?P<money>[$€£])?"
    r"(?P<digits>\d{1,3}(?:[,' ]\d{3})+(?!\d)(?:\.\d+)?|\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|\.\d+)"
    r"(?:\s?(?P<scale>thousands?|millions?|billions?|mn|bn|[kb])\b)?"
)
_TOKEN = re.compile(
    rf"@(?P<date>[\d-]+)|{_NUMBER}|(?P<word>km/h|°c|[%°]|[^\W\d_]+(?:'[^\W\d_]+)?\w*)"
)
# Words of a gold answer that an answer need not have.
FILLERS = STOP_WORDS | frozenset(
    "yes no every each about approximately around roughly circa via per".split()
)


@dataclass(frozen=True)
class Number:
    """A number in a text: its value with its scale word, the value as written, and its unit."""

    value: float
    written: float
    unit: str = ""
    decimals: int = 0


@dataclass(frozen=True)
class Said:
    """A text taken apart: numbers, dates and stems of its words, in order."""

    numbers: tuple[Number, ...]
    dates: frozenset[str]
    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many things it says."""
        return len(self.numbers) + len(self.dates) + len(self.words)


@lru_cache(maxsize=4096)
def take_apart(text: str) -> Said:
    """Numbers, dates and the stems of the words that carry meaning."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    # 12M and $12m are millions; 12 m are metres.
    text = re.sub(r"(?<=\d)\s?M\b", " million", text).lower()
    text = re.sub(r"([$€£]\s?\d[\d.,]*)\s?mm?\b", r"\1 million", text)
    for pattern in _DATES:
        text = pattern.sub(_iso, text)
    text = re.sub(r"\b(fy|cy|q)(?=\d)", r"\1 ", text)
    # A hyphen between words parts them, and between numbers it means "to"; dates keep theirs.
    text = re.sub(r"(?<![-@\d])(\d[\d.,]*)[-–](?=\d)(?![\d-]*-)", r"\1 to ", text)
    text = re.sub(r"(?<=[^\W_])[-–](?=[^\W\d_])|(?<=[^\W\d_])[-–](?=\d)", " ", text)
    numbers: list[Number] = []
    dates: set[str] = set()
    words: list[str] = []
    after_number = False
    for match in _TOKEN.finditer(text):
        word = match["word"]
        if match["date"]:
            dates.add(match["date"])
        elif word is None:
            numbers.append(_number(match))
        elif word in NUMBER_WORDS:
            numbers.append(Number(NUMBER_WORDS[word], NUMBER_WORDS[word]))
        elif word in UNITS and (after_number or len(word) > 2):
            if after_number and not numbers[-1].unit:
                last = numbers[-1]
                numbers[-1] = Number(last.value, last.written, UNITS[word], last.decimals)
            else:
                words.append(UNITS[word])
        elif word not in FILLERS:
            words.append(stem(_plain(word.removesuffix("'s"))))
        after_number = bool(numbers) and (word is None or word in NUMBER_WORDS)
    return Said(tuple(numbers), frozenset(dates), tuple(words))


def _plain(word: str) -> str:
    """A word without its accents."""
    split = unicodedata.normalize("NFD", word)
    return "".join(char for char in split if not unicodedata.combining(char))


def _iso(match: re.Match[str]) -> str:
    month = match["m"]
    if not month.isdigit():
        month = str([name[:3] for name in _MONTHS].index(month[:3]) + 1)
    return f"@{match['y']}-{int(month):02}-{int(match['d']):02}"


def _number(match: re.Match[str]) -> Number:
    digits = match["digits"]
    if re.fullmatch(r"\d+,\d{1,2}", digits):
        digits = digits.replace(",", ".")  # a decimal comma
    digits = re.sub("[,' ]", "", digits)
    written = -float(digits) if match["minus"] else float(digits)
    decimals = len(digits.partition(".")[2])
    unit = CURRENCIES.get(match["money"] or "", "")
    return Number(written * SCALES.get(match["scale"] or "", 1.0), written, unit, decimals)


def same_number(one: Number, other: Number) -> bool:
    """Whether two numbers are one: rounded, at another scale, or a share as per cent."""
    if one.unit and other.unit and one.unit != other.unit and "%" not in (one.unit, other.unit):
        return False
    if not (one.unit in MONEY or other.unit in MONEY) and one.decimals == other.decimals > 0:
        # A figure that was worked out may differ in its last digit: 24.25 and 24.26 days.
        if abs(one.value - other.value) <= 0.003 * abs(other.value):
            return True
    return any(_close(a, b) for a in _readings(one, other) for b in _readings(other, one))


def _readings(number: Number, other: Number) -> list[tuple[float, float]]:
    """Values that a number may mean beside another one, each with the size of its last place."""
    place = 10.0**-number.decimals
    scale = number.value / number.written if number.written else 1.0
    readings = [(number.value, place * scale)]
    if scale == 1 and other.value != other.written:
        # "11,588" beside "11.6 billion": a bare number may be in thousands or millions.
        readings += [(number.value * step, place * step) for step in (1e3, 1e6, 1e9)]
    if number.unit == "%" and other.unit != "%":
        readings.append((number.value / 100, place / 100))
    return readings


def _close(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether one value rounds to the other, at the coarser last place."""
    (a, a_place), (b, b_place) = one, other
    if a_place == b_place == 1:
        return a == b  # counts and years are exact
    return abs(a - b) <= 0.5 * max(a_place, b_place) * (1 + 1e-9)


def in_the_scale_of(question: str, numbers: list[Number]) -> list[Number]:
    """Numbers without a scale of their own in the one that a question asks for: "in USD millions"."""
    asked = _SCALE_ASKED.search(question.lower())
    if not asked:
        return numbers
    scale = SCALES[asked[1]]
    return [
        Number(n.value * scale, n.written, n.unit, n.decimals) if n.value == n.written else n
        for n in numbers
    ]
