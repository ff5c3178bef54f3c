"""Criteria as data, and the answers that people give to them."""

from ragft_core.advisor.criteria.answers import (
    Answers,
    compare_answers,
    differing,
    export_answers,
    list_stakeholders,
    load_answers,
    parse_answers,
    parse_answers_text,
    prefill,
    read_answers,
    save_answers,
    suggest_answers,
    with_seen,
)
from ragft_core.advisor.criteria.file import load_criteria
from ragft_core.advisor.criteria.values import (
    GRADE_WORDS,
    STRATEGIES,
    UNKNOWN,
    Criteria,
    Criterion,
)

__all__ = [
    "GRADE_WORDS",
    "STRATEGIES",
    "UNKNOWN",
    "Answers",
    "Criteria",
    "Criterion",
    "compare_answers",
    "differing",
    "export_answers",
    "list_stakeholders",
    "load_answers",
    "load_criteria",
    "parse_answers",
    "parse_answers_text",
    "prefill",
    "read_answers",
    "save_answers",
    "suggest_answers",
    "with_seen",
]
