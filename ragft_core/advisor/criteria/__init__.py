"""Criteria as data, and the answers that people give to them."""

from ragft_core.advisor.criteria.answers import (
    Answers,
    differing,
    export_answers,
    list_stakeholders,
    load_answers,
    parse_answers,
    parse_answers_text,
    prefill,
    read_answers,
    remove_stakeholder,
    save_answers,
    suggest_answers,
    with_seen,
)
from ragft_core.advisor.criteria.file import load_criteria
from ragft_core.advisor.criteria.group import GroupView, group_view
from ragft_core.advisor.criteria.templates import (
    answer_templates,
    confirm_template,
    drop_template,
    take_template,
    template_title,
)
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
    "GroupView",
    "answer_templates",
    "confirm_template",
    "differing",
    "drop_template",
    "export_answers",
    "group_view",
    "list_stakeholders",
    "load_answers",
    "load_criteria",
    "parse_answers",
    "parse_answers_text",
    "prefill",
    "read_answers",
    "remove_stakeholder",
    "save_answers",
    "suggest_answers",
    "take_template",
    "template_title",
    "with_seen",
]
