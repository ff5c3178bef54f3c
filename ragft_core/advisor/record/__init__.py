"""The decision record: built, kept, rendered."""

from ragft_core.advisor.record.article import article_points, article_table, measured_text
from ragft_core.advisor.record.assignments import Assignment, assign, load_assignments
from ragft_core.advisor.record.build import decide_together, make_record
from ragft_core.advisor.record.cards import Card, strategy_cards
from ragft_core.advisor.record.front import break_even_text, scenario_title, weight_text
from ragft_core.advisor.record.recipes import Step, make_recipe
from ragft_core.advisor.record.record import (
    DecisionRecord,
    build_record,
    compare_records,
    list_records,
    load_record,
    load_records,
    measured_accuracy,
    parse_record,
    save_record,
)
from ragft_core.advisor.record.render import render_record
from ragft_core.advisor.record.svg import GROUP_COLOURS
from ragft_core.evaluation.reports.claims import citation

__all__ = [
    "GROUP_COLOURS",
    "Assignment",
    "Card",
    "DecisionRecord",
    "Step",
    "article_points",
    "article_table",
    "assign",
    "break_even_text",
    "build_record",
    "citation",
    "compare_records",
    "decide_together",
    "list_records",
    "load_assignments",
    "load_record",
    "load_records",
    "make_recipe",
    "make_record",
    "measured_accuracy",
    "measured_text",
    "parse_record",
    "render_record",
    "save_record",
    "scenario_title",
    "strategy_cards",
    "weight_text",
]
