"""The evaluation lab: which arm answers best on this workspace, and how sure are we.

Questions come from the examples' test split or from a table (``questions``), are asked in a
durable job (``running``), scored one by one (``scoring``), compared pair by pair (``statistics``)
and put into words (``reports``). A score that does not apply is unscored, never zero; a verdict
may be "too close to call".
"""

from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.questions.sources import (
    brought_questions,
    check_leaks,
    count_test_questions,
    latest_writing,
    workspace_questions,
    written_questions,
)
from ragft_core.evaluation.reports.prices import Prices, price_arms
from ragft_core.evaluation.reports.report import EvaluationReport, load_report, make_report
from ragft_core.evaluation.reports.results import Results, load_results, version_of
from ragft_core.evaluation.reports.text_report import report_text
from ragft_core.evaluation.running.forecast import Forecast, estimate_evaluation, probe
from ragft_core.evaluation.running.job import find_job, start_evaluation
from ragft_core.evaluation.store.plans import Plan, list_plans, make_plan, make_self_check

__all__ = [
    "EvaluationReport",
    "Forecast",
    "Plan",
    "Prices",
    "QuestionSet",
    "Results",
    "brought_questions",
    "check_leaks",
    "count_test_questions",
    "estimate_evaluation",
    "find_job",
    "latest_writing",
    "list_plans",
    "load_report",
    "load_results",
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
