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
_CURRENCY = r"(?:euros?|dollars?|pounds?|francs?|cents?|EUR|USD|GBP|CHF)"
_SCALE = r"(?:\s(?:thousand|million|billion))?"
_NAME_WORD = r"[A-Z][\w'’&-]*[\w]"
_JOIN = r"(?:\s(?:of|de|van|von|&|the))?"
_PHRASE = r"[a-z][\w '’-]{4,45}?"
_PHRASE_END = (
    r"(?=[.,;:()\n]|\s(?:that|which|who|and|or|but|in|on|at|for|from|with|by|of|to|when|if|is|are"
    r"|was|were|after|before|as)\s|$)"
)
_UNIT = r"(?!(?:in|to|and|or|of|at|on|is|are|was|for|per|from|by|the|as)\b)"

# Kind, how good an answer it makes (0 to 1), pattern; a group in it is the answer itself. Where two
# overlap, the better one wins.
_PATTERNS: tuple[tuple[str, float, str], ...] = (
    ("money", 1.0, rf"[€$£]\s?{_NUMBER}{_SCALE}|\b{_NUMBER}{_SCALE}\s{_CURRENCY}\b"),
    (
        "date",
        1.0,
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:\s\d{{4}})?\b"
        rf"|\b{_MONTH}\s\d{{1,2}}(?:,\s\d{{4}})?\b|\b{_MONTH}\s\d{{4}}\b|\b\d{{4}}-\d{{2}}-\d{{2}}\b",
    ),
    ("time", 0.95, r"\b\d{1,2}(?::|\.)\d{2}(?:\s?[ap]\.?m\.?)?(?=\W|$)|\b\d{1,2}\s?[ap]\.?m\b"),
    (
        "quantity",
        0.95,
        rf"\b(?:{_NUMBER}|{_WORD_NUMBER})(?:\s?[%°]C?|[\s-](?:[a-z]+(?:ing|al|ic|ar)\s)?{_UNIT}"
        r"[a-z]+\b)",
    ),
    ("contact", 0.9, r"\b[\w.+-]+@[\w-]+\.[\w.]*\w|\bhttps?://[^\s)>\]]*\w|\+?\d[\d\s()/-]{6,}\d"),
    ("code", 0.9, r"\b[A-Z][A-Z0-9]*[-_/]?\d[\w-]*\b|`[^`\n]{2,40}`|\bv?\d+\.\d+(?:\.\d+)*\b"),
    ("term", 0.85, r"\*\*[^*\n]{2,50}\*\*|[\"“][^\"”\n]{2,50}[\"”]"),
    ("name", 0.85, rf"\b{_NAME_WORD}(?:{_JOIN}\s{_NAME_WORD}){{1,4}}"),
    ("year", 0.8, r"\b(?:1[5-9]|20)\d{2}\b"),
    ("name", 0.75, rf"(?<=[a-z,;:]\s){_NAME_WORD}\b"),
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
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        item = _MARKS.match(line)
        alone = bare.startswith(("#", "|"))
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


def _candidates(text: str) -> Iterator[Span]:
    lowered = text.lower()
    for begin, end in sentences(text):
        sentence = text[begin:end]
        if not 4 <= len(sentence.split()) <= 80:
            continue
        for kind, worth, pattern in _COMPILED:
            for found in pattern.finditer(text, begin, end):
                start, stop = _trim(text, *found.span(found.lastindex or 0))
                answer = text[start:stop]
                if not _usable(answer, kind, start == begin):
                    continue
                # A span that stands in several places has no one fact behind it.
                times = lowered.count(answer.lower())
                fitting = worth - 0.15 * (times - 1) - 0.02 * max(0, len(answer.split()) - 4)
                # A capital that begins the sentence may be no part of the name behind it.
                fitting -= 0.2 * (kind == "name" and start == begin)
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
        last = words[-1].lower()
        return len(words) > 1 and not any(_HOLLOW.fullmatch(w) for w in (words[0].lower(), last))
    return True
