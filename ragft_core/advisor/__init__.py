"""The decision advisor: criteria as data, measured evidence, a recommendation, its record.

criteria = load_criteria(workspace)
evidence = gather_evidence(workspace)
result = decide(criteria, {"need": "facts"}, measurements=evidence.measurements)
"""

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
    save_answers,
    suggest_answers,
    with_seen,
)
from ragft_core.advisor.criteria.file import load_criteria
from ragft_core.advisor.criteria.values import Criteria, Criterion
from ragft_core.advisor.deciding.decision import decide
from ragft_core.advisor.deciding.recommendation import Measurement, Recommendation
from ragft_core.advisor.evidence.gather import Evidence, gather_evidence
from ragft_core.advisor.record.build import make_record
from ragft_core.advisor.record.recipes import make_recipe
from ragft_core.advisor.record.record import (
    DecisionRecord,
    build_record,
    compare_records,
    list_records,
    load_record,
    load_records,
    newest_record,
    parse_record,
    save_record,
)
from ragft_core.advisor.record.render import render_record, render_rfp

__all__ = [
    "Answers",
    "Criteria",
    "Criterion",
    "DecisionRecord",
    "Evidence",
    "Measurement",
    "Recommendation",
    "build_record",
    "compare_records",
    "decide",
    "differing",
    "export_answers",
    "gather_evidence",
    "list_records",
    "list_stakeholders",
    "load_answers",
    "load_criteria",
    "load_record",
    "load_records",
    "make_recipe",
    "make_record",
    "newest_record",
    "parse_answers",
    "parse_answers_text",
    "parse_record",
    "prefill",
    "read_answers",
    "render_record",
    "render_rfp",
    "save_answers",
    "save_record",
    "suggest_answers",
    "with_seen",
]
