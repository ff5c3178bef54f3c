"""The fine-tune page: what is missing, the estimate, starting, watching, stopping, the adapters."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ragft_core.finetuning import RunConfig, list_adapters, list_runs, save_examples, start_run
from ragft_core.jobs import JobState, JobStatus
from ragft_core.jobs.status import write_status
from ragft_core.settings import Settings
from ragft_core.types import Example, ModelChoice
from ragft_core.workspace import Workspace, list_workspaces
from tests.finetuning.test_comparing import made_run

PAGE = Path(__file__).resolve().parents[2] / "pages" / "build" / "finetune.py"


@pytest.fixture(autouse=True)
def _no_cached_models() -> None:
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs train the tiny model."""
    monkeypatch.setenv("RAGFT_THREADS", "1")


def open_page() -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=90)
    found = state_workspaces()
    if found:
        page.session_state["workspace"] = found[0]
    return page.run()


def state_workspaces() -> list[str]:
    return [item.id for item in list_workspaces(Settings())]


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.header]
    return "\n".join(str(element.value) for element in elements)


def labels(page: AppTest) -> list[str]:
    return [item.label for item in page.button]


def click(page: AppTest, label: str) -> AppTest:
    return next(item for item in page.button if item.label == label).click().run()


@pytest.fixture
def trainable(workspace: Workspace, tiny_model: Path) -> Workspace:
    workspace.update(model=ModelChoice(kind="folder", name=str(tiny_model)))
    rows = [Example(f"e{i}", f"which city {i}", ("red", "blue")[i % 2]) for i in range(48)]
    save_examples(workspace, rows)
    return workspace


@pytest.mark.parametrize("n", [0, 3])
def test_too_few_examples_are_named_and_lead_to_the_examples(workspace: Workspace, n: int) -> None:
    save_examples(workspace, [Example(f"e{i}", f"Q{i}?", "a") for i in range(n)])
    page = open_page()
    assert not page.exception
    assert f"at least 10 training examples; there are {n}" in texts(page)
    assert "Add examples" in labels(page)
    assert "Start fine-tuning" not in labels(page)


def test_an_endpoint_cannot_be_trained(trainable: Workspace) -> None:
    trainable.update(model=ModelChoice(kind="endpoint", name="big", url="http://127.0.0.1:1"))
    assert "cannot be fine-tuned here" in texts(open_page())


def test_time_memory_and_examples_are_told_before_starting(trainable: Workspace) -> None:
    page = open_page()
    assert not page.exception
    assert {m.label for m in page.metric} == {"Time, about", "Memory, about"}
    assert "43 examples trained, 5 watched" in texts(page)
    assert "80 steps" in texts(page)
    page.radio(key="finetune.preset").set_value("thorough").run()
    assert "269 steps" in texts(page)


def test_without_documents_only_the_fine_tuned_arm_is_offered(trainable: Workspace) -> None:
    page = open_page()
    assert page.get_by_key("finetune.arm").options == ["Fine-tuned arm"]


def test_a_setting_out_of_range_is_named(trainable: Workspace) -> None:
    page = open_page()
    rank = page.number_input(key="finetune.quick.rank")
    assert (rank.min, rank.max) == (1, 256)


@pytest.mark.slow
def test_a_run_is_started_watched_finished_and_its_adapter_used(trainable: Workspace) -> None:
    page = open_page()
    page.number_input(key="finetune.quick.steps").set_value(12)
    page.number_input(key="finetune.quick.epochs").set_value(0.0).run()
    click(page, "Start fine-tuning")
    assert not page.exception
    (job,) = list_runs(trainable)
    assert job.spec["config"]["steps"] == 12
    assert "Stop and keep the best" in labels(page) or not job.status().active
    assert job.wait(120).state is JobState.SUCCEEDED, job.log_tail()
    page = open_page()  # as after a refresh, or a restart of the server
    assert not page.exception
    assert "Validation loss" in texts(page)
    assert page.get("plotly_chart")
    assert "in use" in str(page.get("badge") or texts(page)) or "Use it" not in labels(page)
    click(page, "Delete the adapter")
    assert [a for a in list_adapters(trainable) if not a.bundled] == []


@pytest.mark.slow
def test_a_running_job_is_found_and_stopped(trainable: Workspace) -> None:
    job = start_run(trainable, RunConfig(steps=5000, epochs=0, patience=0))
    page = open_page()
    assert "Stop and keep the best" in labels(page)
    click(page, "Stop and keep the best")
    assert job.wait(90).state is JobState.STOPPED
    page = open_page()
    assert "Resume" in labels(page)


def test_an_interrupted_run_says_so_and_can_be_resumed(trainable: Workspace) -> None:
    job = start_run(trainable, RunConfig(steps=5000, epochs=0))
    job.stop(force=True)
    job.wait(30)
    write_status(job.folder, JobStatus(JobState.RUNNING))
    page = open_page()
    assert not page.exception
    job = list_runs(trainable)[0]
    assert job.status().state in (JobState.INTERRUPTED, JobState.STOPPED)
    assert "Resume" in labels(page)


def test_the_newest_adapter_is_in_use_until_another_is_chosen(trainable: Workspace) -> None:
    import json

    for number in range(2):
        folder = trainable.folder("adapters", f"train-{number}")
        card = {
            "name": f"Run {number}",
            "created_at": f"2026-11-2{number}T10:00:00+00:00",
            "rank": 4,
        }
        (folder / "card.json").write_text(json.dumps(card))
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
        (folder / "adapter_model.safetensors").write_bytes(b"")
    page = open_page()
    assert labels(page).count("Use it") == 1
    click(page, "Use it")
    assert trainable.settings().adapter == "train-0"


def test_a_run_shows_its_answers_why_it_ended_and_stands_beside_another(
    trainable: Workspace,
) -> None:
    made_run(trainable, "a", {"name": "First", "rank": 4}, [2.0, 1.0])
    made_run(trainable, "b", {"name": "Second", "rank": 8}, [2.0, 1.5])
    page = open_page()
    assert not page.exception
    assert "**3 of 5** watched questions right" in texts(page)
    assert any("Ended early" in item.value for item in page.info)
    page.session_state["finetune.tabs.b"] = "Answers"  # as a click on the tab does
    page.run()
    tables = [item.value for item in page.dataframe]
    answers = next(table for table in tables if "Right answer" in table.columns)
    assert list(answers["Answer"]) == ["1 kg", "Bert"]
    assert any({"First", "Second"} <= set(table.columns) for table in tables)
    page.text_input(key="run.name.a").set_value("The good one").run()
    page.button(key="run.rename.a").click().run()
    assert not page.exception
    assert "**The good one**" in texts(page)
    assert any("removed for good" in element.value for element in page.markdown)
    page.button(key="delete.a").click().run()
    assert not page.exception
    assert [job.id for job in list_runs(trainable)] == ["b"]


def test_two_clicks_start_one_run_and_one_deleted_elsewhere_is_not_shown(
    trainable: Workspace,
) -> None:
    page = open_page()
    click(click(page, "Start fine-tuning"), "Start fine-tuning")
    (run,) = list_runs(trainable)
    run.stop(force=True)
    run.wait(30)
    page.run()
    run.delete()  # in another tab
    click(page, "Resume")
    assert not page.exception
    assert not page.error
    assert not run.folder.exists()
