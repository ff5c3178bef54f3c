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
    r"|statements?|excerpts?|manuals?|files?|sections?|pages?|handbooks?|leaflets?|guides?|brochures?|timetables?"
    r"|sheets?|catalogues?)"
)
_TOLD = (
    r"(?:say|mention|state|contain|provide|specify|include|hold|give|offer|disclose|list|reveal"
    r"|have|show|cover|answer|describe|indicate)"
)
_GERMAN = r"(?:\w+ )?(?:dokumente?n?|unterlagen|texte?n?|passagen?|quellen?|kontext)"
_REFUSALS = re.compile(
    rf"\b{_TEXTS}\b[^.,]{{0,60}}?\b(?:do|does|did)(?:n't| not) (?:\w+ )?{_TOLD}"
    rf"|\b{_TEXTS}\b[^.,]{{0,60}}?\b(?:gives?|provides?|contains?|states?|lists?|shows?) no (?:\w+ )?"
    r"(?:information|details?|mention|indication|reference|answer|data|figures?|numbers?|dates?|prices?|codes?|values?)\b"
    # Whatever it is, what says nothing of a thing is a text.
    r"|\b(?:does|do|did)(?:n't| not) (?:\w+ )?(?:say|mention|specify|state)\b"
    r"|\b(?:does|do|did)(?:n't| not) contain (?:any )?(?:information|details?|mention)\b"
    r"|\b(?:not|n't) (?:specified|stated|mentioned|known|clear|disclosed) (?:who|what|when|where|how|whether|which|why|if)\b"
    r"|\bnon (?:lo )?(?:riporta|menziona|specifica|precisa)\w*|\bil \w+ non (?:indica|dice)\b"
    r"|\bne (?:le )?(?:précise|mentionne|spécifie)(?:nt)? pas\b|\bno (?:lo )?(?:menciona|especifica|precisa)n?\b"
    r"|\bnão (?:menciona|especifica)m?\b|\b(?:vermeldt|noemt) (?:\w+ ){0,3}niet\b"
    r"|\b(?:nennt|erwähnt|nennen|erwähnen) (?:\w+ ){0,3}(?:nicht|kein\w*)\b"
    # "Norway is not covered" answers, "this is not covered" does not.
    rf"|(?:\bnot|n't) (?:\w+ )?(?:mentioned|stated|specified|answerable|found|known|disclosed|listed|described)\W*$"
    rf"|(?:^\W*|\b(?:it|this|that|which|information|details?|answer|question|topic) (?:is|was|are) )(?:not|n't)"
    rf" (?:\w+ )?(?:covered|provided|given|available|included)\W*$"
    rf"|(?:\bnot|n't) (?:\w+ )?(?:mentioned|stated|specified|covered|answerable|provided|given|found|available"
    rf"|known|disclosed|included|listed|described)"
    rf"[^.]{{0,20}}? (?:in|from|by|within) (?:the|these|those|any|your|this|my)\b[^.]{{0,30}}{_TEXTS}"
    r"|\b(?:says?|contains?|mentions?|states?) nothing (?:about|on|of|regarding)\b"
    r"|\b(?:testo|documenti|documento|contesto|passaggi|brani?) non (?:lo )?(?:riporta|menziona|indica|specifica|contien|dic)\w*"
    r"|\bnon (?:è|sono|viene|vengono) (?:specificat|indicat|menzionat|riportat|precisat)\w*|\bnon lo so\b|\bnessuna informazione\b"
    r"|\b(?:documenten?|tekst|passages?|bronnen|context) (?:vermeld|noem|zeg|bevat|geef|geeft)\w* (?:\w+ ){0,4}(?:niet|geen)\b"
    r"|\bstaat (?:\w+ ){0,2}niet (?:in|vermeld)\b|\bgeen informatie\b|\bweet (?:ik )?(?:het |dat )?niet\b|\bniet (?:vermeld|genoemd)\b"
    r"|\b(?:documentos?|textos?|contexto|trechos?) não (?:\w+ )?(?:menciona|diz|indica|especifica|contém|informa)\w*"
    r"|\bnão (?:consta|sei|é mencionad|está especificad|há informaç|encontrei)\w*"
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
    rf"|\b(?:there (?:is|are|isn't|aren't|was|were)|i (?:have|see|found|find)) (?:no|not|not any|n't any)? ?(?:enough|sufficient|relevant|any|specific)"
    rf" (?:\w+ )?{_TEXTS}"
    rf"|\bno (?:relevant|matching|suitable|specific|such) (?:\w+ )?{_TEXTS}\b|\bi do(?:n't| not) see (?:any|where|it)\b"
    rf"|\b(?:beyond|outside)(?: of)? (?:the scope of )?(?:what )?(?:the|these|my|your|this) (?:\w+ )?(?:{_TEXTS}|knowledge|scope)"
    r"|\bmy (?:knowledge|training)(?: data)?(?: \w+)? (?:cut-?off|ends|does(?:n't| not)|prevents?)"
    r"|\bwithout (?:the|access|more|further|additional|actual|that|this)\b[^.]{0,80}?\b(?:cannot|can't|can not|unable|impossible|not possible)"
    rf"|\bmakes? no (?:\w+ )?(?:mention|reference)\b|\bnothing (?:\w+ )?(?:in|about) (?:the|these|this|my|your)\b"
    rf"|\b(?:is(?:n't| not)|not) something (?:that )?(?:i|we) (?:can|could|know)|\b(?:couldn't|could not|can't|cannot|did not|didn't) find (?:any|a|the|it)"
    r"|\bhard to (?:say|tell) (?:from|without|based)|\b(?:unclear|not clear) (?:from|in|based)"
    r"|\b(?:steht|stehen|findet sich|ist|sind) (?:\w+ )?nicht (?:in|aus) (?:den|dem|der) (?:\w+ )?"
    r"(?:dokument|unterlagen|text|passage)\w*"
    r"|\b(?:dokumente|unterlagen|passagen|texte?) (?:\w+ )?(?:sagen|enthalten|nennen|geben)\w* (?:\w+ ){0,3}"
    r"(?:nicht|kein\w*)|\bkeine (?:\w+ )?(?:angaben?|informationen?|antwort|auskunft)\b|\bich wei(?:ß|ss) (?:es |das )?nicht\b"
    rf"|\bin (?:den|dem|der) {_GERMAN}\b[^.]{{0,60}}\bnicht (?:erwähnt|genannt|angegeben|enthalten|beschrieben|zu finden)"
    r"|\b(?:wird|werden|ist|sind) nicht (?:erwähnt|genannt|angegeben|beschrieben)"
    r"|\b(?:kann|können) (?:ich|wir) (?:\w+ ){0,3}?(?:nicht|keine) (?:\w+ )?(?:sagen|beantworten|finden|geben|ermitteln|auskunft)"
    r"|\bl(?:ä|ae)sst sich\b[^.]{0,60}\bnicht (?:entnehmen|sagen|beantworten|ermitteln|finden|bestimmen)"
    r"|\bgeht (?:\w+ ){0,4}nicht hervor|\bje ne (?:sais|peux|dispose|trouve|connais) pas\b|\bje n'ai (?:pas|aucune)\b[^.]{0,30}\b(?:information|accès|donnée|réponse)"
    r"|\b(?:documents?|textes?|passages?|contexte|extraits?) (?:fournis? )?ne (?:\w+ )?(?:\w+nt|\w+t|\w+e) pas\b|\baucune (?:information|mention|donnée)"
    r"|\bn'est pas (?:mentionnée?|précisée?|indiquée?|spécifiée?)|\bimpossible de (?:répondre|déterminer|dire)"
    r"|\bno (?:tengo|dispongo de|encuentro|hay|cuento con) (?:\w+ ){0,2}?(?:información|datos|acceso|respuesta)|\bno (?:lo )?sé\b"
    r"|\b(?:documentos?|textos?|pasajes?|contexto|fragmentos?) no (?:lo )?(?:menciona|dice|indica|especifica|contiene|proporciona|incluye)n?\b"
    r"|\bno se (?:menciona|indica|especifica|encuentra|proporciona)n?\b|\bno (?:puedo|es posible) (?:responder|determinar|decir|encontrar)"
    r"|わかりません|分かりません|不明です|(?:記載|言及|情報)(?:が|は|も)?(?:され|ござい|あり)?(?:て(?:い|お)?(?:り)?)?ません|お答えできません|見つかりません|(?:確認|判断|回答)できません"
    r"|(?:无法|不能)(?:回答|确定|提供)|(?:没有|未)(?:提到|提及|说明|相关信息)|알 수 없|정보가 없|찾을 수 없",
    re.IGNORECASE,
)
# "The warranty is not mentioned on the box but lasts two years" answers.
_GOES_ON = re.compile(r"\b(?:but|however|although|though)\b", re.IGNORECASE)
_FLAT = re.compile(r"\W*(?:yes|no),", re.IGNORECASE)
_SOURCE = re.compile(
    r"\b(?:i|we|documents?|texts?|passages?|context|information|sources?|data|manuals?|answer)\b|mention",
    re.IGNORECASE,
)
# A refusal may come behind an apology or a repetition of the question.
_OPENING = 2
_APOLOGY = re.compile(
    r"\W*(?:(?:i'?m |i am )?(?:so |very )?sorry|unfortunately|no|hm+|i apologi[sz]e)\b",
    re.IGNORECASE,
)
# "To calculate it we would need ..." tells a method; whether it declines, its end says.
_METHOD = re.compile(
    r"^\W*(?:to|in order to) (?:calculate|determine|answer|estimate|compute|find|assess|work out)\b"
    r"|\b(?:would|need) (?:\w+ )?(?:need|refer|look|require|have)\b|\bcan be (?:calculated|found|determined)\b"
    r"|\b(?:is|are) (?:\w+ )?calculated\b|\bfollowing (?:formula|steps|pieces|data)\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\b(?:i|we) (?:cannot|can't|can not|am unable to|are unable to)\b"
    r"|\b(?:it is|it's) (?:\w+ )?(?:impossible|not possible|difficult) to\b"
    r"|\bcan(?:not|'t| not) be (?:\w+ )?(?:determined|answered|calculated|known|established|confirmed)",
    re.IGNORECASE,
)
# Who begins with what it cannot do declines, whatever general remarks follow; "the filing does not
# state it" may be the beginning of an answer.
_SPEAKER = re.compile(
    r"^\W*(?:i'?m (?:so |very )?sorry|unfortunately|i apologi[sz]e|as an ai|as of my|i (?:do|am|can|have)|my )\b"
    r"|^\W*i (?:don't|can't|cannot)\b",
    re.IGNORECASE,
)
# The last sentence says that what was asked could not be done.
_FAILS = re.compile(
    r"\b(?:(?:i|we) (?:cannot|can't|can not|am unable to|are unable to)|(?:it is|it's) (?:\w+ )?(?:impossible|not possible) to)"
    r" (?:\w+ )?(?:calculate|compute|determine|answer|provide)\b",
    re.IGNORECASE,
)
# Where to look is no answer.
_POINTS = re.compile(
    r"\b(?:consult|refer to|guide you|be found (?:in|on|through)|you (?:can|could|should|would)|would need|let me know)\b",
    re.IGNORECASE,
)
_ASKS_FOR_MORE = re.compile(
    r"\b(?:i|we|you|one) (?:would need|need to have|will need)\b|\bif you (?:can|could|have|provide)\b"
    r"|\bwithout (?:the|access|more|further|additional|actual|that|this|these)\b"
    r"|\bplease (?:provide|refer|check|consult|let me know|obtain|find)\b",
    re.IGNORECASE,
)
# A first sentence that states something: what follows of things not told is an aside.
_STATES = re.compile(r"^\W*based on (?:the|my|what)\b[^,]*, (?!(?:i|we|you|it) )", re.IGNORECASE)
_HOWEVER = re.compile(
    r"^\W*(?:however|but|nevertheless|nonetheless|that said|still|yet)\b", re.IGNORECASE
)
_THEREFORE = re.compile(
    r"^\W*(?:therefore|so|thus|hence|as a result|in conclusion|this means|since)\b|\b(?:the )?answer is\b",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?。])\s+|\n+|(?<=。)")
