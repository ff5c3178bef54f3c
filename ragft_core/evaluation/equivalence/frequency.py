"""How often something happens, said in many ways: "twice a year", "every six months", "half-yearly"."""

from __future__ import annotations

import re
from fractions import Fraction

from ragft_core.evaluation.equivalence.vocabulary import NUMBER_WORDS, UNITS, any_of

# How many of each there are in a year. Weeks are not parts of a month, so that the two are kept apart.
_A_YEAR = {"year": 1, "month": 12, "week": 52, "day": 365, "h": 8760}
_PERIODS = {word: _A_YEAR[unit] for word, unit in UNITS.items() if unit in _A_YEAR} | {
    "an": 1,  # French; an article elsewhere
    **dict.fromkeys("half-year halbjahr semester semestre".split(), 2),
    **dict.fromkeys("quarter quarters quartal quartale trimestre trimestres kwartaal".split(), 4),
}
_ADVERBS = {
    word: count
    for count, words in (
        (1, "annually yearly jährlich annuellement anualmente annualmente jaarlijks"),
        (2, "biannually semi-annually semiannually half-yearly halbjährlich"),
        (4, "quarterly vierteljährlich"),
        (12, "monthly monatlich mensuellement mensualmente mensilmente maandelijks"),
        (26, "fortnightly"),
        (52, "weekly wöchentlich semanalmente settimanalmente wekelijks"),
        (365, "daily täglich diariamente quotidianamente dagelijks"),
        (8760, "hourly stündlich"),
    )
    for word in words.split()
}
_TIMES = {"once": 1, "twice": 2, "thrice": 3, "einmal": 1, "zweimal": 2, "dreimal": 3, "viermal": 4}
# Numbers that are other words as well where nothing is counted.
_COUNTS = {"one": 1, "une": 1, "una": 1, "één": 1, "een": 1, "uma": 1, "ein": 1, "due": 2}


_COUNT = rf"\d{{1,3}}|{any_of([*NUMBER_WORDS, *_COUNTS])}"
_PERIOD = rf"(?:calendar )?(?P<{{half}}>half |halbe[ns]? )?(?P<{{name}}>{any_of(_PERIODS)})\b"
_PHRASE = re.compile(
    rf"\b(?P<adverb>{any_of(_ADVERBS)})\b"
    rf"|\b(?:(?P<times>{any_of(_TIMES)})|(?P<n>{_COUNT}) ?(?:times|mal|fois|veces|vez|volte|volta|keer|vezes))"
    rf" (?:an?|per|each|every|in (?:the|a|der)|im|am|pro|par|al|alla?|a la|all'|l'|por) ?{_PERIOD.format(half='half', name='per')}"
    rf"|\b(?:every|each|alle|jede[rsnm]?|tous les|toutes les|chaque|cada|ogni|elke?|iedere?) "
    rf"(?P<other>other |second |zweite[nrs]? )?(?:(?P<m>{_COUNT}) )?{_PERIOD.format(half='part', name='unit')}",
    re.IGNORECASE,
)


def said_alike(answer: str, gold: str) -> str:
    """The answer, with what happens as often as the gold answer says in the gold answer's words."""
    wanted = {_rate(match): match[0] for match in _PHRASE.finditer(gold)}
    return (
        _PHRASE.sub(lambda match: wanted.get(_rate(match), match[0]), answer) if wanted else answer
    )


def _rate(match: re.Match[str]) -> Fraction:
    """How often a year."""
    if match["adverb"]:
        return Fraction(_ADVERBS[match["adverb"].lower()])
    if match["per"]:
        times = _TIMES[match["times"].lower()] if match["times"] else _count(match["n"])
        return times * Fraction(_PERIODS[match["per"].lower()] * (2 if match["half"] else 1))
    apart = (_count(match["m"] or "1") or 1) * (2 if match["other"] else 1)
    return Fraction(_PERIODS[match["unit"].lower()] * (2 if match["part"] else 1)) / apart


def _count(word: str) -> Fraction:
    word = word.lower()
    return Fraction(word) if word.isdigit() else Fraction(_COUNTS.get(word) or NUMBER_WORDS[word])
