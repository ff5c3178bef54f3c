"""The evaluation job, and the forecast of what it will take."""

from ragft_core.evaluation.running.forecast import Forecast, estimate_evaluation, probe
from ragft_core.evaluation.running.job import find_job, start_evaluation

__all__ = [
    "Forecast",
    "estimate_evaluation",
    "find_job",
    "probe",
    "start_evaluation",
]
