"""How texts are made comparable before anything is counted: plain tokens and refusals."""

from __future__ import annotations

import re
import string

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import normalise, with_plain_numbers

# Ways of saying "I cannot tell", besides the sentence that the prompt asks for. Each is looked
# for at the beginning only: a refusal opens an answer, an aside further down is none.
_TEXTS = (
    r"(?:documents?|passages?|texts?|contexts?|sources?|evidence|information|data|filings?|reports?"
    r"|statements?|excerpts?|manual|files?)"
)
_TOLD = (
    r"(?:say|mention|state|contain|provide|specify|include|hold|give|offer|disclose|list|reveal"
    r"|have|show|cover|answer|describe|indicate)"
)
_REFUSALS = re.compile(
    rf"\b{_TEXTS}\b[^.]{{0,60}}?\b(?:do|does|did)(?:n't| not) (?:\w+ )?{_TOLD}"
    rf"|\bnot (?:\w+ )?(?:mentioned|stated|specified|covered|answerable|provided|given|found|available"
    rf"|known|disclosed|included|listed|described)"
    rf"(?:\W*$|[^.]{{0,20}}? (?:in|from|by|within) (?:the|these|those|any|your|this|my)\b[^.]{{0,30}}{_TEXTS})"
    r"|\b(?:i|we) (?:do(?:n't| not)) (?:\w+ ){0,2}(?:know|have (?:[\w-]+ ){0,4}"
    r"(?:access|information|data|details?|knowledge))"
    r"|\b(?:i|we) (?:can(?:not|'t| not)|am unable to|are unable to|couldn't|could not) (?:\w+ )?"
    r"(?:answer|say|tell|find|determine|provide|access|give|calculate|confirm|retrieve|locate)"
    r"|\bi'?m (?:\w+ )?(?:unable|not able) to\b|\b(?:it is|it's) (?:\w+ )?(?:impossible|not possible) to\b"
    r"|\bcan(?:not|'t| not) be (?:\w+ )?(?:determined|answered|found|calculated|known|told|established)"
    r"|\b(?:there is|there's|provides?|contains?|gives?|have|has) (?:no|insufficient|not enough) (?:\w+ )?"
    r"(?:answer|information|mention|data|details?)\b"
    r"|\b(?:no|not enough|insufficient) (?:\w+ )?(?:answer|information|data|details?)"
    r"(?:\W*$| (?:is |are |was )?(?:available|provided|given|found|about|on this|regarding|to answer|here"
    r"|in the (?:documents?|passages?|text|context)))"
    r"|\byou (?:haven't|have not|didn't|did not) provided?\b|\byou(?: would|'d)? (?:typically |usually |first )?"
    r"(?:need|have) to (?:look|have|consult|access|refer|check|review)|\byou (?:would|can) "
    r"(?:typically |usually )(?:look|find|check|refer|need)"
    r"|\bplease (?:provide|refer to|check|consult)\b|\bi(?: would|'d) need (?:more|access|the|additional)"
    r"|\bwe (?:would |will )?need (?:access|to have|the actual|more)"
    r"|\bunanswerable\b|^\W*(?:unknown|n/?a|none|no idea)\W*$"
    r"|\b(?:steht|stehen|findet sich|ist|sind) (?:\w+ )?nicht (?:in|aus) (?:den|dem|der) (?:\w+ )?"
    r"(?:dokument|unterlagen|text|passage)\w*"
    r"|\b(?:dokumente|unterlagen|passagen|texte?) (?:\w+ )?(?:sagen|enthalten|nennen|geben)\w* (?:\w+ ){0,3}"
    r"(?:nicht|kein\w*)|\bkeine (?:angaben?|informationen?|antwort)\b|\bich wei(?:ß|ss) (?:es )?nicht\b",
    re.IGNORECASE,
)
# "The warranty is not mentioned on the box but lasts two years" answers.
_GOES_ON = re.compile(r"\b(?:but|however|although|though)\b", re.IGNORECASE)
# A refusal may come behind an apology or a repetition of the question.
_OPENING = 2
_APOLOGY = re.compile(
    r"\W*(?:(?:i'?m |i am )?(?:so |very )?sorry|unfortunately|no|hm+|i apologi[sz]e)\b",
    re.IGNORECASE,
)
# Punctuation before a token, but for the sign of a number.
_SIGNED = re.compile(rf"^(?!-\d)[{re.escape(string.punctuation)}]+")


def plain_tokens(text: str) -> list[str]:
    """Normalised tokens in which a number has one spelling: ``3.5 million`` is ``3500000``."""
    spelled = with_plain_numbers(text).lower()
    tokens = (_SIGNED.sub("", token.rstrip(string.punctuation)) for token in spelled.split())
    return [token for token in tokens if token and token not in ("a", "an", "the")]


def is_abstention(text: str) -> bool:
    """Whether an answer declines to answer: the agreed sentence, or a usual refusal."""
    if normalise(ABSTENTION) in normalise(text):
        return True
    if not text.strip():
        return True
    plain = text.strip().replace("’", "'")
    opening = re.split(r"(?<=[.!?])\s|\n", plain, maxsplit=_OPENING)[:_OPENING]
    for place, sentence in enumerate(opening):
        if place and 0 < len(opening[0].split()) <= 3 and not _APOLOGY.match(opening[0]):
            return False  # a short answer came first
        found = _REFUSALS.search(sentence)
        if found and not _GOES_ON.search(sentence, found.end()):
            return True
    return False
