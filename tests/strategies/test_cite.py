from __future__ import annotations

from ragft_core.models.prompts import ABSTENTION
from ragft_core.overlap import numbers, support
from ragft_core.strategies.cite import cite
from ragft_core.types import Chunk, Passage


def passage(rank: int, text: str, title: str = "Handbook") -> Passage:
    return Passage(Chunk(f"c{rank}", "d", rank, text, 0, len(text)), title, 1.0 / rank, rank)


def test_support_is_the_share_of_content_words_that_are_held() -> None:
    assert support("24 months", ["The warranty is 24 months."]) == 1.0
    assert support("24 red months", ["The warranty is 24 months."]) == 2 / 3
    assert support("the of a", ["The warranty"]) is None


def test_a_number_is_one_word() -> None:
    assert numbers("It costs 1,299.50 euros") == [1299.5]
    assert support("1,299.50", ["It costs 1,299.00"]) == 0.0


def test_the_supporting_passage_is_cited_not_the_first() -> None:
    found = cite("24 months", [passage(1, "Shipping is free."), passage(2, "It is 24 months.")])
    assert [citation.rank for citation in found] == [2]


def test_an_abstention_cites_nothing() -> None:
    assert cite(ABSTENTION, [passage(1, ABSTENTION)]) == ()


def test_an_answer_from_nowhere_cites_nothing() -> None:
    assert cite("Paris", [passage(1, "The warranty is 24 months.")]) == ()


def test_at_most_two_passages_are_cited_best_first() -> None:
    text = "blue steel frame"
    found = cite(text, [passage(1, "blue steel"), passage(2, text), passage(3, text)])
    assert [citation.rank for citation in found] == [2, 3]
