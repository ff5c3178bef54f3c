"""The evaluation job, the forecast of what it will take, and what its answers calibrate."""

from ragft_core.evaluation.running.calibrating import (
    CalibrationReport,
    Outcome,
    Reliability,
    calibrate,
    reliability,
)
from ragft_core.evaluation.running.forecast import Forecast, estimate_evaluation, probe
from ragft_core.evaluation.running.job import find_job, start_evaluation

__all__ = [
    "CalibrationReport",
    "Forecast",
    "Outcome",
    "Reliability",
    "calibrate",
    "estimate_evaluation",
    "find_job",
    "probe",
    "reliability",
    "start_evaluation",
]
