"""The decision record: built, kept, rendered."""

from ragft_core.advisor.record.article import article_points, article_table, measured_text
from ragft_core.advisor.record.build import make_record
from ragft_core.advisor.record.front import break_even_text, weight_text
from ragft_core.advisor.record.recipes import make_recipe
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
    "DecisionRecord",
    "article_points",
    "article_table",
    "break_even_text",
    "build_record",
    "citation",
    "compare_records",
    "list_records",
    "load_record",
    "load_records",
    "make_recipe",
    "make_record",
    "measured_accuracy",
    "measured_text",
    "parse_record",
    "render_record",
    "save_record",
    "weight_text",
]
