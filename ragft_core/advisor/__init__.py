"""The decision advisor: criteria as data, measured evidence, a recommendation, its record.

criteria = load_criteria(workspace)
evidence = gather_evidence(workspace)
result = decide(criteria, {"need": "facts"}, measurements=evidence.measurements)
"""

from ragft_core.advisor.answers import (
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
from ragft_core.advisor.criteria import STRATEGY_NAMES, Criteria, Criterion
from ragft_core.advisor.criteria_file import load_criteria
from ragft_core.advisor.decision import decide
from ragft_core.advisor.evidence import Evidence, gather_evidence
from ragft_core.advisor.results import Measurement, Recommendation

__all__ = [
    "STRATEGY_NAMES",
    "Answers",
    "Criteria",
    "Criterion",
    "Evidence",
    "Measurement",
    "Recommendation",
    "compare_answers",
    "decide",
    "export_answers",
    "gather_evidence",
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
