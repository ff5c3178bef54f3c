"""Criteria as data, and the answers that people give to them."""

from ragft_core.advisor.criteria.answers import (
    Answers,
    compare_answers,
    export_answers,
    list_stakeholders,
    load_answers,
    parse_answers,
    parse_answers_text,
    prefill,
    read_answers,
    save_answers,
    suggest_answers,
)
from ragft_core.advisor.criteria.file import load_criteria
from ragft_core.advisor.criteria.values import (
    GRADE_WORDS,
    STRATEGIES,
    STRATEGY_NAMES,
    UNKNOWN,
    Criteria,
    Criterion,
)

__all__ = [
    "GRADE_WORDS",
    "STRATEGIES",
    "STRATEGY_NAMES",
    "UNKNOWN",
    "Answers",
    "Criteria",
    "Criterion",
    "compare_answers",
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
]
