"""A text taken apart into what can be compared: numbers with their units, dates, words.

Numbers have a value (scale words, thousands, decimal commas, words for numbers), dates a day,
units one spelling; of words their stems stay, without accents.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from ragft_core.evaluation.equivalence.rewriting import rewritten
from ragft_core.evaluation.equivalence.vocabulary import (
    CHANGES,
    CURRENCIES,
    MEASURES,
    MONEY,
    NUMBER_WORDS,
    SAME,
    SCALES,
    UNITS,
    any_of,
)
from ragft_core.overlap import STOP_WORDS, stem

_SCALE_ASKED = re.compile(r"\bin (?:\w+ )?(thousands|millions|billions)\b")
_SCALE = any_of(SCALES)
_NUMBER = (
    r"(?<![\w.])(?P<minus>[-−](?=[\d$€£])|\((?=[$€£]?\d[\d.,]*\)))?(?P<money>[$€£])?"
    r"(?P<digits>\d{1,3}(?:[,' ]\d{3})+(?!\d)(?:\.\d+)?|\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|\.\d+)"
    rf"(?:\s?(?P<scale>{_SCALE})\b)?"
)
_TOKEN = re.compile(
    rf"@(?P<date>[\w:|-]+)|{_NUMBER}|(?P<word>km/h|°[cf]|[%°]|[^\W\d_]+(?:'[^\W\d_]+)?\w*)"
)
# Words of a gold answer that an answer need not have.
FILLERS = STOP_WORDS | frozenset(
    "yes no every each about approximately around roughly circa via per because due owing thanks etwa"
    " der das des ein eine einer einen und oder ist im zu von für mit auf aus"
    " le la les un une du et ou sont en au aux à de el las y es del que il ce"
    # What bounds a number is compared by itself, and what is counted is a piece.
    " maximum minimum max min least most within between up mindestens höchstens maximal moins plus menos máximo"
    " almeno minimo massimo piece pieces pcs unit units item items stück"
    " di il lo gli della dei per het een van op o os da do na no ao um uma".split()
)
# How far two measures of one thing may lie apart where their units differ: 5 miles are 8 km.
CONVERTED = 0.01
# As far in degrees Fahrenheit beside degrees Celsius.
FAHRENHEIT = 1.0


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
    text = rewritten(text)
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
                numbers[-1] = replace(numbers[-1], unit=UNITS[word])
            else:
                words.append(UNITS[word])
        elif word not in FILLERS:
            words.append(_root(word))
        after_number = bool(numbers) and (word is None or word in NUMBER_WORDS)
    return Said(tuple(numbers), frozenset(dates), tuple(words))


def _root(word: str) -> str:
    """A word without accents, genitive, elided article ("l'eau") and ending; verbs of change as one."""
    word = re.sub(r"^(?:[ldnsjmtc]|qu)'(?=\w{2})", "", word.removesuffix("'s"))
    return root(_plain(CHANGES.get(word) or SAME.get(word, word)))


def root(word: str) -> str:
    """A word without its ending; "dried" and "drying" have one."""
    return re.sub(r"(?<=\w\w)y$", "i", stem(word))


def _plain(word: str) -> str:
    """A word without its accents."""
    split = unicodedata.normalize("NFD", word)
    return "".join(char for char in split if not unicodedata.combining(char))


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
    """Whether two numbers are one: rounded, at another scale, in another unit, or a share as per cent."""
    if "cent" in (one.unit, other.unit) and {one.unit, other.unit} & {"usd", "eur"}:
        cents, whole = (one, other) if one.unit == "cent" else (other, one)
        return abs(cents.value - 100 * whole.value) < 1e-6
    if {one.unit, other.unit} == {"lb", "gbp"}:
        return one.value == other.value  # pounds
    if {one.unit, other.unit} == {"°", "°f"}:
        celsius, fahrenheit = (one, other) if one.unit == "°" else (other, one)
        return abs(1.8 * celsius.value + 32 - fahrenheit.value) <= FAHRENHEIT
    if one.unit and other.unit and one.unit != other.unit:
        (kind, size), (other_kind, other_size) = MEASURES[one.unit], MEASURES[other.unit]
        if kind == other_kind:
            a, b = one.value * size, other.value * other_size
            return abs(a - b) <= CONVERTED * abs(b) + 1e-9
        if "share" not in (kind, other_kind):
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
    if number.decimals == 3 and 1 <= number.written < 1000 <= other.value and not other.decimals:
        readings.append((1000 * number.value, 1.0))  # a point of thousands: 1.500 Stück
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


def same_date(given: str, wanted: str) -> bool:
    """Whether one day or hour is the other; a day is in its month, "3 May" in any year."""
    return any(
        a == b or a.startswith(f"{b}-") or a[5:] == b.removeprefix("--")
        for a in given.split("|")
        for b in wanted.split("|")
        if a[0] != "t" or a == b
    )
