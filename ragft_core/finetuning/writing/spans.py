"""Finds what a passage could be asked about: spans of its text that make short, checkable answers.

No parser and no tagger: patterns for the things that people ask about (amounts, dates, names,
codes, terms, what something is), ranked by how well such an answer can be checked. A candidate
that makes a poor question is no harm, because every question is tested afterwards; one that is
never proposed is lost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_WORD_NUMBER = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty"
    r"|fifty|sixty|ninety)"
)
_NUMBER = r"\d+(?:[.,]\d+)*"
_CURRENCY = r"(?:euros?|dollars?|pounds?|francs?|cents?|pence|EUR|USD|GBP|CHF)"
_SCALE = r"(?:\s(?:thousand|million|billion))?"
_MONEY = rf"(?:[€$£]\s?{_NUMBER}{_SCALE}|\b{_NUMBER}{_SCALE}\s{_CURRENCY}\b)"
_DAY = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:\s\d{{4}})?|{_MONTH}\s\d{{1,2}}(?:,\s\d{{4}})?)"
_CLOCK = r"\d{1,2}[:.]\d{2}(?:\s?[ap]\.?m\.?)?"
_NO_UNIT = (
    r"(?:in|to|and|or|of|at|on|is|are|was|were|has|have|had|for|per|from|by|the|as|a|an|its|this|that"
    r"|us|we|you|they|it|than|with|more|less|times)"
)
_UNIT = (
    r"(?:percent|per\scent|people|feet|inch|kg|g|mm|cm|m|km|l|ml|kW|kWh|W|V|A|Hz|GB|MB|kB|TB|h|min|s"
    r"|[a-z]+\s(?:hour|metre|litre)|hour|day|week|month|year|minute|second|ampere|volt|watt)"
)
_PLURAL = rf"(?:(?!{_NO_UNIT}\b)[a-z]+[\s-]){{0,2}}?(?!{_NO_UNIT}\b)[a-z]+(?:s|people|children)"
_NAME_WORD = r"[A-Z][\w'’&-]*[\w]"
_JOIN = r"(?:\s(?:of|de|van|von|&|the))?"
_PHRASE = r"[a-z][\w '’-]{4,45}?"
_PHRASE_END = (
    r"(?=[.,;:()\n]|\s(?:that|which|who|and|or|but|in|on|at|for|from|with|by|of|to|when|if|is|are"
    r"|was|were|after|before|as|so|until|because|wherever|where)\s|$)"
)

# Kind, how good an answer it makes (0 to 1), pattern; a group in it is the answer itself. Where two
# overlap, the better one wins.
_PATTERNS: tuple[tuple[str, float, str], ...] = (
    ("range", 1.1, rf"\b{_CLOCK}\s?(?:to|until|and|–|-)\s?{_CLOCK}"),
    ("range", 1.1, rf"\b(?:{_DAY}|\d{{1,2}})\s?(?:to|until|–|-)\s?{_DAY}"),
    ("money", 1.0, _MONEY),
    ("date", 1.0, rf"\b{_DAY}\b|\b{_MONTH}\s\d{{4}}\b|\b\d{{4}}-\d{{2}}-\d{{2}}\b"),
    ("time", 0.95, r"\b\d{1,2}:\d{2}(?:\s?[ap]\.?m\.?)?(?=\W|$)|\b\d{1,2}\s?[ap]\.?m\b"),
    (
        "quantity",
        0.95,
        rf"\b(?:{_NUMBER}|{_WORD_NUMBER})(?:\s(?:to|by)\s{_NUMBER})?"
        rf"(?:\s?[%°]C?|\s(?:{_UNIT}|{_PLURAL})\b)",
    ),
    ("contact", 0.9, r"\b[\w.+-]+@[\w-]+\.[\w.]*\w|\bhttps?://[^\s)>\]]*\w|\+?\d[\d\s()/-]{6,}\d"),
    ("code", 0.9, r"\b[A-Z][A-Z0-9]*[-_/]?\d[\w-]*\b|`[^`\n]{2,40}`|\bv\d+(?:\.\d+)+\b"),
    ("code", 0.9, r"\b\d+\.\d+\.\d+(?:\.\d+)*\b"),
    ("term", 0.85, r"\*\*[^*\n]{2,50}\*\*|[\"“][^\"”\n]{2,50}[\"”]"),
    ("name", 0.85, rf"\b{_NAME_WORD}(?:{_JOIN}\s{_NAME_WORD}){{1,4}}"),
    ("field", 0.8, r"(?<=\w: )[^\s;:|][^;:|\n]{1,40}(?=;|$)"),
    ("year", 0.8, r"(?<![-\w.,])(?:1[5-9]|20)\d{2}\b(?![.,]\d)"),
    ("name", 0.75, rf"(?<=[a-z,;:]\s){_NAME_WORD}\b(?!\s[A-Z])"),
    ("phrase", 0.6, rf"\b(?:is|are|was|were|has|as) ((?:a|an|the) {_PHRASE}){_PHRASE_END}"),
    ("phrase", 0.5, rf"\b(?:by|to|in|at|on|into|through) ((?:a|an|the) {_PHRASE}){_PHRASE_END}"),
    (
        "phrase",
        0.45,
        rf"\b(?:with|from|uses?|needs?|have|called|for|made of|only) ({_PHRASE}){_PHRASE_END}",
    ),
)
_COMPILED = tuple((kind, worth, re.compile(pattern)) for kind, worth, pattern in _PATTERNS)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]?\s+(?=[\"“(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|approx|no|Nr|Dr|Mr|Mrs|Ms|St|vs|cf|Inc|Ltd)\.$")
_MARKS = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|>)\s+")
_EDGES = " \t*_`\"“”'’.,;:()|"
_HOLLOW = re.compile(
    r"(?:this|that|these|those|it|they|he|she|we|you|one|other|such|same|following|above|below|way"
    r"|thing|things|lot|number|part|case|example|people|time|times|first|last|next|more|most|any)"
)
# Capital letters that begin a sentence, not a name.
_OPENING = re.compile(
    r"(?:The|A|An|In|On|At|Our|My|Your|Its|Their|For|From|With|By|Every|Each|All|Both|No|If|When"
    r"|After|Before|Since|Until|Under|As|And|But|Only|Ask|See|To|This|That|These|Those)\s+"
)
_LONGEST_WORDS = 7
_PER_SENTENCE = 2


@dataclass(frozen=True)
class Span:
    """A candidate answer: its characters in the passage, and the sentence it stands in.

    ``worth`` is higher for answers that are easier to check; comparable within a passage.
    """

    start: int
    end: int
    text: str
    kind: str
    worth: float
    sentence: str


def find_spans(text: str, limit: int = 6) -> list[Span]:
    """The best candidate answers of a passage, at most ``limit``, in the order of their worth.

    They do not overlap, no two have the same words, and no more than two come from one sentence.
    A second span of one kind counts less than the first, so that a table of prices does not
    crowd out everything else.
    """
    chosen: list[Span] = []
    per_sentence: Counter[str] = Counter()
    per_kind: Counter[str] = Counter()
    seen: set[str] = set()
    left = list(_candidates(text))
    while left and len(chosen) < limit:
        best = max(left, key=lambda span: (span.worth * 0.9 ** per_kind[span.kind], -span.start))
        left.remove(best)
        overlaps = any(best.start < other.end and other.start < best.end for other in chosen)
        if overlaps or best.text.lower() in seen or per_sentence[best.sentence] >= _PER_SENTENCE:
            continue
        chosen.append(best)
        seen.add(best.text.lower())
        per_sentence[best.sentence] += 1
        per_kind[best.kind] += 1
    return chosen


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end offsets of the sentences, headings left out; a line never joins the next.

    Lines are kept apart only where they end a block: a line that merely wraps goes on.
    """
    for start, end in _blocks(text):
        block = text[start:end]
        begin = 0
        for mark in _SENTENCE_END.finditer(block):
            if _ABBREVIATION.search(block[begin : mark.start()]):
                continue
            yield start + begin, start + mark.start()
            begin = mark.end()
        if block[begin:].strip():
            yield start + begin, start + len(block.rstrip())


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, list items and table rows; headings are not sentences."""
    start: int | None = None
    offset = 0
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        bare = line.strip()
        item = _MARKS.match(line)
        alone = bare.startswith(("#", "|")) or _is_title(lines, number)
        if start is not None and (not bare or item or alone):
            yield start, offset
            start = None
        if bare.startswith("|"):
            yield offset, offset + len(line.rstrip())
        elif bare and not alone and start is None:
            start = offset + (item.end() if item else len(line) - len(line.lstrip()))
        offset += len(line)
    if start is not None:
        yield start, len(text.rstrip())


def _is_title(lines: list[str], number: int) -> bool:
    """Whether a line of plain text is a heading: short, without a full stop, between sentences.

    What was a heading in a PDF arrives as a line like any other.
    """
    bare = lines[number].strip()
    if not bare[:1].isupper() or len(bare) > 60 or bare[-1] in '.!?,;:)”"':
        return False
    before = lines[number - 1].strip() if number else ""
    after = lines[number + 1].strip() if number + 1 < len(lines) else ""
    return (not before or before[-1] in ".!?:") and after[:1].isupper()


def _candidates(text: str) -> Iterator[Span]:
    lowered = text.lower()
    for begin, end in sentences(text):
        sentence = text[begin:end]
        if not 4 <= len(sentence.split()) <= 80:
            continue
        for kind, worth, pattern in _COMPILED:
            for found in pattern.finditer(text, begin, end):
                start, stop = _trim(text, *found.span(found.lastindex or 0))
                if kind == "name" and (opening := _OPENING.match(text, start, stop)):
                    start = opening.end()
                answer = text[start:stop]
                if not _usable(answer, kind, start == begin):
                    continue
                # A span that stands in several places has no one fact behind it.
                times = lowered.count(answer.lower())
                fitting = worth - 0.15 * (times - 1) - 0.02 * max(0, len(answer.split()) - 4)
                if fitting > 0:
                    yield Span(start, stop, answer, kind, fitting, " ".join(sentence.split()))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    return start, end


def _usable(answer: str, kind: str, opens_sentence: bool) -> bool:
    words = answer.split()
    if not words or len(words) > _LONGEST_WORDS or len(answer) < 2 or "\n" in answer:
        return False
    if kind == "name" and opens_sentence and len(words) == 1:
        return False
    if kind == "term" and not re.search(r"\w{3}", answer):
        return False
    if kind == "phrase":
        own = words[1:] if words[0].lower() in ("a", "an", "the") else words
        ends = (own[0].lower(), own[-1].lower()) if own else ()
        return len(own) > 1 and not any(_HOLLOW.fullmatch(word) for word in ends)
    return True
