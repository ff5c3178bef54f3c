"""One spelling of what is written in many ways, before a text is taken apart.

Dates become ``@2024-05-03`` (``@2024-05`` without a day, ``@--05-03`` without a year), times
``@t18:30``; where two readings are possible, both stand there with ``|`` between. Fractions become
shares, "an hour and a half" 1.5 hours, number words in a row one number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from ragft_core.evaluation.equivalence.vocabulary import (
    CURRENCIES,
    HOURS,
    MONTHS,
    NUMBER_WORDS,
    ORDINALS,
    SCALES,
    SHORT_FORMS,
    SMALL,
    TENS,
    UNITS,
    any_of,
)

_MONTH = rf"(?P<m>{any_of(MONTHS)})\b\.?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|\.)?"
_YEAR = r"(?P<y>(?:19|20)\d\d)"
_OF = r"(?:of |de |del |d')?"
_DATES = (
    re.compile(r"\b(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})\b"),
    re.compile(r"\b(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})\b"),
    re.compile(r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?:(?P<d>\d{1,2})日)?"),
    re.compile(rf"\b{_DAY} {_OF}{_MONTH},? (?:de )?(?P<y>\d{{4}})\b"),
    re.compile(rf"\b{_MONTH} (?:the )?{_DAY},? (?P<y>\d{{4}})\b"),
    re.compile(rf"\b{_MONTH},? {_OF}{_YEAR}\b"),
    re.compile(rf"\b{_DAY} {_OF}{_MONTH}(?!\w)"),
    re.compile(rf"\b{_MONTH} (?:the )?{_DAY}(?![\w%.,]*\d)"),
)
_SLASHED = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_CLOCK = re.compile(
    r"(?<![\w:.])(?P<h>[01]?\d|2[0-4])(?:(?P<sep>:|h| h |\.(?=\d\d\s?(?:am\b|pm\b|a\.m|p\.m|uhr\b|hrs?\b)))(?P<min>[0-5]\d)(?::\d\d)?)?"
    r"\s?(?P<half>am\b|pm\b|a\.m\.|p\.m\.|uhr\b(?: (?P<past>[0-5]\d)\b)?|o'clock\b)?"
    r"(?P<late> (?:in the (?:evening|afternoon)|at night|abends|nachmittags|du soir|de la tarde|di sera))?"
    r"(?P<early> (?:in the morning|morgens|vormittags|du matin|de la mañana|di mattina))?(?![\w:])"
)
_UNIT_PARTS = {
    "a quarter": "0.25",
    "one quarter": "0.25",
    "three quarters": "0.75",
    "a third": "0.3333",
}
_UNIT_PART = re.compile(rf"\b({'|'.join(_UNIT_PARTS)}) of an? (?=hour|year|day|kilo|mile|met|lit)")
# "Five to ten" is a range more often than a time.
_PAST = re.compile(
    r"\b(?:(?P<part>half|(?:a )?quarter) (?P<way>past|to)|(?P<n>[0-5]?\d|[a-z]+)(?: minutes)? past) "
    r"(?P<h>\d{1,2}|[a-z]+)\b"
)
_PAST_GERMAN = re.compile(
    r"\b(?:(?P<half>halb)|viertel (?P<way>nach|vor)) (?P<h>\d{1,2}|[a-zäöüß]+)\b"
)
_PAST_ROMANCE = re.compile(
    r"\b(?P<h>\d{1,2}|[a-zé]+)(?: ?h| heures?)? (?:(?P<half>et demie?|y media)|(?P<past>et quart|y cuarto)"
    r"|(?P<to>moins le quart|menos cuarto))\b"
)
# The "second" that follows no count and no "per".
_ORDINAL = re.compile(
    rf"\b(?P<n>\d{{1,3}})(?:st|nd|rd|th|e|è?me)\b|(?<!\d )(?<!\bper )(?<!\ba )(?<!\bone )(?<!\beach )"
    rf"\b(?P<word>{any_of(ORDINALS)})\b(?! of a\b)"
)
_PARTS = {"third": 100 / 3, "thirds": 100 / 3, "quarter": 25.0, "quarters": 25.0, "fifth": 20.0,
          "fifths": 20.0, "tenth": 10.0, "tenths": 10.0, "half": 50.0}  # fmt: skip
_FRACTION = re.compile(
    r"\b(?P<n>an?|one|two|three|four|nine) (?P<part>thirds?|quarters?|fifths?|tenths?|half)"
    r"(?= of\b| as\b|[\s.,;!?]*$)|\bhalf(?= of\b| (?:the|its|their|all)\b|[.!]?$)"
)
_BROKEN = re.compile(r"(?<![\w/.,-])([1-9])/([2-9])(?![\w/])")
_AND_A_HALF = re.compile(r"\b(?:an?|one) (\w+) and a half\b")
_N_AND_A_HALF = re.compile(r"\b(\w+) and a half (?=\w+)")
_HALF_A = re.compile(rf"\bhalf an? ({any_of(UNITS)})\b")
_ROW = re.compile(
    rf"\b(?:{'|'.join(TENS)})[- ](?:{'|'.join(SMALL[1:10])})\b"
    rf"|\b(?:{'|'.join(SMALL[1:10])}) hundred"
    rf"(?:(?: and)? (?:(?:{'|'.join(TENS)})[- ])?(?:{'|'.join(SMALL[:20])})?)?\b"
)
_PHRASES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\bkilomet(?:re|er)s? (?:per|an) hour\b|\bstundenkilometer\b"), "km/h"),
    (re.compile(r"\bmiles (?:per|an) hour\b"), "mph"),
    (re.compile(r"\bpercentage points?\b|\bprozentpunkte?n?\b|\bper cent\b|\bpor ciento\b"), "%"),
    (re.compile(r"\bpour cent\b|\bpp\b(?<=\d pp)"), "%"),
    (re.compile(r"\bbasis points?\b"), "bps"),
    (re.compile(r"(?:\bdegrees? |\bgrad |°\s?)?\bcelsius\b|°\s?c\b"), "°c"),
    (re.compile(r"(?:\bdegrees? |\bgrad |°\s?)?\bfahrenheit\b|°\s?f\b"), "°f"),
    (re.compile(r"\bsquare (?=met|cent|mill|kilo)|\bquadrat(?=met|zent|milli|kilo)"), "²"),
    (re.compile(r"\bcubic (?=met)|\bkubik(?=met)"), "³"),
    (re.compile(r"²met(?:re|er)n?s?\b"), "m2"),
    (re.compile(r"²[cz]entimet(?:re|er)n?s?\b"), "cm2"),
    (re.compile(r"²millimet(?:re|er)n?s?\b"), "mm2"),
    (re.compile(r"²kilomet(?:re|er)n?s?\b"), "km2"),
    (re.compile(r"³met(?:re|er)n?s?\b"), "m3"),
    (re.compile(r"\b(?:working|business|calendar) days?\b|\b(?:arbeits|werk)tagen?\b"), "days"),
    (re.compile(r"(?<=\d)\s?in\b(?=\s*(?:[.,;)]|$|x\b|wide|long|high|tall|thick))"), " inches"),
    (re.compile(r"\b(?:went|gone|is|was|are|were) up\b"), "increased"),
    (re.compile(r"\b(?:went|gone|came|is|was|are|were) down\b"), "decreased"),
    (re.compile(r"(?<=\d)\s?[x×]\s?(?=\d)"), " x "),
    # A version is no number, and neither "v" nor a hyphen makes another word of it.
    (re.compile(r"\bv(?:ersion)?\.? ?(?=\d+\.)"), ""),
    (re.compile(r"\bcat\.? ?(?=\d)"), "category "),
    (re.compile(r"\be-(?=mail)"), "e"),
    (re.compile(r"\bwi-fi\b"), "wifi"),
    (re.compile(r"\bminus (?=\d)"), "-"),
    (re.compile(r"(?<=\d)x\b"), " times"),
    (re.compile(r"\b(non|anti|counter)-(?=[a-z])"), r"\1"),
    (re.compile(r"\btwice (?=an?\b|per\b|each\b|every\b|daily\b)"), "2 times "),
    # A point or space of thousands before a decimal comma or a currency, and thousands as India parts them.
    (re.compile(r"(?<=\d)[. ](?=\d{3},\d{1,2}\b)|(?<=\d),(?=(?:\d\d,)+\d{3}\b)"), ""),
    (re.compile(r"(?<=\d)\.(?=\d{3}\s?(?:€|eur(?:o|os)?\b))"), ""),
    (
        re.compile(rf"((?:€|\beur)\s?\d{{1,3}})\.(?=\d{{3}}\b(?!\s?(?:{'|'.join(SCALES)})\b))"),
        r"\1",
    ),
    (re.compile(r"(?<=\d)\.(?=\d{3}\.\d{3}\b)|(?<=\d\.\d{3})\.(?=\d{3}\b)"), ""),
    (re.compile(r"\b\d+(?:\.\d+){2,}\b"), lambda match: "v" + match[0].replace(".", "_")),
)
_SHORT = re.compile(
    r"(?<![\w.])(?:" + "|".join(map(re.escape, sorted(SHORT_FORMS, key=len, reverse=True))) + r")(?!\w)"
)  # fmt: skip


def rewritten(text: str) -> str:
    """The text in lower case, with one spelling of dates, times, fractions and short names."""
    text = re.sub(r"\b([A-Z]{1,3})[-–](?=\d)", r"\1", text)  # X-200 and X200 are one code
    text = _BROKEN.sub(lambda match: f"{int(match[1]) / int(match[2]):.4g}", text)
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    # 12M and $12m are millions; 12 m are metres.
    text = re.sub(r"(?<=\d)\s?M\b", " million", text)
    text = re.sub(r"\bUS(?=[ .,']|$)", "U.S.", text).lower()
    text = re.sub(r"([$€£]\s?\d[\d.,]*)\s?mm?\b", r"\1 million", text)
    text = _SHORT.sub(lambda match: SHORT_FORMS[match[0]], text)
    for pattern in _DATES:
        text = pattern.sub(_date, text)
    text = _SLASHED.sub(_slashed, text)
    text = _ROW.sub(_row, text)
    text = _PAST.sub(_past, text)
    text = _PAST_GERMAN.sub(_past_german, text)
    text = _PAST_ROMANCE.sub(_past_romance, text)
    text = re.sub(
        r"\b(?:12 )?(?:noon|midday|midi|mediodía|mezzogiorno)\b", "@t12:00", text
    ).replace("midnight", "@t00:00")
    text = _CLOCK.sub(_clock, text)
    for phrase, instead in _PHRASES:
        text = phrase.sub(instead, text)
    text = re.sub(r"(?<=\d)\s?[€$£]", lambda match: f" {CURRENCIES[match[0].strip()]}", text)
    text = _UNIT_PART.sub(lambda match: f"{_UNIT_PARTS[match[1]]} ", text)
    text = _AND_A_HALF.sub(r"1.5 \1", text)
    text = _N_AND_A_HALF.sub(_plus_half, text)
    text = _HALF_A.sub(r"0.5 \1", text)
    text = _FRACTION.sub(_fraction, text)
    return _ORDINAL.sub(_ordinal, text)


def _date(match: re.Match[str]) -> str:
    found = match.groupdict()
    month = found["m"] if found["m"].isdigit() else str(MONTHS[found["m"]])
    if not 1 <= int(month) <= 12 or int(found.get("d") or 1) > 31:
        return match[0]
    day = f"-{int(found['d']):02}" if found.get("d") else ""
    return f"@{found.get('y') or '-'}-{int(month):02}{day}"


def _slashed(match: re.Match[str]) -> str:
    """3/5/2024 is the third of May or the fifth of March."""
    one, two, year = int(match[1]), int(match[2]), match[3]
    readings = [(m, d) for m, d in ((two, one), (one, two)) if m <= 12 and d <= 31]
    return "@" + "|".join(dict.fromkeys(f"{year}-{m:02}-{d:02}" for m, d in readings))


def _time(hour: int, minute: int, *, open_half: bool) -> str:
    readings = [hour % 24, (hour + 12) % 24] if open_half and 0 < hour <= 12 else [hour % 24]
    return "@" + "|".join(f"t{h:02}:{minute:02}" for h in readings)


def _clock(match: re.Match[str]) -> str:
    half, hour = match["half"] or "", int(match["h"])
    if not (match["min"] or half):
        return match[0]
    late = half.startswith("p") or bool(match["late"])
    early = half.startswith("a") or bool(match["early"])
    if late or early:
        hour = hour % 12 + 12 * late if hour <= 12 else hour
    open_half = not late and not early and not match["h"].startswith("0")
    return _time(hour, int(match["min"] or match["past"] or 0), open_half=open_half)


def _past(match: re.Match[str]) -> str:
    if match["n"]:
        minute = int(match["n"]) if match["n"].isdigit() else int(NUMBER_WORDS.get(match["n"], 0))
        return _from_the_hour(match, minute) if minute and minute % 5 == 0 else match[0]
    minute = 30 if match["part"] == "half" else 15
    return _from_the_hour(match, minute if match["way"] == "past" else -minute)


def _past_german(match: re.Match[str]) -> str:
    """Half past eight for "halb neun"."""
    return _from_the_hour(match, -30 if match["half"] else 15 if match["way"] == "nach" else -15)


def _past_romance(match: re.Match[str]) -> str:
    return _from_the_hour(match, 30 if match["half"] else 15 if match["past"] else -15)


def _from_the_hour(match: re.Match[str], minutes: int) -> str:
    """The hour that is named, so many minutes later; what is no hour stays as it is."""
    named = match["h"]
    hour = int(named) if named.isdigit() else int(HOURS.get(named) or NUMBER_WORDS.get(named, 0))
    if not 1 <= hour <= 12:
        return match[0]
    total = 60 * hour + minutes
    # The clock's pattern reads on from here, so that "in the evening" counts.
    return f"{total // 60}:{total % 60:02}"


def _ordinal(match: re.Match[str]) -> str:
    """One word for "2nd", "second" and "zweite"; the first keeps its own, whose opposite is the last."""
    place = int(match["n"]) if match["n"] else ORDINALS[match["word"]]
    if place > max(ORDINALS.values()):
        return match[0]  # "the 65th year in a row" is 65 years in a row
    return "first" if place == 1 else f"place{place}"


def _fraction(match: re.Match[str]) -> str:
    count = {"a": 1.0, "an": 1.0, None: 1.0}.get(match["n"]) or NUMBER_WORDS[match["n"]]
    return f"{count * _PARTS[match['part'] or 'half']:.1f} %"


def _plus_half(match: re.Match[str]) -> str:
    word = match[1]
    count = float(word) if word.isdigit() else NUMBER_WORDS.get(word)
    return match[0] if count is None else f"{count + 0.5} "


def _row(match: re.Match[str]) -> str:
    total = 0.0
    for word in re.split(r"[- ]", match[0].strip()):
        value = NUMBER_WORDS.get(word, 0.0)
        total = total * value if value == 100 else total + value
    return f"{total:.0f} " if match[0].endswith(" ") else f"{total:.0f}"
