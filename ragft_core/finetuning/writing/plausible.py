"""Whether a question can be about its evidence: tests of its words against those of the passage.

A small writer makes up places and things ("in the usa"), asks about the neighbouring sentence, or
asks "when" for an amount. All three show in the words, without a model; a good question in words of
its own is sometimes lost to them, which costs a candidate and not a wrong example.
"""

from __future__ import annotations

import re

from ragft_core.finetuning.writing.filters import telling_words, words_of
from ragft_core.finetuning.writing.specificity import stems
from ragft_core.overlap import stem

# Words that a question may bring along: measures, roles and verbs of asking.
_GENERIC = frozenset(
    map(
        stem,
        "price cost charge fee amount sum money number total year date day time hour month week minute"
        " name title person people company customer staff employee member maximum minimum limit"
        " temperature weight size length width height depth age percentage percent share rate code"
        " form kind long far old big heavy high deep wide thick often soon early late least most more"
        " less longest highest lowest largest smallest allow permit need require take last begin start"
        " end open close happen make made get give pay paid spend locate find found use work known hold"
        " held usual typical place room item product part someone something anyone you your one each"
        " every should offer provide include contain have be wait stay go come arrive available valid"
        " possible least first second after before during within until per between can carry weigh"
        " measure reach draw run keep kept".split(),
    )
)
# How much of what it names must stand in the evidence sentence itself.
SUPPORT = 1 / 3
_TIME = re.compile(r"second|minute|hour|day|week|month|year|firing|night|time", re.IGNORECASE)
_LENGTH = re.compile(r"\b(?:mm|cm|m|km|metres?|meters?|miles?|inch(?:es)?|feet)\b")
_ASKS_FOR: dict[str, str] = {
    "money": r"how much|price|cost|fee|charg|amount|allowance|worth|pay|paid|deposit|limit|sum|what"
    r" does",
    "date": r"\bwhen\b|date|\bday\b|year|month|how long|deadline",
    "year": r"\bwhen\b|year|how long|since",
    "time": r"\bwhen\b|time|hour|how (?:early|late|soon)",
    "range": r"\bwhen\b|time|hour|date|days|between|how long|open|period",
    "name": r"\bwho|what|which|where",
}
# Claims of a question that the evidence must make as well.
_CLAIMS: tuple[tuple[str, str], ...] = (
    (
        r"maximum|\bmost\b|largest|highest|longest",
        r"maximum|\bmost\b|largest|highest|longest|up to|no more|limit|less than|youngest",
    ),
    (r"minimum|\bleast\b|smallest|lowest", r"minimum|least|smallest|lowest|above|more than"),
    (r"\bfirst\b", r"\bfirst\b"),
    (r"\baverage\b", r"average|about|usual|normal"),
    (r"how long does .*\btake\b", r"\btakes?\b|lasts?\b|reach|lead time|\bready\b"),
)
_STARTS = re.compile(r"\b(?:start|begin|end|close|finish)s?\b")
_PLACED = re.compile(r"\b(on|in|at|into|beside|under|through)\s+\W*$")
_NAME = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+)*")
_CALENDAR = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|January|February|March|April|May|June"
    r"|July|August|September|October|November|December"
)
# A bound that a question must not turn into a fact.
_LIMIT = re.compile(
    r"\b(?:at least|at most|up to|above|below|under|over|(?:more|less) than|within)\s*$"
)
_BOUND = re.compile(
    r"least|most|minimum|maximum|must|need|requir|\bmay\b|\bcan\b|allow|should|limit|take|within|up to"
    r"|above|below|under|over|soon|quick|highest|lowest"
)
# Money that is not what a thing costs.
_NO_PRICE = re.compile(r"deposit|discount|refund|\bfine\b|surcharge|\boff\b|allowance|bonus")
# "How many degrees is the kiln?" does not say what is measured.
_UNNAMED = re.compile(r"^how many \w+ (?:is|was)\b")
_POINTS_BACK = re.compile(r"\b(?:it|its|they|their|them|he|his|she|her)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;]|\b(?:and|or|but|who|which|because|so|where)\b")
_NEAR = 4

_NOT_FOR: dict[str, str] = {
    "money": r"^(?:when|who|where|why)\b",
    "quantity": r"^(?:who|where|why|whose|when)\b|\bname\b",
    "phrase": r"how (?:much|many|long|old|often)|^when\b|\bnumber of\b",
    "term": r"how (?:much|many|long|old|often)|^when\b",
    "code": r"how (?:much|many|long|old|often)|^(?:when|who|where)\b",
}


