"""The built-in criteria, and random answers and weights for property tests."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from ragft_core.advisor import Criteria, load_criteria

CRITERIA = load_criteria()


@pytest.fixture
def criteria() -> Criteria:
    return CRITERIA


def answer_sets(minimum: int = 0) -> st.SearchStrategy[dict[str, str]]:
    """Answers to a random part of the questions."""

    def choices(ids: list[str]) -> st.SearchStrategy[dict[str, str]]:
        return st.fixed_dictionaries(
            {key: st.sampled_from([c.id for c in CRITERIA.get(key).choices]) for key in ids}
        )

    ids = st.lists(
        st.sampled_from([c.id for c in CRITERIA.criteria]), min_size=minimum, unique=True
    )
    return ids.flatmap(choices)


def weight_sets() -> st.SearchStrategy[dict[str, float]]:
    """A weight from 0.1 to 5 for every criterion."""
    return st.fixed_dictionaries(
        {c.id: st.floats(0.1, 5, allow_nan=False) for c in CRITERIA.criteria}
    )
