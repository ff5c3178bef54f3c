"""Numbers for Prometheus, with ``RAGFT_METRICS_PORT=9464``: served on loopback, counted otherwise not.

Labels are ids of arms and workspaces and states of jobs; no text of a document, a question or a
person is one. Without the variable, nothing is imported and counting is one look at a flag.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ragft_core.access import rights
from ragft_core.errors import SettingsError
from ragft_core.files import read_json
from ragft_core.settings import Settings
from ragft_core.workspace import list_workspaces

if TYPE_CHECKING:
    from ragft_core.types import Answer

VARIABLE = "RAGFT_METRICS_PORT"
ADDRESS = "127.0.0.1"
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_LOOK_AGAIN_S = 15.0
_counting: dict[str, Any] = {}


def serve_metrics() -> str:
    """Starts the exporter where a port is set; returns its address, empty without one.

    Raises:
        SettingsError: The port cannot be used, or the library is missing.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return ""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SettingsError(f"{VARIABLE} is {text[:20]!r}, which is no port.", "Set 9464.")
    try:
        import prometheus_client as prometheus
    except ImportError:
        raise SettingsError(
            f"{VARIABLE} is set, and prometheus-client is not installed.",
            "pip install -r requirements-scale.txt",
        ) from None
    registry = prometheus.CollectorRegistry()
    made = {
        "answers": prometheus.Counter(
            "ragft_answers", "Answers given, by arm and how they ended.", ["arm", "ended"],
            registry=registry,
        ),
        "seconds": prometheus.Histogram(
            "ragft_answer_seconds", "Seconds from question to end of answer.", ["arm"],
            buckets=_SECONDS, registry=registry,
        ),
        "tokens": prometheus.Counter(
            "ragft_generated_tokens", "Tokens generated; its rate is the engine's speed.",
            registry=registry,
        ),
        "errors": prometheus.Counter(
            "ragft_errors", "Records of level ERROR, by logger.", ["logger"], registry=registry
        ),
    }  # fmt: skip
    registry.register(_Workspaces())
    try:
        prometheus.start_http_server(int(text), ADDRESS, registry)
    except OSError as error:
        raise SettingsError(
            f"The port {text} of {VARIABLE} cannot be used: {error.strerror}.", "Set another."
        ) from None
    _counting.update(made)
    logging.getLogger().addHandler(_Errors(logging.ERROR))
    return f"http://{ADDRESS}:{text}/metrics"


def answered(answer: Answer) -> None:
    """Counts an answer that has ended, with its time and its tokens."""
    if not _counting:
        return
    ended = "failed" if answer.error else answer.finish or "ended"
    _counting["answers"].labels(answer.arm, ended).inc()
    if answer.total_s is not None and not answer.error:
        _counting["seconds"].labels(answer.arm).observe(answer.total_s)
    _counting["tokens"].inc(answer.completion_tokens or 0)


class _Errors(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _counting["errors"].labels(record.name.partition(".")[0]).inc()


class _Workspaces:
    """Jobs by state, the queues, and documents: read from the folders when somebody asks."""

    def __init__(self) -> None:
        self._seen: tuple[float, dict[str, Any]] = (-_LOOK_AGAIN_S, {})

    def collect(self) -> Iterator[Any]:
        """The gauges, at most 15 seconds old."""
        from prometheus_client.core import GaugeMetricFamily

        at, found = self._seen
        if time.monotonic() - at > _LOOK_AGAIN_S:
            with rights.as_the_lab():
                found = _look()
            self._seen = (time.monotonic(), found)
        for name, (text, label, values) in found.items():
            gauge = GaugeMetricFamily(name, text, labels=[label])
            for key, value in sorted(values.items()):
                gauge.add_metric([key], value)
            yield gauge


def _look() -> dict[str, tuple[str, str, Counter[str]]]:
    settings = Settings()
    jobs: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for workspace in list_workspaces(settings):
        for file in workspace.path.glob("jobs/*/status.json"):
            try:
                jobs[str(read_json(file).get("state", "unknown"))] += 1
            except (OSError, ValueError, SettingsError):
                jobs["unreadable"] += 1
        documents[workspace.id] = sum(1 for _ in workspace.path.glob("documents/*/document.json"))
    for ticket in settings.home.glob("queue/*/*.json"):
        waiting[ticket.parent.name] += 1
    return {
        "ragft_jobs": ("Jobs by state.", "state", jobs),
        "ragft_queue_length": ("Jobs at work or waiting, by queue.", "queue", waiting),
        "ragft_documents": ("Documents by workspace.", "workspace", documents),
    }
