"""What a run showed: scores, verdict, claims, side effects, exports."""

from ragft_core.evaluation.reports.exporting import FORMATS, export_answers, export_report
from ragft_core.evaluation.reports.extras import ArmLatency, LabelTable, vote_interval
from ragft_core.evaluation.reports.prices import ArmPrice, Prices, price_arms
from ragft_core.evaluation.reports.report import (
    EvaluationReport,
    Flip,
    flips,
    load_report,
    make_report,
    refresh_report,
    vote_shares,
)
from ragft_core.evaluation.reports.results import (
    Results,
    ScoreTable,
    Slice,
    load_results,
    version_of,
)
from ragft_core.evaluation.reports.reviewing import (
    ENOUGH,
    Case,
    Corrected,
    agreement_by_hand,
    corrected_shares,
    review_cases,
)
from ragft_core.evaluation.reports.text_report import report_text
from ragft_core.evaluation.reports.verdicts import Verdict
from ragft_core.evaluation.statistics.estimates import Difference, Summary

__all__ = [
    "ENOUGH",
    "FORMATS",
    "ArmLatency",
    "ArmPrice",
    "Case",
    "Corrected",
    "Difference",
    "EvaluationReport",
    "Flip",
    "LabelTable",
    "Prices",
    "Results",
    "ScoreTable",
    "Slice",
    "Summary",
    "Verdict",
    "agreement_by_hand",
    "corrected_shares",
    "export_answers",
    "export_report",
    "flips",
    "load_report",
    "load_results",
    "make_report",
    "price_arms",
    "refresh_report",
    "report_text",
    "review_cases",
    "version_of",
    "vote_interval",
    "vote_shares",
]
