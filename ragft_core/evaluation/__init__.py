"""The evaluation lab: which arm answers best on this workspace, and how sure are we.

Questions come from the examples' test split or from a table (``questions``), are asked in a
durable job (``runner``), scored one by one (``catalogue``), compared pair by pair (``statistics``)
and put into words (``verdicts``). A score that does not apply is unscored, never zero; a verdict
may be "too close to call".
"""

from ragft_core.evaluation.claims import ClaimCheck, check_claims
from ragft_core.evaluation.leaks import LeakReport, find_leaks
from ragft_core.evaluation.outlook import Outlook, look_ahead, probe
from ragft_core.evaluation.plans import Plan, list_plans, make_plan, make_self_check
from ragft_core.evaluation.questions import Question, QuestionSet, from_examples, from_rows
from ragft_core.evaluation.report import EvaluationReport, load_report, make_report
from ragft_core.evaluation.results import Results, load_results
from ragft_core.evaluation.runner import find_job, start_evaluation

__all__ = [
    "ClaimCheck",
    "EvaluationReport",
    "LeakReport",
    "Outlook",
    "Plan",
    "Question",
    "QuestionSet",
    "Results",
    "check_claims",
    "find_job",
    "find_leaks",
    "from_examples",
    "from_rows",
    "list_plans",
    "load_report",
    "load_results",
    "look_ahead",
    "make_plan",
    "make_report",
    "make_self_check",
    "probe",
    "start_evaluation",
]
