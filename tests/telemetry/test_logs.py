"""Logs as JSON lines: what they say, and what they never do."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from ragft_core.errors import SettingsError, explain
from ragft_core.telemetry import metrics, set_up_logs

CANARY = "The patient is called Wren"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate)
        for name in list(root.manager.loggerDict)
    })  # fmt: skip
    monkeypatch.setenv("RAGFT_LOG", "json")
    yield
    root.handlers, level, others = before
    root.setLevel(level)
    for name, (handlers, propagate) in others.items():
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, propagate


def test_a_line_is_an_object_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert set_up_logs("demo", "train-1")
    logging.getLogger("ragft_core.jobs").info("The job %s: %s", "train", "succeeded")
    row = json.loads(capsys.readouterr().err)
    assert row.pop("time").endswith("+00:00")
    assert row == {
        "level": "INFO", "logger": "ragft_core.jobs", "message": "The job train: succeeded",
        "workspace": "demo", "job": "train-1",
    }  # fmt: skip


def test_no_words_of_an_exception_and_no_key_are_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_KEY_X", "sk-secret-value")
    set_up_logs()
    log = logging.getLogger("ragft_core.strategies")
    try:
        raise ValueError(f"cannot read {CANARY}")
    except ValueError as error:
        log.exception("The arm %s failed", "rag")
        explain(error)
    log.warning("Asked with sk-secret-value")
    logging.getLogger("httpx").info("GET /%s", CANARY)
    said = capsys.readouterr().err
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row.get("error") for row in rows] == ["ValueError", None, None]
    assert "test_logs.py" in rows[0]["where"][0]
    assert "ValueError" in rows[1]["message"]
    assert CANARY not in said
    assert "sk-secret" not in said


def test_another_form_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_LOG", "xml")
    with pytest.raises(SettingsError, match="xml"):
        set_up_logs()


@pytest.mark.parametrize("port", ["http", "0", "99999"])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_METRICS_PORT", port)
    with pytest.raises(SettingsError, match="no port"):
        metrics.serve_metrics()
