"""Evidence: what a workspace's files show, and nothing where there is nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ragft_core.advisor import decide, gather_evidence, load_criteria
from ragft_core.advisor.evidence.gather import (
    MIN_ANSWERS,
    answer_measurements,
    mean_measurement,
    training_measurements,
)
from ragft_core.errors import AdvisorError
from ragft_core.evaluation.reports import ArmLatency
from ragft_core.finetuning import save_examples
from ragft_core.models.weights import GENERATOR, check_folder
from ragft_core.strategies import Turn, save_turn
from ragft_core.types import Adapter, Answer, Example, Split, Strategy
from ragft_core.workspace import Workspace, write_json
from tests.advisor.reports import record, report, store, table


def answer(arm: Strategy, seconds: float = 0.5, **changes: object) -> Answer:
    made = Answer(
        arm, "Q?", "A", prompt_tokens=100, completion_tokens=5, first_token_s=seconds,
        total_s=seconds + 0.2, weights="w1",
    )  # fmt: skip
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_an_empty_workspace_has_measured_nothing(workspace: Workspace) -> None:
    evidence = gather_evidence(workspace)
    assert evidence.measurements == ()
    assert evidence.facts["documents"] == 0
    assert evidence.measured("accuracy", Strategy.RAG) is None


def test_the_bundled_model_is_known_before_it_is_fetched(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator_folder: Path
) -> None:
    there = check_folder(generator_folder)
    assert (GENERATOR.parameters, GENERATOR.context_tokens) == (
        there.parameters, there.context_tokens,
    )  # fmt: skip
    facts = gather_evidence(workspace).facts
    monkeypatch.setenv("RAGFT_MODELS", str(tmp_path / "none"))
    assert gather_evidence(workspace).facts == facts
    assert facts["context_tokens"] == 8192


def test_examples_are_counted_by_split(workspace: Workspace) -> None:
    rows = [Example(f"t{i}", f"Q{i}?", "A") for i in range(7)]
    rows += [Example(f"x{i}", f"X{i}?", "A", split=Split.TEST) for i in range(3)]
    save_examples(workspace, rows)
    facts = gather_evidence(workspace).facts
    assert facts["train_examples"] == 7
    assert facts["test_questions"] == 3


def test_an_endpoint_cannot_be_tuned(workspace: Workspace) -> None:
    model = dataclasses.replace(workspace.settings().model, kind="endpoint", name="big")
    workspace.update(model=model)
    facts = gather_evidence(workspace).facts
    assert facts["tunable"] == 0
    assert "context_tokens" not in facts


def test_times_of_the_chat_are_measured_from_three_answers_on(workspace: Workspace) -> None:
    for number in range(MIN_ANSWERS):
        assert gather_evidence(workspace).measured("first_token_s", Strategy.RAG) is None
        turn = Turn(f"t{number}", "Q?", (answer(Strategy.RAG, 0.5 + number / 10),), "2026-11-22")
        save_turn(workspace, "chat-1", turn)
    found = gather_evidence(workspace).measured("first_token_s", Strategy.RAG)
    assert found is not None
    assert found.value == pytest.approx(0.6)
    assert found.low < 0.6 < found.high
    assert (found.n, found.source) == (3, "chat")


def test_failed_answers_and_those_of_another_model_do_not_count() -> None:
    old = [answer(Strategy.RAG, 9.0, weights="w0") for _ in range(5)]
    failed = [answer(Strategy.RAG, 9.0, error="broken") for _ in range(5)]
    new = [answer(Strategy.RAG, 0.5) for _ in range(3)]
    found = answer_measurements([*old, *failed, *new], "chat")
    assert [m.value for m in found if m.id == "first_token_s"] == [pytest.approx(0.5)]


def test_the_interval_of_a_mean_is_students() -> None:
    from scipy import stats

    for values in ([1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0]):
        found = mean_measurement("x", values, "test", Strategy.RAG)
        mean, error = np.mean(values), stats.sem(values)
        ends = stats.t.interval(0.95, len(values) - 1, mean, error)
        assert found.value == pytest.approx(mean)
        assert (found.low, found.high) == (pytest.approx(max(ends[0], 0)), pytest.approx(ends[1]))


def test_training_time_comes_from_the_run_card() -> None:
    adapters = [
        Adapter("a1", "One", "b", "p", 16, card={"seconds": 600}),
        Adapter("a2", "Two", "b", "p", 16, with_context=True, card={"seconds": 120}),
        Adapter("a3", "Three", "b", "p", 16, card={"seconds": 300}),
        Adapter("a4", "Four", "b", "p", 16, card={}),
    ]
    found = {m.strategy: m.value for m in training_measurements(adapters)}
    assert found == {Strategy.FINE_TUNED: 5.0, Strategy.HYBRID: 2.0}


def test_the_latest_evaluation_is_evidence(workspace: Workspace) -> None:
    store(workspace, report())
    evidence = gather_evidence(workspace)
    right = evidence.measured("accuracy", Strategy.RAG)
    assert right is not None
    assert (right.value, right.low, right.high, right.n) == (0.6, pytest.approx(0.5), 0.7, 60)
    assert evidence.measured("unseen_accuracy", Strategy.RAG).value == 0.7  # type: ignore[union-attr]
    assert evidence.measured("retrieval", Strategy.RAG).value == 0.9  # type: ignore[union-attr]
    assert evidence.measured("form", Strategy.FINE_TUNED) is None  # wording is not form
    assert evidence.measured("retrieval", Strategy.PROMPT) is None
    assert evidence.measured("general", Strategy.RAG) is None
    assert "60 (40 document-fact" in evidence.provenance["questions"]


def test_an_evaluations_time_to_the_first_token_has_an_interval(workspace: Workspace) -> None:
    store(workspace, report())
    found = gather_evidence(workspace).measured("first_token_s", Strategy.RAG)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.8, pytest.approx(0.6), pytest.approx(1.2))


def test_the_time_to_the_first_token_has_an_interval_of_its_own(workspace: Workspace) -> None:
    times = ArmLatency("rag", 5, 2.0, 1.5, 3.0, 0.8, (2.0,), 0.7, 0.9)
    store(workspace, report(latency=(times,)))
    found = gather_evidence(workspace).measured("first_token_s", Strategy.RAG)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.8, 0.7, 0.9)


def test_the_agreed_form_counts_before_wording(workspace: Workspace) -> None:
    tables = (*report().tables, table("format", "all", prompt=0.3, rag=0.4, fine_tuned=0.99))
    store(workspace, report(tables=tables))
    found = gather_evidence(workspace).measured("form", Strategy.FINE_TUNED)
    assert found is not None
    assert found.value == 0.99


def test_the_newest_evaluation_counts(workspace: Workspace) -> None:
    store(workspace, report())
    newer = table("correct", "all", rag=0.2)
    store(workspace, report(id="eval-20261123-093000-0000", tables=(newer,)))
    assert gather_evidence(workspace).measured("accuracy", Strategy.RAG).value == 0.2  # type: ignore[union-attr]


def test_two_prompts_of_one_strategy_do_not_replace_the_comparison_of_strategies(
    workspace: Workspace,
) -> None:
    pair = (record("rag"), dataclasses.replace(record("rag-better"), strategy="rag"))
    only = report(
        id="eval-20261124-093000-1f2e",
        arms=pair,
        tables=(table("correct", "all", rag=0.2, rag_better=0.9),),
    )
    store(workspace, only)
    alone = gather_evidence(workspace).measured("accuracy", Strategy.RAG)
    assert alone
    assert alone.value == 0.9  # nothing else was measured
    store(workspace, report())  # older by its id
    found = gather_evidence(workspace)
    assert found.measured("accuracy", Strategy.RAG).value == 0.6  # type: ignore[union-attr]
    assert found.measured("accuracy", Strategy.FINE_TUNED)


def test_a_check_of_an_arm_against_itself_is_no_evidence(workspace: Workspace) -> None:
    store(workspace, report(self_check=True))
    assert gather_evidence(workspace).measurements == ()


def test_an_arm_that_failed_is_not_evidence(workspace: Workspace) -> None:
    store(workspace, report(arms=(record("prompt"), record("rag", failed=30))))
    evidence = gather_evidence(workspace)
    assert evidence.measured("accuracy", Strategy.RAG) is None
    assert evidence.measured("accuracy", Strategy.PROMPT) is not None


def test_a_damaged_report_is_named(workspace: Workspace) -> None:
    store(workspace, report())
    file = next((workspace.path / "evaluations").glob("*/report.json"))
    file.write_text('{"id": "eval-1"}')
    with pytest.raises(AdvisorError, match="cannot be read"):
        gather_evidence(workspace)


def test_the_share_right_with_a_prompt_alone_suggests_an_answer(workspace: Workspace) -> None:
    store(workspace, report())
    assert gather_evidence(workspace).facts["prompt_accuracy"] == 0.1


def test_evidence_changes_the_decision(workspace: Workspace) -> None:
    tables = (table("correct", "all", prompt=0.05, rag=0.1, fine_tuned=0.95, hybrid=0.4),)
    arms = tuple(record(arm) for arm in ("prompt", "rag", "fine-tuned", "hybrid"))
    store(workspace, report(tables=tables, latency=(), arms=arms))
    evidence = gather_evidence(workspace)
    answers = {"need": "facts", "documents": "good", "labels": "many"}
    criteria = load_criteria()
    assert decide(criteria, answers).leader is not Strategy.FINE_TUNED
    measured = decide(criteria, answers, {"need": 5.0}, evidence.measurements)
    assert measured.leader is Strategy.FINE_TUNED


def test_the_best_arm_of_a_strategy_speaks_for_it_and_is_named(workspace: Workspace) -> None:
    report = {
        "id": "eval-1", "name": "t", "created_at": "", "n_questions": 50, "kinds": {},
        "verdict": "", "self_check": False, "sensitive": {"score": "f1"}, "latency": [],
        "arms": [
            {
                "arm": arm, "strategy": "rag", "asked": 50, "answered": 50, "failed": 0,
                "model": "", "weights": "", "adapter": None, "index_version": None,
            }
            for arm in ("rag", "rag-8-passages")
        ],
        "tables": [
            {
                "score": "correct", "slice": "all",
                "summaries": {
                    "rag": {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 50},
                    "rag-8-passages": {"mean": 0.7, "low": 0.6, "high": 0.8, "n": 50},
                },
            }
        ],
    }  # fmt: skip
    write_json(workspace.folder("evaluations", "eval-1") / "report.json", report)
    found = gather_evidence(workspace).measured("accuracy", Strategy.RAG)
    assert found is not None
    assert (found.value, found.source) == (0.7, "evaluation eval-1, arm rag-8-passages")
