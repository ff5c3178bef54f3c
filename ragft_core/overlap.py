"""How far two short answers say the same in the same words: SQuAD's measures.

Normalisation, exact match and token F1 after Rajpurkar et al. 2016 (arXiv 1606.05250). They are
used to score answers, and to tell whether a written question finds its own answer again.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
# English words that carry no content, for counting what an answer shares with a passage.
STOP_WORDS = frozenset(
    "a about after all also am an and any are as at be been before but by can could did do does "
    "for from had has have he her his how i if in into is it its may more most no not of on one "
    "only or other our over she should so some such than that the their them then there these "
    "they this to under up was we were what when where which while who will with would yes you "
    "your".split()
)
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces."""
    text = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact_match(answer: str, gold: str) -> float:
    """1 where both are the same after normalisation, else 0."""
    return float(normalise(answer) == normalise(gold))


def token_f1(answer: str, gold: str) -> float:
    """Harmonic mean of token precision and recall after normalisation, 0 to 1."""
    given, wanted = normalise(answer).split(), normalise(gold).split()
    if not given or not wanted:
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)