# Punctuation before a token, but for the sign of a number.
_SIGNED = re.compile(rf"^(?!-\d)[{re.escape(string.punctuation)}]+")


def plain_tokens(text: str) -> list[str]:
    """Normalised tokens in which a number has one spelling: ``3.5 million`` is ``3500000``."""
    spelled = with_plain_numbers(text).lower()
    tokens = (_SIGNED.sub("", token.rstrip(string.punctuation)) for token in spelled.split())
    return [token for token in tokens if token and token not in ("a", "an", "the")]


def is_abstention(text: str) -> bool:
    """Whether an answer declines to answer: the agreed sentence, or a usual refusal.

    A refusal opens an answer, or ends one that has told how it could be worked out. One that goes on
    to an answer ("However, ... Therefore it is 5") and does not end in doubt is none.
    """
    if normalise(ABSTENTION) in normalise(text):
        return True
    if not text.strip():
        return True
    plain = text.strip().replace("’", "'")
    if _FLAT.match(plain) and not _SOURCE.search(plain):
        return False  # "No, batteries are not included" answers
    sentences = [part for part in _SENTENCES.split(plain) if part.strip()]
    place = _opens_with_refusal(sentences)
    closing = any(_CLOSING.search(part) for part in sentences[-2:])
    if place is None:
        if len(sentences) > 1 and _FAILS.search(sentences[-1]):
            return True
        closing = closing or any(_ASKS_FOR_MORE.search(part) for part in sentences[-2:])
        return closing and bool(_METHOD.search(sentences[0])) and _refuses_within(sentences)
    return closing or bool(_SPEAKER.match(sentences[0])) or not _goes_on(sentences[place + 1 :])


def _opens_with_refusal(sentences: list[str]) -> int | None:
    """Which of the first sentences refuses."""
    for place, sentence in enumerate(sentences[:_OPENING]):
        if place and 0 < len(sentences[0].split()) <= 3 and not _APOLOGY.match(sentences[0]):
            return None  # a short answer came first
        if place and _STATES.match(sentences[0]) and not _METHOD.search(sentences[0]):
            return None
        found = _REFUSALS.search(sentence)
        if found and not _GOES_ON.search(sentence, found.end()):
            return place
    return None


def _refuses_within(sentences: list[str]) -> bool:
    return any(_REFUSALS.search(part) for part in sentences[-3:])


def _goes_on(rest: list[str]) -> bool:
    """Whether sentences after a refusal come to an answer."""
    return any(
        (_HOWEVER.match(part) or _THEREFORE.search(part))
        and not _REFUSALS.search(part)
        and not _POINTS.search(part)
        for part in rest
    )
