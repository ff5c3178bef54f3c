"""Scripts whose words are not parted by spaces: no words to compare, but numbers and pairs of characters."""

from __future__ import annotations

import re
import unicodedata

from ragft_core.evaluation.equivalence.senses import told

# Scripts whose words are not parted by spaces, or carry their particles: Thai, kana, Han, Hangul.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_KANJI = {figure: value for value, figure in enumerate("〇一二三四五六七八九十")} | {
    "百": 100,
    "千": 1000,
}
_COUNTED = re.compile(
    rf"[{''.join(_KANJI)}]+(?=[年月日人回個个つ台本枚件時时分秒円元万歳岁階楼号天週周ヶか箇名倍%])"
)
_FIGURES = re.compile(r"\d+(?:\.\d+)?")
_ASKS_COUNT = re.compile(
    r"何[日人回個時分年月歳円階名台件枚]|いくつ|いくら|幾|多少|几|多久|多长|多大|몇|얼마"
)
# Up to how many characters a gold answer has to stand in an answer whole.
SHORT = 8
# Japanese, Chinese and Korean endings that deny.
_DENIES = re.compile(r"ません|ない|なし|ず(?:に|。|$)|いいえ|不|没|未|非|않|없|아니")


def is_unspaced(text: str) -> bool:
    """Whether a text is in such a script."""
    return bool(_UNSPACED.search(text))


def held_unspaced(answer: str, gold: str, question: str) -> float:
    """For a script without spaces: yes and no, denials, and the share of character pairs that it holds."""
    answer, gold = (
        _COUNTED.sub(_in_figures, unicodedata.normalize("NFKC", text)) for text in (answer, gold)
    )
    agrees = told(gold)
    if agrees is not None:
        opened = told(answer)
        return float((opened if opened is not None else not _denied(answer)) == agrees)
    if _denied(answer) != _denied(gold):
        return 0.0
    wanted = set(_FIGURES.findall(gold)) - set(_FIGURES.findall(question))
    if not wanted <= set(_FIGURES.findall(answer)):
        return 0.0
    if wanted and _ASKS_COUNT.search(question):
        return 1.0
    return _bigrams_held(answer, gold)


def _in_figures(match: re.Match[str]) -> str:
    """A number in Chinese figures: 四十 is 40, 二〇 is 20."""
    figures = [_KANJI[figure] for figure in match[0]]
    if all(figure < 10 for figure in figures):
        return "".join(map(str, figures))
    total, ones = 0, 0
    for figure in figures:
        total, ones = (total, figure) if figure < 10 else (total + (ones or 1) * figure, 0)
    return str(total + ones)


def _bigrams_held(answer: str, gold: str) -> float:
    """Share of the gold answer's character pairs in the answer; 1 where it stands there whole."""
    plain, wanted = ("".join(filter(str.isalnum, text.lower())) for text in (answer, gold))
    pairs = {wanted[place : place + 2] for place in range(max(1, len(wanted) - 1))}
    short = len(wanted) <= SHORT
    return float(wanted in plain) if short else sum(pair in plain for pair in pairs) / len(pairs)


def _denied(text: str) -> bool:
    """Whether a text in a script without spaces denies."""
    return bool(_DENIES.search(text))
