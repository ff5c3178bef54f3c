"""The evaluation lab: which arm answers best on this workspace, and how sure are we.

Questions come from the examples' test split or from a table (``questions``), are asked in a
durable job (``runner``), scored one by one (``catalogue``), compared pair by pair (``statistics``)
and put into words (``verdicts``). A score that does not apply is unscored, never zero; a verdict
may be "too close to call".
"""

from ragft_core.evaluation.claims import check_claims
from ragft_core.evaluation.outlook import Outlook, look_ahead, probe
from ragft_core.evaluation.plain import report_text
from ragft_core.evaluation.plans import Plan, list_plans, make_plan, make_self_check
from ragft_core.evaluation.prices import Prices, price_arms
from ragft_core.evaluation.questions import QuestionSet
from ragft_core.evaluation.report import EvaluationReport, load_report, make_report
from ragft_core.evaluation.results import Results, load_results, version_of
from ragft_core.evaluation.runner import find_job, start_evaluation
from ragft_core.evaluation.sources import (
    brought_questions,
    check_leaks,
    count_test_questions,
    latest_writing,
    workspace_questions,
    written_questions,
)

__all__ = [
    "EvaluationReport",
    "Outlook",
    "Plan",
    "Prices",
    "QuestionSet",
    "Results",
    "brought_questions",
    "check_claims",
    "check_leaks",
    "count_test_questions",
    "find_job",
    "latest_writing",
    "list_plans",
    "load_report",
    "load_results",
    "look_ahead",
    "make_plan",
    "make_report",
    "make_self_check",
    "price_arms",
    "probe",
    "report_text",
    "start_evaluation",
    "version_of",
    "workspace_questions",
    "written_questions",
]