def implausible(question: str, answer: str, kind: str, evidence: str, passage: str) -> str | None:
    """Why a question can hardly be about its evidence; None where it may be.

    Args:
        question: As written.
        answer: The span it was written for.
        kind: The span's kind.
        evidence: The sentence that holds the span.
        passage: The whole passage with its title and heading.

    Returns:
        One of the keys of ``roundtrip.REASONS``.
    """
    asked = stems(question)
    near = stems(evidence)
    known = stems(passage)
    named = stems(passage.split("\n", 1)[0])
    if asked - known - _GENERIC:
        return "invented"
    # A code or a year names one thing exactly; it must be the evidence's own, or the title's.
    if any(any(c.isdigit() for c in word) for word in asked - near - named):
        return "off topic"
    counted = (asked - _GENERIC) | (asked & near)
    if not counted or len(asked & near) < SUPPORT * len(counted):
        return "off topic"
    titled = asked & named
    if len(titled) > 1 and not titled & near and not _POINTS_BACK.search(evidence):
        return "off topic"  # "the price of delivery and returns", of a sentence about kilns
    if not _asks_nearby(asked, answer, evidence) or _other_subject(asked | named, answer, evidence):
        return "off topic"
    lowered = question.lower()
    if any(re.search(a, lowered) and not re.search(b, evidence.lower()) for a, b in _CLAIMS):
        return "invented"
    return None if _right_kind(lowered, answer, kind, evidence) else "wrong kind"


def _asks_nearby(asked: set[str], answer: str, evidence: str) -> bool:
    """Whether the question has a word that stands next to the answer, measures counting half."""
    if _is_row(evidence):
        return True
    before, _, after = evidence.partition(answer)
    own = stems(answer)
    left = [stem(w) for w in words_of(before) if w in telling_words(before)]
    right = [stem(w) for w in words_of(after) if w in telling_words(after)]
    near = {*left[-_NEAR:], *right[:_NEAR]} - own
    shared = asked & near
    return bool(shared - _GENERIC) or len(shared) > 1 or not near


def _is_row(evidence: str) -> bool:
    """A row of a table, where every field stands next to unrelated ones."""
    return evidence.count(": ") > 1 or evidence.startswith("|")


def _other_subject(known: set[str], answer: str, evidence: str) -> bool:
    """Whether the name next to the answer, say of another product, is missing in the question."""
    if _is_row(evidence):
        return False
    at = evidence.find(answer)
    after = at + len(answer)
    names = [
        (match.start() - after if match.start() >= after else at - match.end(), match.group())
        for match in _NAME.finditer(evidence)
        if match.group() not in answer
        and not _CALENDAR.fullmatch(match.group())
        # What follows behind a comma or an "and" is another statement.
        and not _CLAUSE.search(evidence, after, max(after, match.start()))
    ]
    if not names:
        return False
    return not stems(min(names)[1]) <= known


def _right_kind(question: str, answer: str, kind: str, evidence: str) -> bool:
    if kind == "range" and _STARTS.search(question):
        return False
    before = evidence[: evidence.find(answer)]
    if _LIMIT.search(before) and not _BOUND.search(question):
        return False
    if re.search(r"price|cost|\bfee\b", question):
        other = {match.group() for match in _NO_PRICE.finditer(evidence.lower())}
        if any(word not in question for word in other):
            return False
    if _UNNAMED.search(question):
        return False
    placed = kind in ("phrase", "name") and _PLACED.search(before)
    if placed and not re.search(rf"where|which|\b{placed.group(1)}\b", question):
        return False
    if kind in _ASKS_FOR and not re.search(_ASKS_FOR[kind], question):
        return False
    if kind in _NOT_FOR and re.search(_NOT_FOR[kind], question):
        return False
    if kind != "quantity":
        return True
    if "how long" in question:
        return bool(_TIME.search(answer) or _LENGTH.search(answer))
    counted = re.search(r"how many (\w+)(?: (\w+))?", question)
    if counted is None:
        return True
    units = {stem(word) for word in re.findall(r"[a-z]+", answer.lower())}
    return not units or bool({stem(word) for word in counted.groups() if word} & units)


def same_numbers(found: str, expected: str) -> bool:
    """Whether every number of the expected answer stands in the found one.

    Two dates of one month share most of their words, and are two answers.
    """
    numbers = set(re.findall(r"\d+(?:[.,:]\d+)*", expected))
    return numbers <= set(re.findall(r"\d+(?:[.,:]\d+)*", found))
