"""What a number is the least or the most of, and per what: "at least 18", "by 31 March", "5 a month"."""

from __future__ import annotations

import re

from ragft_core.evaluation.equivalence.content import take_apart
from ragft_core.evaluation.equivalence.rewriting import rewritten
from ragft_core.evaluation.equivalence.senses import denied, refuses
from ragft_core.evaluation.equivalence.vocabulary import MEASURES, UNITS, any_of

# What sets a number or a day as the least or the most.
_LEAST = (
    r"after|from|since|over|above|more than|at least|minimum|older than|longer than|ab|nach|über|mindestens|seit"
    r"|après|au moins|desde|al menos|almeno|minimo"
)
_MOST = (
    r"before|by|until|till|within|under|below|less than|fewer than|at most|maximum|up to|younger than|bis|vor|unter"
    r"|höchstens|innerhalb|avant|jusqu'à|hasta|massimo|entro"
)
_BOUND = re.compile(
    rf"\b(?:(?P<least>{_LEAST})|(?P<most>{_MOST}))(?: (?:the|an?|age|of|including|zum|dem))* (?=[$€£@]?\d|@)"
)
_ASKS_LEAST = re.compile(r"\b(?:minimum|at least|mindest\w*)\b")
_ASKS_MOST = re.compile(r"\b(?:maximum|at most|höchst\w*)\b")
_PERIODS = [word for word, unit in UNITS.items() if MEASURES[unit][0] in ("time", "months")]
_PER = re.compile(
    r"(?:\b(?:per|pro|par|por|each|every|al)|(?<=[\d%]) an?|\b(?:times|usd|eur|gbp|euros?|dollars?) an?|/) ?"
    rf"({any_of(_PERIODS)})\b"
)
_NO_MORE = re.compile(
    r"\b(?:no|not) (?:(?P<most>later|more|larger|bigger|longer|heavier|higher|greater|older)"
    r"|earlier|less|fewer|smaller|shorter|lower|younger) than\b",
    re.IGNORECASE,
)
_AND_MORE = re.compile(
    r"(?P<n>\d\S*(?: [^\W\d_]+)?),? (?:or|and) (?:later|newer|higher|above|more|over|older|longer|up|upwards"
    r"|(?P<most>less|fewer|earlier|below|under|lower|younger|shorter))\b",
    re.IGNORECASE,
)


def with_plain_bounds(text: str) -> str:
    """The text with "at most" for "no later than" and "at least" for "5 or more", which deny nothing."""
    text = _AND_MORE.sub(lambda match: f"{_bound(match)} {match['n']}", text)
    return _NO_MORE.sub(_bound, text)


def _bound(match: re.Match[str]) -> str:
    return "at most" if match["most"] else "at least"


def crosses_the_bound(answer: str, gold: str, question: str) -> bool:
    """Whether an answer makes the most of what should be the least: "after" for "by 31 March".

    Where the gold answer names no bound the question may ask for one: "the minimum age". A denial
    turns a bound round ("not under 18"), so that answers with one are left alone.
    """
    said, wanted = (_bounds(rewritten(text)) for text in (answer, gold))
    asked = question.lower()
    if not wanted and bool(_ASKS_LEAST.search(asked)) != bool(_ASKS_MOST.search(asked)):
        wanted = {"least"} if _ASKS_LEAST.search(asked) else {"most"}
    turned = denied(answer) or refuses(take_apart(answer).words)
    return len(said) == len(wanted) == 1 and said != wanted and not turned


def another_rate(answer: str, gold: str, question: str) -> bool:
    """Whether an answer says "per year" where the gold answer, or else the question, says "per month"."""
    said, wanted = _rates(answer), _rates(gold) or _rates(question)
    return bool(said and wanted) and not said & wanted


def _rates(text: str) -> set[str]:
    return {UNITS[match[1]] for match in _PER.finditer(rewritten(text))}


def _bounds(text: str) -> set[str]:
    return {match.lastgroup or "" for match in _BOUND.finditer(text)}
