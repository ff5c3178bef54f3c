"""What those who run the lab see of it: structured logs and metrics, both off unless asked for."""

from ragft_core.telemetry import metrics
from ragft_core.telemetry.logs import set_up_logs

__all__ = ["metrics", "set_up_logs"]
