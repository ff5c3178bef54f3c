"""Made-up questions that the documents do not answer, so that a model learns to say so.

A model that is trained on answers alone answers everything. Each question here asks something
ordinary about a name or a thing of the user's own texts ("Who designed the Pellow Viaduct?"). What
the texts might answer is left out: a question is kept only where no sentence and no example shares
its name and what it asks for. (The user's questions asked of another name were tried as well: of 7
questions 3 were declined with them and 5 without, the facts known alike.)
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import as_spelled, content_words
from ragft_core.types import Example, QuestionKind, Split

# What may be asked of a name: the question, and the words that would show the texts answer it.
_OF_NAMES = (
    ("Who designed {}?", "design designer designed architect planned drew drawn built"),
    (
        "Who founded {}?",
        "founded founder founding started start began begun established set opened first",
    ),
    ("Who was {} named after?", "named after name called"),
    (
        "When was {} last repaired?",
        "repaired repair maintenance overhauled renewed restored serviced",
    ),
    ("When will {} be closed?", "close closed closes closing shut until end ends open"),
    ("How much did {} cost?", "cost costs price prices paid pay fee charge bought"),
    ("What is the phone number of {}?", "phone telephone call number ring rings"),
    ("What is the e-mail address of {}?", "mail e-mail email address"),
    ("What is the website of {}?", "website web site internet"),
    ("Who owns {}?", "owns owner owned own belongs bought property"),
    ("How old is {}?", "old age years since built opened founded started made delivered"),
    ("What is the history of {}?", "history founded began since started built"),
    ("How many people work at {}?", "people staff employees work works team"),
    ("How many visitors does {} have in a year?", "visitors people guests year passengers"),
    ("Which awards has {} won?", "award awards prize won"),
    ("What is the motto of {}?", "motto slogan"),
    ("Who insures {}?", "insurance insures insured"),
    ("Which competitor is closest to {}?", "competitor rival competition"),
    ("What do customers think of {}?", "customers opinion review"),
    ("Where was {} made?", "made built manufactured factory from comes delivered"),
    ("How heavy is {}?", "heavy weight weighs weigh kg tonnes tons"),
    ("How tall is {}?", "tall high height metres meters"),
    ("In which film does {} appear?", "film movie"),
    ("Who painted the picture of {}?", "painted picture painter"),
    ("What was {} called before?", "called formerly name named known"),
    ("Which bank lends money to {}?", "bank loan credit lent"),
)
# What may be asked of a thing that has no name of its own.
_OF_THINGS = (
    ("Who invented the {}?", "invented inventor made designed"),
    ("Who pays for the {}?", "pays paid pay cost costs price fee charge"),
    ("Why was the {} changed last year?", "changed change year"),
    ("What did the {} look like ten years ago?", "years ago formerly"),
    ("How many complaints were there about the {}?", "complaints complaint"),
    ("Which law governs the {}?", "law legal regulation"),
    ("What is the salary of the person in charge of the {}?", "salary paid wage"),
    ("Who supplies the {}?", "supplies supplier supplied delivers delivered brings from comes"),
    ("What happens to the {} in the year 2050?", "future plan"),
    ("Which country has a similar {}?", "country abroad similar"),
    (
        "What is the name of the person who checks the {}?",
        "checks checked inspector tests tested tastes looks",
    ),
    ("How much does the {} weigh?", "weigh weight heavy kg"),
    ("What colour is the {}?", "colour color painted red green blue white black grey"),
    ("Where was the {} bought?", "bought purchased shop from made"),
)
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z][\w'’&-]+(?: (?:& |of (?:the )?)?[A-Z][\w'’-]+)*")
_THING = re.compile(r"\b(?:the|a|an) ((?:[a-z][a-z-]+ ?){1,3})")
# Words that end a thing: what follows "the" up to them is one.
_ENDS = frozenset(
    "is are was were be been does do did has have had can may must will should of in on at to for"
    " from with by that who which when where how and or not a an the called used kept made take"
    " takes cost costs run runs carry carries hold holds use uses first last same get gets go goes"
    " over under into through off up out along number name".split()
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+[#*\-\s]*")
_CALENDAR = frozenset(
    "january february march april may june july august september october november december monday"
    " tuesday wednesday thursday friday saturday sunday".split()
)


def unanswerable_questions(
    examples: Sequence[Example], texts: Sequence[str], wanted: int, seed: int = 0
) -> list[Example]:
    """Makes up questions without an answer, as examples that decline.

    Args:
        examples: The user's rows; their questions lend names and things.
        texts: The documents' texts or passages; may be empty.
        wanted: How many at most.
        seed: Same texts, same seed, same questions.

    Returns:
        Fewer than wanted where the texts name too little.
    """
    chance = random.Random(seed)
    sentences = [part for text in texts for part in _SENTENCE.split(text) if part.strip("# *-\n")]
    said = [f"{e.question} {e.answer}" for e in examples] + sentences
    known = [(line.lower(), set(content_words(line))) for line in said]
    questions = [e.question for e in examples]
    names, things = names_in([*questions, *sentences]), things_in(questions)
    asked = {as_spelled(example.question) for example in examples}
    pools = [
        list(_filled(_OF_NAMES, names, known, chance)),
        list(_filled(_OF_THINGS, things, known, chance)),
    ]
    found: list[str] = []
    while len(found) < wanted and any(pools):
        for pool in pools:
            question = pool.pop() if pool else ""
            if question and as_spelled(question) not in asked and len(found) < wanted:
                asked.add(as_spelled(question))
                found.append(question)
    return [
        Example(f"made-up-{n}", question, ABSTENTION, Split.TRAIN, kind=QuestionKind.UNANSWERABLE)
        for n, question in enumerate(found)
    ]


def names_in(lines: Sequence[str]) -> list[str]:
    """Proper names: capitalised inside a sentence and never written small, in order of the text."""
    small = {word for line in lines for word in re.findall(r"\b[a-z][\w'’-]*", line)}
    found = (
        m.group().removeprefix("The ")
        for line in lines
        for m in _NAME.finditer(line.lstrip("#*- \n"))
    )
    return [n for n in dict.fromkeys(found) if n.lower() not in small | _CALENDAR]


def things_in(questions: Sequence[str]) -> list[str]:
    """What the questions call "the …": up to three words before a verb or a preposition."""
    found: dict[str, None] = {}
    for question in questions:
        for match in _THING.finditer(question):
            words = []
            for word in match.group(1).split():
                if word in _ENDS:
                    break
                words.append(word)
            if words:
                found[" ".join(words)] = None
    return list(found)


def _filled(
    frames: Sequence[tuple[str, str]],
    subjects: Sequence[str],
    known: Sequence[tuple[str, set[str]]],
    chance: random.Random,
) -> Iterator[str]:
    """Every frame with every subject that no line names together with what is asked."""
    pairs = [(frame, subject) for frame in frames for subject in subjects]
    chance.shuffle(pairs)
    for (frame, telling), subject in pairs:
        wanted = set(telling.split())
        if not any(subject.lower() in line and wanted & words for line, words in known):
            yield frame.format(subject)
