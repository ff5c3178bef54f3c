"""What is counted of answers, in a process of its own: counters have no other end."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT
from tests.telemetry.conftest import free_port

CODE = """
import os, sys
import httpx
from ragft_core.telemetry import metrics
from ragft_core.types import Answer
metrics.answered(Answer(arm="rag", question="?"))
assert "prometheus_client" not in sys.modules
address = metrics.serve_metrics()
metrics.answered(Answer(arm="rag", question="Wren?", text="Wren.", total_s=0.3,
                        completion_tokens=7, finish="stop"))
metrics.answered(Answer(arm="prompt", question="Wren?", error="It failed.", finish="error"))
import logging
logging.getLogger("ragft_core.x").error("Broken")
print(httpx.get(address).text)
"""


def test_answers_are_counted_by_arm_and_end() -> None:
    import os

    environment = {**os.environ, "RAGFT_METRICS_PORT": str(free_port())}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert 'ragft_answers_total{arm="rag",ended="stop"} 1.0' in lines
    assert 'ragft_answers_total{arm="prompt",ended="failed"} 1.0' in lines
    assert 'ragft_answer_seconds_bucket{arm="rag",le="0.5"} 1.0' in lines
    assert "ragft_generated_tokens_total 7.0" in lines
    assert 'ragft_errors_total{logger="ragft_core"} 1.0' in lines
    assert "Wren" not in done.stdout
